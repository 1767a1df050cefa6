package import Domain
package import Query

/// Whether the first administrator exists. A one-way latch: once closed it never opens again.
package struct BootstrapStore: Sendable {
    package init() {}

    /// Whether a set-up token could still be consumed.
    package func isOpen(in tx: any Transaction) throws -> Bool {
        let row = try tx.row("SELECT consumed_at FROM bootstrap_state WHERE id = 1")
        guard let row, try row.optionalTime("consumed_at") == nil else { return false }
        return try !GrantStore().hasAdministrator(in: tx)
    }

    /// Closes the latch for `actor`, in the transaction that creates the administrator.
    ///
    /// The row stays locked until the transaction ends, so of two that try at the same time one waits and then fails.
    ///
    /// - Returns: False when it was closed before, or an administrator exists.
    package func close(by actor: String, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE bootstrap_state SET consumed_at = \(tx.now), consumed_by = \(actor)
            WHERE id = 1 AND consumed_at IS NULL
                AND NOT EXISTS (\(fragment: GrantStore.administrators(at: tx.now)))
            """
        ) == 1
    }

    /// Notes which key the first administrator got.
    package func note(key: APIKeyID, in tx: any Transaction) throws {
        try tx.execute("UPDATE bootstrap_state SET api_key_id = \(key) WHERE id = 1")
    }
}
