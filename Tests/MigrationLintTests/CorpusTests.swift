import MigrationLint
import Testing

@Suite("Every bad file of the corpus is found, and its corrected form is clean")
struct CorpusTests {
    @Test("each rule is found where it is broken, and nothing else", arguments: Corpus.all)
    func found(_ bad: BadCase) {
        let (files, path) = bad.ladder
        let report = LadderLint.check(files)
        let found = report.findings.filter { $0.file == path }.map {
            "\($0.position.line):\($0.position.column) \($0.rule.rawValue)"
        }
        let expected = zip(bad.places, bad.rules).map { "\($0.line):\($0.column) \($1.rawValue)" }
        #expect(bad.places.count == bad.rules.count)
        #expect(found == expected, "\(report.text)")
        #expect(report.findings.count == found.count, "\(report.text)")
    }

    @Test("the corrected form, put in its place, is clean", arguments: Corpus.all)
    func corrected(_ bad: BadCase) {
        let (files, path) = bad.ladder
        for finding in LadderLint.check(files).findings where finding.file == path {
            #expect(!finding.correction.pieces.isEmpty || !finding.correction.advice.isEmpty, "\(finding)")
        }
        guard let corrected = Corrected(bad) else { return }
        let report = LadderLint.check(corrected.files)
        #expect(report.isClean, "\(report.text)\n---\n\(corrected.text)")
    }

    @Test("every rule about text has a case")
    func everyRuleHasACase() {
        // Rules about files and the list of released ones have tests of their own.
        let elsewhere: Set<Rule> = [
            .fileName, .numbering, .enginePair, .downMissing, .downOrphan, .releasedEdit, .releasedMissing,
            .releasedOrder,
            .rebuildReads,
        ]
        let covered = Set(Corpus.all.flatMap(\.rules)).union(elsewhere)
        #expect(Set(Rule.allCases).subtracting(covered).isEmpty)
    }
}

/// A ladder of the corpus with every statement that was refused replaced by its corrected form.
struct Corrected {
    let files: [LintFile]

    /// Nil when the correction is not SQL.
    init?(_ bad: BadCase) {
        let (files, path) = bad.ladder
        let findings = LadderLint.check(files).findings.filter { $0.file == path }
        guard !findings.isEmpty, findings.allSatisfy({ !$0.correction.pieces.isEmpty && !$0.range.isEmpty }) else {
            return nil
        }
        var octets = Array(bad.sql.utf8)
        var apart: [Correction.Place: [String]] = [:]
        var seen: Set<Range<Int>> = []
        for finding in findings.sorted(by: { $0.range.lowerBound > $1.range.lowerBound })
        where seen.insert(finding.range).inserted {
            let here = finding.correction.pieces.filter { $0.place == .here }.map(\.sql).joined(separator: "\n")
            octets.replaceSubrange(finding.range, with: Array(here.utf8))
            for piece in finding.correction.pieces where piece.place != .here {
                apart[piece.place, default: []].append(piece.sql)
            }
        }
        let dialect = bad.dialect
        var ladder: [(text: String, isTransactional: Bool)] = [(base(dialect), true)]
        ladder += bad.before.map { ($0, true) }
        ladder.append((String(decoding: octets, as: UTF8.self), bad.isTransactional))
        ladder += (apart[.nontransactional] ?? []).map { ($0, false) }
        ladder += (apart[.later] ?? []).map { ($0, !$0.contains("CONCURRENTLY")) }
        ladder += bad.after.map { ($0, true) }
        self.files = ladder.enumerated().flatMap { index, file in
            BadCase.pair(dialect, "00000\(index + 1)_file", file.text, isTransactional: file.isTransactional)
        }
    }

    var text: String {
        files.filter { !$0.name.hasSuffix(".down.sql") }.dropFirst().map { $0.name + "\n" + $0.text }.joined(
            separator: "\n")
    }
}
