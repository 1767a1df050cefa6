import DatabaseTestSupport
import Domain
import Foundation
import PostgresDriver
import Query
import Testing

@Suite("PostgreSQL stopped and restarted under load", .enabled(if: Engine.available.contains(.postgres)))
struct PostgresRestartTests {
    /// What became of one write.
    enum Outcome {
        case acknowledged
        case refused
        /// The connection broke during COMMIT.
        case unknown
    }

    /// With `fsync` on: what was acknowledged must survive the crash of the server.
    @Test(
        "no acknowledged write is lost, whether the server stops in order or at once",
        arguments: [false, true], [false, true]
    )
    func restart(immediately: Bool, inGroups: Bool) async throws {
        let cluster = try PostgresCluster(options: ["-c", "fsync=on"])
        defer { cluster.stop() }
        var configuration = PostgresConfiguration(url: cluster.url(database: "postgres"))
        configuration.maxConnections = 8
        let database = try PostgresDatabase(configuration)
        try await database.migrate { try $0.run("CREATE TABLE t (id bigint PRIMARY KEY)") }
        let end = Gate()
        let outcomes = try await withThrowingTaskGroup(of: [(Int, Outcome)].self) { group in
            for worker in 0..<8 {
                group.addTask { await Self.load(database, worker: worker, inGroups: inGroups, until: end) }
            }
            try await Task.sleep(for: .milliseconds(150))
            try cluster.restart(immediately: immediately)
            try await Task.sleep(for: .milliseconds(300))
            end.open()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let stored = try await database.read { tx in Set(try tx.rows("SELECT id FROM t").map { try $0.int("id") }) }
        let acknowledged = Set(outcomes.filter { $0.1 == .acknowledged }.map(\.0))
        let refused = Set(outcomes.filter { $0.1 == .refused }.map(\.0))
        #expect(acknowledged.subtracting(stored).isEmpty)
        #expect(refused.intersection(stored).isEmpty)
        #expect(!acknowledged.isEmpty)
        // Work went on after the restart.
        let last = outcomes.filter { $0.1 != .acknowledged }.map { $0.0 % 1_000_000 }.max() ?? 0
        #expect(outcomes.contains { $0.1 == .acknowledged && $0.0 % 1_000_000 > last })
        await database.close()
    }

    private static func load(
        _ database: PostgresDatabase,
        worker: Int,
        inGroups: Bool,
        until end: Gate
    ) async -> [(Int, Outcome)] {
        var outcomes: [(Int, Outcome)] = []
        var index = 0
        while !end.isOpened, index < 100_000 {
            let id = worker * 1_000_000 + index
            index += 1
            do {
                if inGroups {
                    let row = DeferredStatement(head: "INSERT INTO t (id) VALUES ", member: "(\(id))")
                    try await database.writeTogether(about: "\(worker)") { try $0.submit(row) }
                } else {
                    try await database.write { try $0.execute("INSERT INTO t (id) VALUES (\(id))") }
                }
                outcomes.append((id, .acknowledged))
            } catch let error as DatabaseError {
                outcomes.append((id, error.sqlState == "08007" ? .unknown : .refused))
                try? await Task.sleep(for: .milliseconds(5))
            } catch {
                Issue.record("unexpected \(error)")
            }
        }
        return outcomes
    }
}
