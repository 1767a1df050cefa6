package import Domain
package import Query

/// The password of a local account, as stored, with what guards it.
package struct BreakglassCredential: Hashable, Sendable {
    package let actorID: UserID
    /// A PHC string.
    package let passwordHash: String
    package let sealedTOTPSecret: [UInt8]?
    /// The step of the newest one-time password that was accepted.
    package let lastTOTPStep: Int
    package let createdAt: Timestamp
    package let lastPasswordChangeAt: Timestamp
    /// Who chose the password, and may know it.
    package let setBy: Actor
    package let failureCount: Int
    package let lockCount: Int
    package let lastFailureAt: Timestamp?
    package let lockedUntil: Timestamp?

    init(_ row: Row) throws(DatabaseError) {
        actorID = try row.id("actor_id")
        passwordHash = try row.text("password_hash")
        sealedTOTPSecret = try row.optionalBytes("totp_secret_encrypted")
        lastTOTPStep = try row.int("totp_last_step")
        createdAt = try row.time("created_at")
        lastPasswordChangeAt = try row.time("last_password_change_at")
        setBy = Actor(id: try row.text("set_by"), type: try row.value("set_by_type"))
        failureCount = try row.int("failure_count")
        lockCount = try row.int("lock_count")
        lastFailureAt = try row.optionalTime("last_failure_at")
        lockedUntil = try row.optionalTime("locked_until")
    }
}

/// The passwords of local accounts.
package struct BreakglassStore: Sendable {
    /// The place that seals of ``BreakglassCredential/sealedTOTPSecret`` are bound to.
    package static let table = "breakglass_credentials"
    package static let totpColumn = "totp_secret_encrypted"

    package init() {}

    private static let columns: SQL = """
        actor_id, password_hash, totp_secret_encrypted, totp_last_step, created_at, last_password_change_at,
        set_by, set_by_type, failure_count, lock_count, last_failure_at, locked_until
        """

    package func all(limit: Int, in tx: any Transaction) throws -> [BreakglassCredential] {
        try tx.rows(
            "SELECT \(fragment: Self.columns) FROM breakglass_credentials ORDER BY actor_id LIMIT \(limit)"
        ).map { try BreakglassCredential($0) }
    }

    /// The credential, locked until the transaction ends.
    package func lock(_ id: UserID, in tx: any Transaction) throws -> BreakglassCredential? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM breakglass_credentials WHERE actor_id = \(id)\(lock: .forUpdate)
            """
        ).map { try BreakglassCredential($0) }
    }

    /// Sets the password, and the second factor with it; whatever locked the account is over.
    package func set(
        _ id: UserID, passwordHash: String, sealedTOTPSecret: [UInt8]?, by author: Actor, in tx: any Transaction
    ) throws -> BreakglassCredential {
        let changed = try tx.execute(
            """
            UPDATE breakglass_credentials SET password_hash = \(passwordHash),
                totp_secret_encrypted = \(sealedTOTPSecret), totp_last_step = 0, last_password_change_at = \(tx.now),
                set_by = \(author.id), set_by_type = \(author.type),
                failure_count = 0, lock_count = 0, last_failure_at = NULL, locked_until = NULL
            WHERE actor_id = \(id)
            """
        )
        if changed == 0 {
            try tx.execute(
                """
                INSERT INTO breakglass_credentials (
                    actor_id, password_hash, totp_secret_encrypted, created_at, last_password_change_at, set_by,
                    set_by_type
                ) VALUES (
                    \(id), \(passwordHash), \(sealedTOTPSecret), \(tx.now), \(tx.now), \(author.id), \(author.type)
                )
                """
            )
        }
        guard let credential = try lock(id, in: tx) else { throw StoreError.notFound(.user, id: id.text) }
        return credential
    }

    /// Counts an attempt before anybody knows how it ends, and locks the account when it was one too many.
    package func reserveAttempt(
        _ id: UserID, failureCount: Int, lockCount: Int, lockedUntil: Timestamp?, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE breakglass_credentials SET failure_count = \(failureCount), lock_count = \(lockCount),
                locked_until = \(lockedUntil), last_failure_at = \(tx.now)
            WHERE actor_id = \(id)
            """
        )
    }

    /// Forgets failures and lock: somebody signed in, or an administrator says so.
    package func clearFailures(_ id: UserID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE breakglass_credentials SET failure_count = 0, lock_count = 0, last_failure_at = NULL,
                locked_until = NULL
            WHERE actor_id = \(id)
            """
        ) == 1
    }

    /// Spends a one-time password; false when a newer one was spent meanwhile.
    package func spendTOTP(step: Int, of id: UserID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE breakglass_credentials SET totp_last_step = \(step)
            WHERE actor_id = \(id) AND totp_last_step < \(step)
            """
        ) == 1
    }

    /// Replaces a hash by one of today's cost, after the password was verified.
    package func upgradeHash(of id: UserID, from old: String, to new: String, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE breakglass_credentials SET password_hash = \(new)
            WHERE actor_id = \(id) AND password_hash = \(old)
            """
        )
    }

    package func delete(_ id: UserID, in tx: any Transaction) throws -> Bool {
        try tx.execute("DELETE FROM breakglass_credentials WHERE actor_id = \(id)") == 1
    }
}
