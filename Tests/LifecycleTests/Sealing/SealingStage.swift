import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Sealing
import Store

/// One database and servers that come and go over it, each with keys of its own.
struct SealingStage: Sendable {
    struct Server: Sendable {
        let sealer: Sealer
        let keeper: KeyKeeper
        let flow: RekeyFlow
    }

    let database: FaultyDatabase
    let author = Authorship(actor: Actor(id: "alice", type: .apiKey), origin: nil, clearance: .system)

    static func with(_ engine: Engine, _ body: (SealingStage) async throws -> Void) async throws {
        try await TestDatabase.with(engine) { try await body(SealingStage(database: FaultyDatabase($0))) }
    }

    static func key(_ fill: UInt8) throws -> MasterKey {
        try MasterKey(generated: Secret([UInt8](repeating: fill, count: 32)))
    }

    static func id(_ fill: UInt8) throws -> String { KeyEncryptionKey(try key(fill)).id }

    /// A server whose configuration names the key `wanted`, and `others` beside it.
    func server(
        _ name: String,
        _ wanted: UInt8,
        others: [UInt8] = [],
        settling: Duration = .zero
    ) throws -> Server {
        try server(name, KeyRing(Self.key(wanted), others: others.map(Self.key)), settling: settling)
    }

    func server(
        _ name: String,
        _ ring: KeyRing,
        settling: Duration = .zero,
        makeKey: (@Sendable () throws -> KeyEncryptionKey)? = nil
    ) throws -> Server {
        let sealer = Sealer(ring: ring)
        let keeper = KeyKeeper(database: database, sealer: sealer, instance: name)
        let context = LifecycleContext(database: database, time: .system, random: .system)
        return Server(
            sealer: sealer, keeper: keeper,
            flow: RekeyFlow(context, sealer: sealer, keeper: keeper, makeKey: makeKey, settling: settling))
    }

    // MARK: Sealed rows

    static func place(_ id: String) -> SealedPlace {
        SealedPlace(table: "issuers", column: "encrypted_config", rowID: id)
    }

    func insertIssuer(_ id: String, _ value: [UInt8]) async throws {
        try await database.write { tx in
            _ = try tx.execute(
                """
                INSERT INTO issuers (id, name, type, config, encrypted_config, created_at, updated_at)
                VALUES (\(id), \(id), \(IssuerType.genericCA), \(Value.json("{}")), \(value), \(tx.now), \(tx.now))
                """
            )
        }
    }

    func issuer(_ id: String) async throws -> [UInt8] {
        try await database.read { tx in
            try tx.row("SELECT encrypted_config FROM issuers WHERE id = \(id)")?.bytes("encrypted_config") ?? []
        }
    }

    func setIssuer(_ id: String, _ value: [UInt8]) async throws {
        try await database.write { tx in
            _ = try tx.execute("UPDATE issuers SET encrypted_config = \(value) WHERE id = \(id)")
        }
    }

    func mark(_ id: String, version: Int) async throws {
        try await database.write { tx in
            _ = try tx.execute(
                """
                INSERT INTO legacy_seals (table_name, column_name, row_id, crypto_version)
                VALUES ('issuers', 'encrypted_config', \(id), \(version))
                """
            )
        }
    }

    func actions() async throws -> [String] {
        try await database.read { tx in
            try tx.rows("SELECT action FROM audit_events WHERE action LIKE 'crypto.%' ORDER BY timestamp, id")
                .map { try $0.text("action") }
        }
    }
}
