/// Checks the files of one or both ladders: names, numbers, pairs, released files, and every statement.
package struct LadderLint {
    private let files: [LintFile]
    private let released: ReleasedFiles
    private var findings: [Finding] = []
    private var statementCount = 0

    /// `released` is the text of the list of released files, empty when there is none.
    package static func check(_ files: [LintFile], released: String = "") -> LintReport {
        var lint = LadderLint(files: files, released: ReleasedFiles(released))
        lint.run()
        let order = lint.findings.enumerated().sorted { left, right in
            (left.element.file, left.element.position.offset, left.element.position.line, left.offset)
                < (right.element.file, right.element.position.offset, right.element.position.line, right.offset)
        }
        return LintReport(findings: order.map(\.element), fileCount: files.count, statementCount: lint.statementCount)
    }

    private init(files: [LintFile], released: ReleasedFiles) {
        self.files = files.sorted { $0.path < $1.path }
        self.released = released
    }

    private mutating func run() {
        let named = files.compactMap { file in MigrationName(file.name).map { (file, $0) } }
        checkNames(named)
        checkPairs(named)
        findings += released.findings(files)
        for dialect in SQLDialect.allCases {
            let ladder = named.filter { $0.0.dialect == dialect }
            judge(ladder)
        }
    }

    // MARK: - Statements

    private mutating func judge(_ ladder: [(LintFile, MigrationName)]) {
        let ups = ladder.filter { !$0.1.isDown }.sorted { ($0.1.number, $0.1.stem) < ($1.1.number, $1.1.stem) }
        var catalogue = Catalogue()
        for (index, (file, name)) in ups.enumerated() {
            judge(file, name, index, &catalogue, isRerun: false, isTransactional: name.isTransactional)
        }
        // Each once more over what all of them have made, as after a restore that lost rows of the ledger.
        for (index, (file, name)) in ups.enumerated() {
            var head = catalogue
            judge(file, name, index, &head, isRerun: true, isTransactional: name.isTransactional)
        }
        for (file, name) in ladder where name.isDown {
            var head = catalogue
            let up = ups.first { $0.1.stem == name.stem }
            judge(file, name, ups.count, &head, isRerun: false, isTransactional: up?.1.isTransactional ?? true)
        }
    }

    private mutating func judge(
        _ file: LintFile, _ name: MigrationName, _ index: Int, _ catalogue: inout Catalogue, isRerun: Bool,
        isTransactional: Bool
    ) {
        let released = released
        var lint = FileLint(
            file, name, index: index, catalogue: catalogue, isRerun: isRerun, isTransactional: isTransactional,
            isReleased: { released.contains($0) })
        lint.run()
        catalogue = lint.context.catalogue
        findings += lint.findings.filter { new in
            !isRerun || !findings.contains { $0.file == new.file && $0.position == new.position }
        }
        if !isRerun { statementCount += lint.statementCount }
    }

    // MARK: - Names and numbers

    private mutating func checkNames(_ named: [(LintFile, MigrationName)]) {
        let highest = named.map(\.1.number).max() ?? 0
        for file in files where MigrationName(file.name) == nil {
            let suggestion = MigrationName.suggestion(for: file.name, number: highest + 1)
            report(
                file.path, .fileName, "the runner does not take a file of this name",
                .advice("Call it \(suggestion): six digits, lower-case words, .up.sql, .notx.up.sql or .down.sql."))
        }
        let ups = named.filter { !$0.1.isDown }
        let numbers = Set(ups.map(\.1.number)).sorted()
        for (expected, number) in zip(1..., numbers) where number != expected {
            guard let file = ups.first(where: { $0.1.number == number })?.0 else { break }
            report(
                file.path, .numbering,
                "the numbers have a gap before this file: \(MigrationName.padded(expected)) is missing",
                .advice(
                    "Call it \(MigrationName.padded(expected))\(file.name.dropFirst(6)), with its down file and its twin on the other engine."
                ))
            break
        }
        for dialect in SQLDialect.allCases {
            var seen: [Int: String] = [:]
            for (file, name) in ups where file.dialect == dialect {
                if let first = seen[name.number] {
                    report(
                        file.path, .numbering, "\(first) has this number already",
                        .advice("Call it \(MigrationName.padded(highest + 1))\(file.name.dropFirst(6))."))
                }
                seen[name.number] = seen[name.number] ?? file.name
            }
        }
        for (file, name) in ups where file.dialect == .sqlite {
            let twins = ups.filter { $0.0.dialect == .postgres && $0.1.number == name.number }
            guard let twin = twins.first, !twins.contains(where: { $0.1.stem == name.stem }) else { continue }
            report(
                file.path, .enginePair, "the other engine calls this version \(twin.1.stem)",
                .advice("Give both files one name: the ledger knows a version by it."))
        }
    }

    private mutating func checkPairs(_ named: [(LintFile, MigrationName)]) {
        for (file, name) in named {
            let others = named.filter {
                $0.0.dialect == file.dialect && $0.1.stem == name.stem && $0.1.isDown != name.isDown
            }
            guard others.isEmpty else { continue }
            if name.isDown {
                report(
                    file.path, .downOrphan, "there is no \(name.stem).up.sql that this file undoes",
                    .advice("Remove it, or write the up file."))
            } else if !file.text.isEmpty {
                report(
                    file.path, .downMissing, "there is no \(name.stem).down.sql that undoes this file",
                    Correction(
                        pieces: [.init(place: .down, sql: DownFile.text(for: file))],
                        advice: "Write \(name.stem).down.sql, and say in its first line what is lost."))
            }
        }
    }

    private mutating func report(_ file: String, _ rule: Rule, _ message: String, _ correction: Correction) {
        findings.append(
            Finding(file: file, position: .start, rule: rule, message: message, correction: correction, range: 0..<0))
    }
}
