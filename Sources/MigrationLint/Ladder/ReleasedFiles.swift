/// The files that a release has carried, and that nobody may change any more: `released.txt` beside the ladders.
///
/// One line for each file: `sha256␠␠engine/file`, as `sha256sum` writes it. Lines that start with `#` are comments.
package struct ReleasedFiles: Sendable {
    package static let fileName = "released.txt"

    private let sums: [(path: String, sha256: String, line: Int)]
    private let malformed: [Int]

    package init(_ text: String) {
        var sums: [(path: String, sha256: String, line: Int)] = []
        var malformed: [Int] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ")
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            if words.count == 2, first.utf8.count == 64, words[1].contains("/") {
                sums.append((String(words[1]), String(first), index + 1))
            } else {
                malformed.append(index + 1)
            }
        }
        self.sums = sums
        self.malformed = malformed
    }

    package func contains(_ path: String) -> Bool { sums.contains { $0.path == path } }

    /// The text of the list with all these files in it, in order.
    package static func text(_ files: [LintFile]) -> String {
        let head =
            "# Migrations that a release has carried: never edited, renamed or removed again.\n"
            + "# Written by `certctl db lint --release DIR`; checked by `certctl db lint DIR`.\n"
        return head
            + files.filter { !$0.text.isEmpty }.sorted { $0.path < $1.path }
            .map { "\($0.sha256)  \($0.path)\n" }.joined()
    }

    func findings(_ files: [LintFile]) -> [Finding] {
        let byPath = Dictionary(files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        var findings = malformed.map { line in
            finding(
                Self.fileName, line, .syntax, "this line is no checksum and path",
                "Write 64 hexadecimal digits, two spaces and engine/file; or run certctl db lint --release.")
        }
        var newest: [String: Int] = [:]
        for entry in sums {
            let parts = entry.path.split(separator: "/")
            if let name = parts.last.flatMap({ MigrationName(String($0)) }), let engine = parts.first {
                newest[String(engine)] = max(newest[String(engine)] ?? 0, name.number)
            }
            if let file = byPath[entry.path] {
                guard file.sha256 != entry.sha256 else { continue }
                findings.append(
                    finding(
                        entry.path, 1, .releasedEdit,
                        "a release has carried this file, and it has changed since: databases that ran it refuse to start",
                        "Restore it (its checksum was \(entry.sha256)), and write the change as a new migration."))
            } else if files.contains(where: { $0.dialect.rawValue == parts.first.map(String.init) }) {
                findings.append(
                    finding(
                        Self.fileName, entry.line, .releasedMissing,
                        "\(entry.path) was released and is gone or renamed",
                        "Restore it under its name."))
            }
        }
        for file in files where !contains(file.path) && !file.text.isEmpty {
            guard let name = MigrationName(file.name), let limit = newest[file.dialect.rawValue], name.number <= limit
            else { continue }
            findings.append(
                finding(
                    file.path, 1, .releasedOrder,
                    "the release ends at number \(MigrationName.padded(limit)): databases that ran it would find a gap in their past",
                    "Call it \(MigrationName.padded(limit + 1))\(file.name.dropFirst(6))."))
        }
        return findings
    }

    private func finding(_ file: String, _ line: Int, _ rule: Rule, _ message: String, _ advice: String) -> Finding {
        Finding(
            file: file, position: Position(offset: 0, line: line, column: 1), rule: rule, message: message,
            correction: .advice(advice), range: 0..<0)
    }
}
