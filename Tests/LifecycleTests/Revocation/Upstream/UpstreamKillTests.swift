import DatabaseTestSupport
import Domain
import Foundation
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("A server that is killed after it told an issuer, before it recorded that")
struct UpstreamKillTests {
    @Test("another server tells the issuer again, which had done it", arguments: Engine.available)
    func killed(engine: Engine) async throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let (database, location) = try await TestDatabase.makeShared(engine, in: directory)
        try await World.with(engine, on: database) { world async throws in
            try await UpstreamStage.with(world) { stage async throws in
                try await stage.revoke()
                let (name, port) = (engine.rawValue, stage.server.port)
                await #expect(processExitsWith: .signal(SIGKILL)) {
                    [name = name as String, location = location as String, port = port as Int] in
                    let engine = try #require(Engine(rawValue: name))
                    let context = LifecycleContext(
                        database: try TestDatabase.open(engine, at: location), time: .system, random: .system)
                    let registry = IssuerRegistry { _ in (1, KilledConnector(inner: UpstreamCAConnector(port: port))) }
                    _ = try await UpstreamRevocations(context, registry: registry).tick()
                }
                #expect(stage.server.changes == [1] && stage.server.asked.count == 1)
                #expect(try await stage.stored().notification == .pending)
                #expect(try await stage.stored().notifyAttempts == 1)
                try await stage.letWaitsEnd()
                #expect(try await stage.replica.tick().rows == 1)
                let row = try await stage.stored()
                #expect(row.notification == .done && row.notifyAttempts == 2)
                #expect(stage.server.changes == [1] && stage.server.asked.count == 2)
                #expect(stage.told.outcomes.withLock { $0 } == [.alreadyDone])
            }
        }
        await database.close()
    }
}
