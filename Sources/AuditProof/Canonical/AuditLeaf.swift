package import Encoding

/// What the log seals of one audit event: every member, in one canonical text.
package struct AuditLeaf: Hashable, Sendable {
    /// RFC 8785.
    package let text: String

    package init(_ members: JSONObject) { text = CanonicalJSON.text(of: .object(members)) }

    /// The action of events that say up to which number (`end_seq`) events were archived.
    package static let archivedAction = "audit.archived"

    package var hash: LogHash { LogHash.leaf(Array(text.utf8)) }
}

/// The hash chain that earlier programs of this name kept (security §9.4), in the order of the log.
package enum AuditChain {
    /// The hash before the first row.
    package static let start = ""

    /// The hash of a row; `previous` is in lower-case hexadecimal, or ``start`` for the first.
    package static func hash(after previous: String, _ leaf: JSONObject) -> LogHash {
        func text(_ key: String) -> String { leaf[key]?.stringValue ?? "" }
        let details = leaf["details"].map { CanonicalJSON.text(of: $0) } ?? ""
        let fields = [
            previous, text("id"), text("actor"), text("actor_type"), text("action"), text("resource_type"),
            text("resource_id"), details, microseconds(text("timestamp")), text("event_category"),
        ]
        return LogHash(of: Array(fields.joined(separator: "|").utf8))
    }

    /// `2026-01-02T03:04:05Z` → `2026-01-02T03:04:05.000000Z`.
    private static func microseconds(_ timestamp: String) -> String {
        let body = timestamp.hasSuffix("Z") ? timestamp.dropLast() : timestamp[...]
        let parts = body.split(separator: ".", maxSplits: 1)
        let fraction = parts.count == 2 ? String(parts[1].prefix(6)) : ""
        let seconds = parts.first.map(String.init) ?? ""
        return "\(seconds).\(fraction)\(String(repeating: "0", count: 6 - fraction.count))Z"
    }
}
