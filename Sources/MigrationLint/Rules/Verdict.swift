/// What a rule says about one statement.
struct Problem: Hashable, Sendable {
    let rule: Rule
    let message: String
    let position: Position
}

/// The judgement of a statement: its problems, and what to write instead of all of it.
struct Verdict: Sendable {
    var problems: [Problem] = []
    var pieces: [Correction.Piece] = []
    var advice: [String] = []
    /// Set where a later migration is to blame.
    var removal: Catalogue.Removal?

    var isClean: Bool { problems.isEmpty }

    static func clean(_ fragment: Fragment) -> Verdict {
        Verdict(pieces: [.here(fragment.text + ";")])
    }

    static func clean(_ text: String) -> Verdict { Verdict(pieces: [.here(text)]) }

    static func problem(
        _ rule: Rule, _ message: String, at position: Position, _ pieces: [Correction.Piece], advice: String = ""
    ) -> Verdict {
        Verdict(
            problems: [Problem(rule: rule, message: message, position: position)], pieces: pieces,
            advice: advice.isEmpty ? [] : [advice])
    }

    mutating func add(_ rule: Rule, _ message: String, at position: Position) {
        problems.append(Problem(rule: rule, message: message, position: position))
    }

    /// One after the other.
    mutating func append(_ other: Verdict) {
        problems += other.problems
        pieces += other.pieces
        advice += other.advice.filter { !advice.contains($0) }
        removal = removal ?? other.removal
    }

    var correction: Correction {
        var joined: [Correction.Piece] = []
        for piece in pieces {
            if let last = joined.last, last.place == piece.place {
                joined[joined.count - 1] = .init(
                    place: last.place, sql: [last.sql, piece.sql].filter { !$0.isEmpty }.joined(separator: "\n"))
            } else {
                joined.append(piece)
            }
        }
        return Correction(pieces: joined, advice: advice.joined(separator: " "))
    }
}

extension Correction.Piece {
    static func here(_ sql: String) -> Self { .init(place: .here, sql: sql) }
    static func later(_ sql: String) -> Self { .init(place: .later, sql: sql) }
    static func nontransactional(_ sql: String) -> Self { .init(place: .nontransactional, sql: sql) }
    static func before(_ sql: String) -> Self { .init(place: .nontransactionalBefore, sql: sql) }
}

/// What is known of the file when a statement is judged.
struct FileContext: Sendable {
    let dialect: SQLDialect
    let name: String
    let index: Int
    let isDown: Bool
    let isTransactional: Bool
    /// The second look: the ladder runs once more over a database that has all of it.
    let isRerun: Bool
    /// `trigger name on table`, `table name`: dropped with IF EXISTS in this file and not created again since.
    var dropped: Set<String> = []
    /// Tables that this file creates.
    var created: Set<String> = []
    /// Tables that this file has locked against everything.
    var locked: Set<String> = []
    /// Tables that this file renames later on, and the names they get.
    var scratch: [String: String] = [:]
    /// Tables that statements to come will drop.
    var droppedLater: Set<String> = []
    /// What statements to come will create and that holds rows.
    var createdLater: Set<String> = []
    /// Tables that a rebuild has dropped, as they were.
    var replaced: [String: Catalogue.Table] = [:]
    /// By table: the indexes and triggers that went with it.
    var lost: [String: [String: Catalogue.Dependent]] = [:]
    /// Names of indexes and triggers that statements to come create.
    var createdLaterByName: Set<String> = []
    /// How many blocks the statement is in.
    var blockDepth = 0
    var catalogue: Catalogue
    /// The runner's directives before the statement.
    var unlessColumn: (table: String, column: String)?

    /// A long lock on this table stops the service.
    func isLarge(_ table: ObjectName) -> Bool {
        dialect == .postgres && !isDown && LargeTables.names.contains(table.name) && !created.contains(table.key)
    }
}

/// The tables that hold millions of rows at the design point (domain §15).
package enum LargeTables {
    package static let names: Set<String> = [
        "managed_certificates", "certificate_names", "certificate_versions", "certificate_target_mappings",
        "certificate_revocations", "jobs", "issuer_orders", "notification_events", "audit_events", "audit_leaves",
        "audit_lookup",
        "events", "discovered_certificates", "endpoint_health_history",
    ]
}
