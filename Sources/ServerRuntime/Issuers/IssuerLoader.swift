import ConnectorKit
import Domain
import Encoding
import HostEffects
import Lifecycle
import Logging
import Query
import Store
import Synchronization
import Telemetry

/// Builds every issuer after the start, so that the first order of each finds it, and tells of those that do not load.
///
/// A key in a signing process or in a token is asked for, and whoever keeps it may hang: the server is ready without such
/// an issuer, says so, and tries again. Only what needs the issuer is refused meanwhile.
final class IssuerLoader: Sendable {
    /// How long the start waits for issuers that it does not need.
    static let patience = Duration.seconds(2)
    /// How long after a failure an issuer is tried again.
    static let retryInterval = Duration.seconds(15)

    private struct Pending {
        let revision: Int
        /// `nil`: nothing is known yet.
        var failure: String?
    }

    private let database: any Database
    private let registry: IssuerRegistry
    private let time: TimeSource
    private let log: Logger
    private let pending = Mutex<[IssuerID: Pending]>([:])
    private let begun = Alarm()
    private let triedOnce = Alarm()

    init(database: any Database, registry: IssuerRegistry, time: TimeSource, log: Logger) {
        self.database = database
        self.registry = registry
        self.time = time
        self.log = log
    }

    /// What does not load, by the name of the check of the readiness probe. The reason is in the log: whoever asks for
    /// readiness may be anybody.
    var complaints: [String: String] {
        pending.withLock { pending in
            Dictionary(
                uniqueKeysWithValues: pending.map { issuer, state in
                    let text =
                        state.failure == nil
                        ? "its CA or key does not answer yet" : "it does not load; the log of the server says why"
                    return ("issuers.\(issuer.text)", text)
                })
        }
    }

    /// Loads the issuers whose keys this server has itself, gives the others a little while, and lets ``run()`` go on with
    /// those. The built-in CA of a fresh installation is made here.
    ///
    /// - `required`: The issuer of the CA that the settings supply; throws what keeps it from loading.
    func begin(required: IssuerID?) async throws {
        let (revisions, elsewhere) = try await database.read { tx in
            let revisions = try IssuerStore().revisions(in: tx)
            return (revisions, try Self.withKeysElsewhere(Array(revisions.keys), in: tx))
        }
        if let required, let revision = revisions[required] {
            _ = try await registry.connector(for: required, revision: revision)
        }
        pending.withLock { pending in
            for (issuer, revision) in revisions where issuer != required {
                pending[issuer] = Pending(revision: revision)
            }
        }
        await loadAll { !elsewhere.contains($0) }
        begun.ring()
        guard pending.withLock({ $0.contains { $0.value.failure == nil } }) else { return }
        await triedOnce.wait(atMost: Self.patience, by: time)
        for issuer in pending.withLock({ $0.filter { $0.value.failure == nil }.keys.sorted() }) {
            log.warn(
                "the key of an issuer does not answer; the server starts without it and goes on trying", .issuer(issuer)
            )
        }
    }

    /// Those whose key is not in the database: a call to another process, to a token or to a file finds it.
    private static func withKeysElsewhere(_ issuers: [IssuerID], in tx: any Transaction) throws -> Set<IssuerID> {
        let own = AuthorityKeeper.ownDriver
        var elsewhere = Set(try AuthorityStore().all(in: tx).filter { $0.keyDriver != own }.map(\.issuerID))
        for issuer in issuers {
            let driver = try IssuerStore().get(issuer, in: tx).config["key_driver"]?.stringValue
            if let driver, driver != own { elsewhere.insert(issuer) }
        }
        return elsewhere
    }

    /// Goes on with what ``begin(required:)`` left, until each issuer loaded once or the process stops.
    func run() async {
        await begun.wait(atMost: .days(3650), by: time)
        await loadAll { _ in true }
        triedOnce.ring()
        while !Task.isCancelled, pending.withLock({ !$0.isEmpty }) {
            try? await time.sleep(Self.retryInterval)
            guard !Task.isCancelled else { return }
            await refresh()
            await loadAll { _ in true }
        }
    }

    private func loadAll(where isWanted: (IssuerID) -> Bool) async {
        let open = pending.withLock { $0.filter { isWanted($0.key) } }
        await withTaskGroup(of: Void.self) { group in
            for (issuer, state) in open.sorted(by: { $0.key < $1.key }) {
                group.addTask { await self.load(issuer, state) }
            }
        }
    }

    private func load(_ issuer: IssuerID, _ state: Pending) async {
        let failure: String
        do {
            _ = try await registry.connector(for: issuer, revision: state.revision)
            pending.withLock { $0[issuer] = nil }
            if state.failure != nil { log.info("issuer loads now", .issuer(issuer)) }
            return
        } catch let error as IssuerError {
            failure = "\(error.message). \(error.help)"
        } catch {
            failure = "\(error)"
        }
        guard !Task.isCancelled else { return }
        pending.withLock { $0[issuer]?.failure = failure }
        if state.failure != failure { log.error("issuer does not load", .issuer(issuer), LogField("error", failure)) }
    }

    /// An issuer that was changed or deleted meanwhile is loaded, or refused, by whoever changed it or asks for it next.
    private func refresh() async {
        guard let revisions = try? await database.read({ try IssuerStore().revisions(in: $0) }) else { return }
        pending.withLock { pending in
            pending = pending.filter { issuer, state in revisions[issuer] == state.revision }
        }
    }
}
