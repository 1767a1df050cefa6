import Access
package import Domain
import Sealing
import Store

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `certctl local-user` does to an installation, apart from a running server.
extension SchemaTool {
    /// Makes a local account, or gives one another password.
    ///
    /// - `roles`: Granted everywhere.
    package func setLocalAccount(_ name: String, password: Secret, roles: [String]) async throws {
        var draft = LocalUserDraft(actorID: name, password: password)
        draft.roles = roles
        try await change { [draft] in try await $0.set(draft) }
    }

    package func unlockLocalAccount(_ name: String) async throws {
        try await change { try await $0.unlock(name) }
    }

    private func change(_ body: @Sendable (LocalAccountSetup) async throws -> Void) async throws {
        guard try await ledger().pending.isEmpty else {
            throw StartUpFailure(.failure, "migrations are pending; run certctl db migrate, or start the server once")
        }
        let setup = LocalAccountSetup(
            database: open.database, hasher: PasswordHasher(random: .system, time: .system), random: .system,
            userID: Int(getuid()))
        do {
            try await body(setup)
        } catch let error as ServiceError {
            throw StartUpFailure(.failure, error.detail)
        }
    }
}
