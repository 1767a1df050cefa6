package import Domain
package import Query

/// Who leads, as stored.
package struct Leader: Hashable, Sendable {
    package let holder: String?
    package let host: String
    package let processID: Int
    package let epoch: Int
    package let acquiredAt: Timestamp?
    package let expiresAt: Timestamp?
}

/// The one lease row of the leader: an expiry by the database's clock and an epoch that only ever rises.
package struct LeaderLease: Sendable {
    package init() {}

    /// Takes the lease when it is free or over, or extends it when `holder` has it.
    ///
    /// Taking it raises the epoch; extending keeps it. A holder whose lease ran out takes it anew. A lease that would last
    /// longer than any does was given before the clock was set back; it is free too, or nobody would lead until then.
    ///
    /// - Returns: The epoch of `holder`; `nil` while somebody else leads.
    package func hold(
        as holder: String,
        host: String,
        processID: Int,
        for length: Duration,
        in tx: any Transaction
    ) throws -> Int? {
        let isMine: SQL = "holder = \(holder) AND expires_at > \(tx.now)"
        let row = try tx.row(
            """
            UPDATE scheduler_leader SET
                epoch = CASE WHEN \(fragment: isMine) THEN epoch ELSE epoch + 1 END,
                acquired_at = CASE WHEN \(fragment: isMine) THEN acquired_at ELSE \(tx.now) END,
                holder = \(holder), host = \(host), pid = \(processID), expires_at = \(tx.now + length)
            WHERE id = 1 AND (holder IS NULL OR expires_at <= \(tx.now) OR expires_at > \(tx.now + length * 4)
                OR holder = \(holder))
            RETURNING epoch
            """
        )
        return try row?.int("epoch")
    }

    /// Gives the lease up, so that another process can lead at once.
    package func release(by holder: String, epoch: Int, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE scheduler_leader SET holder = NULL, expires_at = NULL
            WHERE id = 1 AND holder = \(holder) AND epoch = \(epoch)
            """
        )
    }

    /// Fails the transaction unless `epoch` still leads; no other process can take over before it has committed.
    package func verify(epoch: Int, in tx: any Transaction) throws {
        let row = try tx.row(
            """
            SELECT epoch FROM scheduler_leader
            WHERE id = 1 AND epoch = \(epoch) AND holder IS NOT NULL AND expires_at > \(tx.now)\(lock: .forShare)
            """
        )
        guard row != nil else { throw StoreError.leadershipLost(epoch: epoch) }
    }

    package func current(in tx: any Transaction) throws -> Leader? {
        let row = try tx.row(
            "SELECT holder, host, pid, epoch, acquired_at, expires_at FROM scheduler_leader WHERE id = 1"
        )
        return try row.map { row in
            Leader(
                holder: try row.optionalText("holder"),
                host: try row.text("host"),
                processID: try row.int("pid"),
                epoch: try row.int("epoch"),
                acquiredAt: try row.optionalTime("acquired_at"),
                expiresAt: try row.optionalTime("expires_at")
            )
        }
    }
}
