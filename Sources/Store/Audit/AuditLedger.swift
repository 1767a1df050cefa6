package import AuditProof
package import Domain
package import Encoding
package import Query

/// One place of the sealed log.
package struct LedgerLeaf: Hashable, Sendable {
    package let sequence: Int
    package let eventID: AuditEventID
    package let leafHash: LogHash
    package let rowHash: LogHash
    /// `nil` when retention has removed the event.
    package let event: AuditEvent?
}

/// The sealed log: events in their final order, their hashes, and the roots of complete subtrees (security §9.5).
///
/// Only the leader appends, in transactions that prove its lease; the primary key of a leaf refuses a second order
/// even so.
package struct AuditLedger: Sendable {
    package init() {}

    // MARK: Sealing

    /// Whether an event waits to be sealed.
    package func hasPending(in tx: any Transaction) throws -> Bool {
        try tx.row("SELECT position FROM audit_intake LIMIT 1") != nil
    }

    /// Seals the next events, at most `limit`, in the order in which they were written; how many there were.
    ///
    /// Whatever is committed is sealed. An event of a transaction that is still open is not visible and comes later;
    /// nothing that depends on it can be visible before it (ADR-0008).
    package func seal(limit: Int, in tx: any Transaction) throws -> Int {
        let rows = try tx.rows(
            """
            SELECT i.position, \(fragment: AuditLog.eventColumns), NULL AS seq
            FROM (SELECT position, event_id FROM audit_intake ORDER BY position LIMIT \(limit)) i
            JOIN audit_events e ON e.id = i.event_id
            ORDER BY i.position
            """
        )
        guard !rows.isEmpty else { return 0 }
        let head = try head(in: tx)
        let first = head.map { $0.sequence + 1 } ?? 0
        var previous = head?.rowHash.hex ?? AuditChain.start
        var leaves: [SQL] = []
        for (offset, row) in rows.enumerated() {
            let event = try AuditEvent(row)
            let members = event.leafMembers
            let rowHash = AuditChain.hash(after: previous, members)
            leaves.append(
                """
                (\(first + offset), \(event.id), \(AuditLeaf(members).hash.octets), \(rowHash.octets))
                """
            )
            previous = rowHash.hex
        }
        for part in leaves.inFewSizes(upTo: 32) {
            try tx.execute(
                """
                INSERT INTO audit_leaves (seq, event_id, leaf_hash, row_hash)
                VALUES \(fragment: SQL.joined(part, by: ", "))
                """
            )
        }
        try tx.execute("DELETE FROM audit_intake WHERE position IN \(list: try rows.map { try $0.int("position") })")
        try storeSubtrees(from: first, to: first + rows.count, in: tx)
        return rows.count
    }

    /// Stores the roots of the subtrees that the leaves from `first` up to `size` completed.
    private func storeSubtrees(from first: Int, to size: Int, in tx: any Transaction) throws {
        let width = 1 << MerkleTree.stride
        var (from, to) = (first, size)
        var level = 1
        while to / width > from / width {
            var rows: [SQL] = []
            for position in from / width..<to / width {
                var range = CompactRange()
                for hash in try hashes(level: level - 1, from: position * width, count: width, in: tx) {
                    range.append(hash)
                }
                rows.append("(\(level), \(position), \(range.root.octets))")
            }
            try tx.execute(
                "INSERT INTO audit_subtrees (level, position, hash) VALUES \(fragment: SQL.joined(rows, by: ", "))")
            (from, to) = (from / width, to / width)
            level += 1
        }
    }

    // MARK: Reading

    /// How many leaves there are.
    package func size(in tx: any Transaction) throws -> Int { try head(in: tx).map { $0.sequence + 1 } ?? 0 }

    /// The newest place.
    package func head(in tx: any Transaction) throws -> (sequence: Int, rowHash: LogHash)? {
        let row = try tx.row("SELECT seq, row_hash FROM audit_leaves ORDER BY seq DESC LIMIT 1")
        return try row.map { (try $0.int("seq"), try $0.logHash("row_hash")) }
    }

    /// Hashes of a level for ``AuditProof/MerkleTree``.
    package func hashes(level: Int, from: Int, count: Int, in tx: any Transaction) throws -> [LogHash] {
        let rows =
            level == 0
            ? try tx.rows(
                """
                SELECT leaf_hash AS hash FROM audit_leaves
                WHERE seq >= \(from) AND seq < \(from + count) ORDER BY seq
                """
            )
            : try tx.rows(
                """
                SELECT hash FROM audit_subtrees
                WHERE level = \(level) AND position >= \(from) AND position < \(from + count) ORDER BY position
                """
            )
        return try rows.map { try $0.logHash("hash") }
    }

    /// The tree over the first `size` leaves; usable inside the transaction.
    package func tree(size: Int, in tx: any Transaction) -> MerkleTree {
        MerkleTree(size: size) { level, from, count in
            try hashes(level: level, from: from, count: count, in: tx)
        }
    }

    /// Leaves with their events, from a number on.
    package func leaves(from sequence: Int, limit: Int, in tx: any Transaction) throws -> [LedgerLeaf] {
        try tx.rows(
            """
            SELECT l.seq, l.event_id, l.leaf_hash, l.row_hash, \(fragment: AuditLog.eventColumns)
            FROM audit_leaves l LEFT JOIN audit_events e ON e.id = l.event_id
            WHERE l.seq >= \(sequence) ORDER BY l.seq LIMIT \(limit)
            """
        ).map { row in
            LedgerLeaf(
                sequence: try row.int("seq"),
                eventID: try row.id("event_id"),
                leafHash: try row.logHash("leaf_hash"),
                rowHash: try row.logHash("row_hash"),
                event: try row.optionalText("id") == nil ? nil : AuditEvent(row)
            )
        }
    }

    /// The hash of the row with that number; ``AuditProof/AuditChain/start`` before the first.
    package func rowHash(at sequence: Int, in tx: any Transaction) throws -> String {
        guard sequence >= 0 else { return AuditChain.start }
        let row = try tx.row("SELECT row_hash FROM audit_leaves WHERE seq = \(sequence)")
        return try row?.logHash("row_hash").hex ?? AuditChain.start
    }

    /// The number of the first leaf whose event was written at or after `time`, among those with an event.
    package func firstSequence(since time: Timestamp, in tx: any Transaction) throws -> Int? {
        try tx.row(
            """
            SELECT min(l.seq) AS seq FROM audit_events e JOIN audit_leaves l ON l.event_id = e.id
            WHERE e.timestamp >= \(time)
            """
        )?.optionalInt("seq")
    }

    /// An event that is neither sealed nor waiting to be; there is none unless somebody tampered.
    package func lostEvent(in tx: any Transaction) throws -> AuditEventID? {
        try tx.row(
            """
            SELECT e.id FROM audit_events e
            WHERE NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.event_id = e.id)
                AND NOT EXISTS (SELECT 1 FROM audit_intake i WHERE i.event_id = e.id)
            LIMIT 1
            """
        )?.id("id")
    }

    /// A sealed event that is not looked up by what it says; there is none unless somebody tampered. `nil` as long as
    /// the events of before are brought.
    package func misfiledEvent(in tx: any Transaction) throws -> AuditEventID? {
        guard try BackfillStore().isFinished(.auditLookup, in: tx) else { return nil }
        return try tx.row(
            """
            SELECT e.id FROM audit_leaves l JOIN audit_events e ON e.id = l.event_id
            LEFT JOIN audit_lookup k ON k.seq = l.seq
            WHERE k.seq IS NULL OR k.event_id <> e.id OR k.timestamp <> e.timestamp
                OR k.event_category <> e.event_category OR k.actor <> e.actor OR k.action <> e.action
                OR k.resource_type <> e.resource_type OR k.resource_id <> e.resource_id
                OR COALESCE(k.request_id, '') <> COALESCE(e.request_id, '')
            LIMIT 1
            """
        )?.id("id")
    }

    /// An entry of the queue whose event is gone.
    package func lostIntake(in tx: any Transaction) throws -> AuditEventID? {
        try tx.row(
            """
            SELECT i.event_id FROM audit_intake i
            WHERE NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.id = i.event_id) LIMIT 1
            """
        )?.id("event_id")
    }
}

extension AuditEvent {
    /// What is sealed of the event: every member but those that sealing itself adds.
    package var leafMembers: JSONObject {
        var members: JSONObject = [
            "id": .string(id.text), "actor": .string(actor.id), "actor_type": .string(actor.type.rawValue),
            "action": .string(action), "resource_type": .string(resourceType), "resource_id": .string(resourceID),
            "details": details, "timestamp": .string(timestamp.rfc3339),
            "event_category": .string(category.rawValue), "outcome": .string(outcome.rawValue),
        ]
        members["reason"] = reason.map { .string($0) }
        members["request_id"] = requestID.map { .string($0) }
        members["credential_id"] = credentialID.map { .string($0) }
        members["client_ip"] = clientAddress.map { .string($0) }
        members["channel"] = channel.map { .string($0) }
        return members
    }
}

extension Row {
    func logHash(_ column: String) throws(DatabaseError) -> LogHash {
        guard let hash = LogHash(octets: try bytes(column)) else {
            throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "column \(column) is no SHA-256")
        }
        return hash
    }
}
