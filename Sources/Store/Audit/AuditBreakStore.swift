package import Domain
package import Query

/// A divergence that a verification found.
package struct AuditBreak: Hashable, Sendable {
    package let number: Int
    package let divergence: String
    package let detectedAt: Timestamp
    package let acknowledgedBy: String?
    package let acknowledgedAt: Timestamp?
    /// Why whoever acknowledged it goes on.
    package let reason: String?

    init(_ row: Row) throws(DatabaseError) {
        number = try row.int("number")
        divergence = try row.text("divergence")
        detectedAt = try row.time("detected_at")
        acknowledgedBy = try row.optionalText("acknowledged_by")
        acknowledgedAt = try row.optionalTime("acknowledged_at")
        reason = try row.optionalText("reason")
    }
}

/// The divergences of the log, and who acknowledged them (security §9.5).
package struct AuditBreakStore: Sendable {
    package init() {}

    private static let columns: SQL = "number, divergence, detected_at, acknowledged_by, acknowledged_at, reason"

    /// Notes a divergence unless it is the one that was found last: an acknowledged one is not raised again by the next
    /// verification. Whether it is new.
    @discardableResult
    package func note(_ divergence: String, in tx: any Transaction) throws -> Bool {
        let last = try tx.row(
            "SELECT number, divergence FROM audit_breaks ORDER BY number DESC LIMIT 1\(lock: .forUpdate)")
        guard try last?.text("divergence") != divergence else { return false }
        let number = try last.map { try $0.int("number") + 1 } ?? 0
        return try tx.execute(
            """
            INSERT INTO audit_breaks (number, divergence, detected_at) VALUES (\(number), \(divergence), \(tx.now))
            """
        ) == 1
    }

    /// The newest one that nobody has acknowledged.
    package func open(in tx: any Transaction) throws -> AuditBreak? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM audit_breaks WHERE acknowledged_at IS NULL
            ORDER BY number DESC LIMIT 1
            """
        ).map { try AuditBreak($0) }
    }

    /// Acknowledges every open one; oldest first.
    package func acknowledge(by actor: String, reason: String, in tx: any Transaction) throws -> [AuditBreak] {
        try tx.rows(
            """
            UPDATE audit_breaks SET acknowledged_by = \(actor), acknowledged_at = \(tx.now), reason = \(reason)
            WHERE acknowledged_at IS NULL
            RETURNING \(fragment: Self.columns)
            """
        ).map { try AuditBreak($0) }.sorted { $0.number < $1.number }
    }
}
