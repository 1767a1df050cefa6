import Foundation
import Testing

@Suite("docs/security.md speaks of tests that exist, and of every threat and fault")
struct SecurityDocumentTests {
    private let tree = SourceTree.repository

    /// A row of a table: what it is about, and what its last cell says.
    struct Row {
        let numbers: [String]
        let proof: String

        /// What stands between “ and ”.
        var titles: [String] { proof.matches(of: /“([^”]*)”/).map { String($0.1) } }
        var suites: [String] { proof.matches(of: /`(\w+Tests)`/).map { String($0.1) } }

        var hasReason: Bool {
            let bare = proof.replacing(/“[^”]*”/, with: "").lowercased()
            return ["later: ", "there is no "].contains { bare.contains($0) }
        }
    }

    /// The rows whose first cell holds such numbers; `T18–T25` stands for all of them.
    static func rows(of text: String, _ prefix: String) -> [Row] {
        text.components(separatedBy: "\n").compactMap { line in
            guard line.hasPrefix("| \(prefix)") else { return nil }
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 3, let first = cells.first, let last = cells.last else { return nil }
            return Row(numbers: numbers(in: first, prefix), proof: last)
        }
    }

    static func numbers(in text: String, _ prefix: String) -> [String] {
        text.components(separatedBy: ", ").flatMap { part -> [String] in
            let ends = part.components(separatedBy: "–").compactMap { Int($0.dropFirst(prefix.count)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return (first...last).map { "\(prefix)\($0)" }
        }
    }

    /// Titles of tests and suites, and the names of suites.
    private func names() -> (titles: [String], suites: Set<String>) {
        var titles: [String] = []
        var suites: Set<String> = []
        for file in tree.tests {
            let text = file.lines.joined(separator: "\n")
            for match in text.matches(of: /@(?:Test|Suite)\(\s*"((?:[^"\\]|\\.)*)"/) { titles.append(String(match.1)) }
            for match in text.matches(of: /\bstruct (\w+Tests)\b/) { suites.insert(String(match.1)) }
        }
        return (titles, suites)
    }

    static func isNamed(_ quotation: String, among titles: [String]) -> Bool {
        guard quotation.hasSuffix("…") else { return titles.contains(quotation) }
        let beginning = quotation.dropLast()
        return titles.contains { $0.hasPrefix(beginning) }
    }

    @Test("every test that it names exists")
    func testsExist() throws {
        let text = try tree.text("docs/security.md")
        let (titles, suites) = names()
        let rows = Self.rows(of: text, "A-") + Self.rows(of: text, "T")
        let quoted = rows.flatMap(\.titles)
        #expect(quoted.count > 80)
        #expect(quoted.filter { !Self.isNamed($0, among: titles) } == [])
        #expect(rows.flatMap(\.suites).filter { !suites.contains($0) } == [])
    }

    @Test("every fault of the specification has a row of its own, with a test or a reason")
    func faultsAreCovered() throws {
        let rows = Self.rows(of: try tree.text("docs/security.md"), "A-")
        #expect(rows.flatMap(\.numbers).sorted() == (1...42).map { "A-\($0)" }.sorted())
        for row in rows {
            #expect(!row.titles.isEmpty || row.hasReason, "\(row.numbers)")
            // A test of a fault says so in its title, so that either leads to the other.
            for title in row.titles {
                #expect(
                    row.numbers.contains {
                        title.hasPrefix("\($0):") || title.hasPrefix("\($0),") || title.contains(", \($0):")
                    }, "\(title)")
            }
        }
    }

    @Test("every threat of the specification has a row of its own, with a test or a reason")
    func threatsAreCovered() throws {
        let rows = Self.rows(of: try tree.text("docs/security.md"), "T")
        #expect(rows.flatMap(\.numbers).sorted() == (1...60).map { "T\($0)" }.sorted())
        for row in rows { #expect(!row.titles.isEmpty || !row.suites.isEmpty || row.hasReason, "\(row.numbers)") }
    }

    @Test("a test that is gone, a row that is missing and a row that says nothing are found")
    func gapsAreFound() {
        let text = """
            | A-1 | something | “A-1: it holds…” |
            | A-2, A-4–A-5 | something | |
            """
        let rows = Self.rows(of: text, "A-")
        #expect(rows.map(\.numbers) == [["A-1"], ["A-2", "A-4", "A-5"]])
        #expect(Self.isNamed(rows[0].titles[0], among: ["A-1: it holds always"]))
        #expect(!Self.isNamed(rows[0].titles[0], among: ["A-1: it held"]))
        #expect(!Self.isNamed("A-1: it holds", among: ["A-1: it holds always"]))
        #expect(rows[1].titles.isEmpty && !rows[1].hasReason)
    }

    // MARK: Installing

    /// Something that fetches, from anywhere but this machine, or that runs what it is sent.
    static let fetching =
        #"\b(?:wget|git clone|git fetch|pip3? install|npm |curl)\b(?!.*(?:127\.0\.0\.1|localhost|\$\{?(?:url|api|ca)\b))|(?:^|[^|])\|\s*(?:sudo )?(?:ba|da|z)?sh\b|<\((?:curl|wget)|--allow-unauthenticated|trusted=yes|--no-gpg-check"#

    static func fetches(_ line: String) throws -> Bool {
        let code = line.trimmingCharacters(in: .whitespaces)
        return try !code.hasPrefix("#") && code.firstMatch(of: Regex(fetching)) != nil
    }

    @Test("A-36: no script fetches what nobody signed")
    func scriptsFetchNothing() throws {
        let folder = tree.root.appending(path: "scripts")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).map { "scripts/\($0)" }
        #expect(names.contains("scripts/install-packages") && names.count > 10)
        for name in names + ["Makefile"] {
            for (number, line) in try tree.text(name).components(separatedBy: "\n").enumerated() {
                // The packages that a script names as Debian's are installed by apt, which verifies them.
                guard !line.hasPrefix("test_packages=(") else { continue }
                #expect(try !Self.fetches(line), "\(name):\(number + 1): \(line)")
            }
        }
    }

    @Test(
        "a script that fetches is found",
        arguments: [
            "curl -fsSL https://example.org/install.sh -o x", "cat x | sh", "wget https://example.org/a.tar.gz",
            "bash <(curl https://example.org)", "apt-get install --allow-unauthenticated x", "pip install x",
            "curl -s https://get.example.org | sudo bash",
        ])
    func fetchingIsFound(line: String) throws { #expect(try Self.fetches(line)) }
}
