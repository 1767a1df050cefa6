import MigrationLint
import Testing

/// A migration file with what the lint must say of it.
struct BadCase: Sendable, CustomTestStringConvertible {
    let name: String
    let dialect: SQLDialect
    /// The file, with `«` before each place that must be found.
    let marked: String
    /// The rules, in the order of the marks.
    let rules: [Rule]
    var isTransactional = true
    /// Files before it, after the common first one.
    var before: [String] = []
    /// Files after it.
    var after: [String] = []
    /// A second run of the file as it stands fails on the engine itself.
    var fails = false
    /// The corrected form needs what a test cannot have, such as a role of the cluster.
    var isTextOnly = false

    init(
        _ name: String, _ dialect: SQLDialect, _ marked: String, _ rules: Rule..., notx: Bool = false,
        before: [String] = [], after: [String] = [], fails: Bool = false, isTextOnly: Bool = false
    ) {
        self.name = name
        self.dialect = dialect
        self.marked = marked
        self.rules = rules
        isTransactional = !notx
        self.before = before
        self.after = after
        self.fails = fails
        self.isTextOnly = isTextOnly
    }

    var testDescription: String { "\(dialect.rawValue): \(name)" }

    var sql: String { marked.filter { $0 != "«" } }

    /// Where the marks are.
    var places: [(line: Int, column: Int)] {
        var places: [(line: Int, column: Int)] = []
        var line = 1
        var column = 1
        for character in marked.unicodeScalars {
            switch character {
            case "«": places.append((line, column))
            case "\n": (line, column) = (line + 1, 1)
            default: column += 1
            }
        }
        return places
    }

    /// The ladder with the file in it, and its name.
    var ladder: (files: [LintFile], path: String) {
        let middle = [base(dialect)] + before + [sql] + after
        var files: [LintFile] = []
        for (index, text) in middle.enumerated() {
            let isCase = index == before.count + 1
            let stem = "00000\(index + 1)_" + (isCase ? "case" : "other")
            files += Self.pair(dialect, stem, text, isTransactional: isTransactional || !isCase)
        }
        let ending = isTransactional ? ".up.sql" : ".notx.up.sql"
        return (files, "\(dialect.rawValue)/00000\(before.count + 2)_case\(ending)")
    }

    static func pair(_ dialect: SQLDialect, _ stem: String, _ text: String, isTransactional: Bool) -> [LintFile] {
        [
            LintFile(
                dialect: dialect, name: stem + (isTransactional ? ".up.sql" : ".notx.up.sql"), text: text, sha256: ""),
            LintFile(dialect: dialect, name: stem + ".down.sql", text: "-- Data loss: none.\n", sha256: ""),
        ]
    }
}

/// The file that every ladder of the corpus starts with.
func base(_ dialect: SQLDialect) -> String {
    let (time, strict) = dialect == .sqlite ? ("INTEGER", " STRICT") : ("TIMESTAMPTZ", "")
    return """
        CREATE TABLE IF NOT EXISTS teams (
            id TEXT NOT NULL,
            name TEXT NOT NULL,
            note TEXT NOT NULL DEFAULT '',
            size INTEGER NOT NULL DEFAULT 0,
            filled_at \(time),
            CONSTRAINT teams_pkey PRIMARY KEY (id),
            CONSTRAINT teams_name_key UNIQUE (name)
        )\(strict);
        CREATE TABLE IF NOT EXISTS actor_roles (
            id TEXT NOT NULL,
            actor_id TEXT NOT NULL,
            scope_type TEXT NOT NULL DEFAULT 'global',
            scope_id TEXT,
            team_id TEXT
        )\(strict);
        CREATE TABLE IF NOT EXISTS jobs (
            id TEXT NOT NULL,
            kind TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            team_id TEXT,
            note TEXT,
            CONSTRAINT jobs_pkey PRIMARY KEY (id)
        )\(strict);
        CREATE TABLE IF NOT EXISTS logs (line TEXT NOT NULL)\(strict);

        """
}

enum Corpus {
    static let all: [BadCase] =
        historical + text + transactions + creations + routines + alterations + guards + rows + locks + sqlite
}
