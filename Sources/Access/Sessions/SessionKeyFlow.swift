package import Domain
import Encoding
package import Query
import Sealing
import Store

/// A rotation of the signing key.
package struct RotatedSessionKey: Sendable {
    package let id: String
    package let createdAt: Timestamp
    package let retiredID: String?
    /// Until when cookies of the key before are accepted.
    package let retiredValidUntil: Timestamp?
}

/// Makes, rotates and forgets the keys that sign sessions (specification, security §5.4). One replica at a time.
package struct SessionKeyFlow: Sendable {
    private let database: any Database
    private let keyring: SessionKeyring
    private let policy: SessionPolicy
    private let random: RandomSource
    private let recorder: AccessRecorder
    private let keys = SessionKeyStore()

    package init(database: any Database, keyring: SessionKeyring, policy: SessionPolicy, random: RandomSource) {
        self.database = database
        self.keyring = keyring
        self.policy = policy
        self.random = random
        recorder = AccessRecorder(random: random)
    }

    /// Makes the first key unless there is one, and opens what there is.
    ///
    /// - Throws: When there is no key that can be used: the server must not start then.
    package func prepare() async throws {
        try await database.act { [self] tx in
            try keys.lock(in: tx)
            guard try !keys.all(in: tx).contains(where: { $0.retiredAt == nil }) else { return }
            let id = try insert(in: tx)
            try record("auth.session_signing_key_bootstrap", id, by: .system, in: tx)
        }
        try await keyring.load()
        _ = try await keyring.current()
    }

    /// Rotates at somebody's request.
    package func rotate(by author: Authorship) async throws -> RotatedSessionKey {
        let rotated = try await database.act { [self] tx in
            try keys.lock(in: tx)
            return try replace(by: author, in: tx)
        }
        try await keyring.load()
        return rotated
    }

    /// Rotates when the current key has signed for long enough, and deletes keys whose cookies are all over.
    ///
    /// - `check`: Whether this process still leads; in the transaction of the change.
    /// - Returns: How many keys changed.
    package func upkeep(_ check: @escaping @Sendable (any Transaction) throws -> Void) async throws -> Int {
        let count = try await database.act { [self] tx in
            try check(tx)
            try keys.lock(in: tx)
            var count = try keys.purge(retiredBefore: tx.now - policy.keyRetention, in: tx)
            let current = try keys.all(in: tx).first { $0.retiredAt == nil }
            if policy.keyRotation > .zero, let current, current.createdAt + policy.keyRotation <= tx.now {
                _ = try replace(by: .system, in: tx)
                count += 1
            }
            return count
        }
        if count > 0 { try await keyring.load() }
        return count
    }

    /// Somebody changed who may do what, which may have been the keys: the next unknown one is looked up at once.
    package func noteChange() { keyring.noteChange() }

    private func replace(by author: Authorship, in tx: any Transaction) throws -> RotatedSessionKey {
        let retired = try keys.retireCurrent(in: tx)
        let id = try insert(in: tx)
        try record("auth.session_signing_key_rotated", id, ["retired": .string(retired ?? "")], by: author, in: tx)
        return RotatedSessionKey(
            id: id, createdAt: tx.now, retiredID: retired,
            retiredValidUntil: retired == nil ? nil : tx.now + policy.keyRetention)
    }

    private func insert(in tx: any Transaction) throws -> String {
        let id = SessionToken.generateKeyID(random: random)
        let material = Secret(random.bytes(SessionMACKey.length))
        try keys.insert(id: id, sealedMaterial: keyring.seal(material, for: id), in: tx)
        return id
    }

    private func record(
        _ action: String, _ id: String, _ details: JSONObject = [:], by author: Authorship, in tx: any Transaction
    ) throws {
        try recorder.record(action, "session_signing_key", id, details: details, by: author, in: tx)
    }
}
