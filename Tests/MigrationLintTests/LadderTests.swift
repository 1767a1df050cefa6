import Foundation
import MigrationLint
import Testing

@Suite("The ladders of this tree hold every rule")
struct LadderTests {
    /// What CI runs: names, numbers, pairs, released files and every statement, on both engines.
    @Test("nothing is found in them")
    func nothingIsFound() throws {
        let report = try LadderLint.check(Self.files(), released: Self.released())
        #expect(report.isClean, "\(report.text)")
        #expect(report.fileCount >= 24)
        #expect(report.statementCount > 200)
    }

    @Test("the manual for contributors has every rule")
    func manual() throws {
        let page = Self.root.appending(path: "docs/development/migrations.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        for rule in Rule.allCases { #expect(text.contains("`\(rule.rawValue)`"), "\(rule.rawValue)") }
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let directory = root.appending(path: "Sources/CAssets/migrations")

    static func files() throws -> [LintFile] {
        try SQLDialect.allCases.flatMap { dialect in
            let folder = directory.appending(path: dialect.rawValue)
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }.map
            {
                let text = try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
                return LintFile(dialect: dialect, name: $0, text: text, sha256: "")
            }
        }
    }

    static func released() -> String {
        (try? String(contentsOf: directory.appending(path: ReleasedFiles.fileName), encoding: .utf8)) ?? ""
    }
}
