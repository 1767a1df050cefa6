import MigrationLint
import Query
import Store
import Testing

@Suite("Whatever a file holds, the lint answers")
struct HostileTextTests {
    @Test("every file cut short, at many places, on both engines", arguments: SQLDialect.allCases)
    func truncated(dialect: SQLDialect) {
        var count = 0
        for (index, text) in Self.texts.enumerated() {
            let octets = Array(text.utf8)
            for cut in stride(from: index % 7, to: octets.count, by: max(3, octets.count / 12)) {
                let part = String(decoding: octets[..<cut], as: UTF8.self)
                let report = LadderLint.check(BadCase.pair(dialect, "000001_a", part, isTransactional: true))
                #expect(report.fileCount == 2)
                count += 1
            }
        }
        #expect(count > 1500)
    }

    @Test("octets replaced, doubled and taken away", arguments: 0..<8)
    func mutated(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(max(1, bound)))
        }
        let spice = Array("'\"$;()[]`\\/*-:.,?@E\u{0}\n".utf8)
        for _ in 0..<150 {
            var octets = Array(Self.texts[next(Self.texts.count)].utf8)
            for _ in 0..<1 + next(6) where !octets.isEmpty {
                let at = next(octets.count)
                switch next(3) {
                case 0: octets[at] = spice[next(spice.count)]
                case 1: octets.insert(spice[next(spice.count)], at: at)
                default: octets.removeSubrange(at..<min(octets.count, at + 1 + next(5)))
                }
            }
            let text = String(decoding: octets, as: UTF8.self)
            for dialect in SQLDialect.allCases {
                let report = LadderLint.check(BadCase.pair(dialect, "000001_a", text, isTransactional: true))
                #expect(report.findings.allSatisfy { $0.position.line >= 1 && $0.position.column >= 1 }, "\(text)")
            }
        }
    }

    @Test("depth that would exhaust a stack is refused")
    func deep() {
        let nested =
            String(repeating: "BEGIN IF TRUE THEN ", count: 5000) + String(repeating: "END IF; END; ", count: 5000)
        let report = LadderLint.check(BadCase.pair(.postgres, "000001_a", "DO $$ \(nested) $$;", isTransactional: true))
        #expect(report.failures.map(\.rule) == [.syntax])
        let comments = String(repeating: "/*", count: 20_000) + String(repeating: "*/", count: 20_000)
        #expect(LadderLint.check(BadCase.pair(.postgres, "000001_a", comments, isTransactional: true)).isClean)
        let parentheses =
            "UPDATE teams SET note = " + String(repeating: "(", count: 300) + "1" + String(repeating: ")", count: 300)
            + ";"
        #expect(
            LadderLint.check(BadCase.pair(.postgres, "000001_a", parentheses, isTransactional: true)).failures.count
                == 1)
        let conditions = String(repeating: "(NOT ", count: 300) + "TRUE" + String(repeating: ")", count: 300)
        let block = "DO $$ BEGIN IF \(conditions) THEN CREATE TABLE IF NOT EXISTS a (id TEXT); END IF; END $$;"
        #expect(LadderLint.check(BadCase.pair(.postgres, "000001_a", block, isTransactional: true)).isClean)
    }

    @Test("blocks that run blocks are followed, up to a depth")
    func nestedBlocks() {
        func nested(_ depth: Int) -> String {
            (0..<depth).reduce("CREATE TABLE a (id TEXT)") { inner, level in
                "DO $b\(level)$ BEGIN EXECUTE $e\(level)$\(inner)$e\(level)$; END $b\(level)$"
            }
        }
        for (depth, rule) in [(1, Rule.createUnguarded), (7, .createUnguarded), (500, .syntax)] {
            let report = LadderLint.check(BadCase.pair(.postgres, "000001_a", nested(depth), isTransactional: true))
            #expect(report.failures.map(\.rule) == [rule])
        }
    }

    /// The lint would be worth nothing if it read other statements than the runner sends.
    @Test("the lint and the runner cut every file at the same places")
    func sameStatements() throws {
        let ladder = try LadderTests.files().map { ($0.dialect, $0.text) }
        let good = GoodTests.good.map { ($0.dialect, $0.sql) }
        for (dialect, text) in ladder + good {
            let engine: Engine = dialect == .sqlite ? .sqlite : .postgres
            let statements = try StatementSplitter.split(text, for: engine).count
            let report = LadderLint.check(BadCase.pair(dialect, "000001_a", text, isTransactional: true))
            #expect(report.statementCount == statements, "\(text)")
        }
    }

    private static let texts = Corpus.all.map(\.sql) + GoodTests.good.map(\.sql)
}
