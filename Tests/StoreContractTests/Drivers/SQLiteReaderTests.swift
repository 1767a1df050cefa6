import DatabaseTestSupport
import Domain
import Foundation
import Query
import SQLiteDriver
import Synchronization
import Testing

@Suite("Readers of an SQLite file")
struct SQLiteReaderTests {
    /// A file with an empty table, closed and removed at the end.
    private static func with(
        _ configuration: SQLiteConfiguration = SQLiteConfiguration(),
        _ body: @Sendable (SQLiteDatabase) async throws -> Void
    ) async throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let database = try SQLiteDatabase(path: directory + "/test.db", configuration: configuration, time: .system)
        try await database.migrate { try $0.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT) STRICT") }
        try await body(database)
        await database.close()
    }

    private static func count(_ tx: any Transaction) throws -> Int {
        try tx.row("SELECT count(*) AS c FROM t")?.int("c") ?? -1
    }

    @Test("each read sees what was committed before it began, also on a connection that has read before")
    func freshness() async throws {
        try await Self.with { database in
            for number in 1...50 {
                try await database.write { try $0.execute("INSERT INTO t (id, v) VALUES (\(number), \("x"))") }
                let seen = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 { group.addTask { try await database.read { try Self.count($0) } } }
                    return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
                }
                #expect(seen == [number])
            }
        }
    }

    @Test("a read sees one state from its first statement to its last")
    func snapshot() async throws {
        let gate = Gate()
        let hasRead = Gate()
        try await Self.with { database in
            let reading = Task {
                try await database.read { tx in
                    let first = try Self.count(tx)
                    hasRead.open()
                    gate.wait()
                    return [first, try Self.count(tx)]
                }
            }
            while !hasRead.isOpened { try await Task.sleep(for: .milliseconds(5)) }
            try await database.write { try $0.execute("INSERT INTO t (id, v) VALUES (\(1), \("x"))") }
            gate.open()
            #expect(try await reading.value == [0, 0])
        }
    }

    @Test("a read that waits for a connection can be cancelled, and so can a statement that runs")
    func cancellation() async throws {
        var configuration = SQLiteConfiguration()
        configuration.readerCount = 2
        let gate = Gate()
        try await Self.with(configuration) { database in
            let running = (0..<2).map { _ in
                Task {
                    try await database.read { tx in
                        gate.wait(); return try Self.count(tx)
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(100))
            let waiting = Task { try await database.read { try Self.count($0) } }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            gate.open()
            for task in running { #expect(try await task.value == 0) }
            let endless = Task {
                try await database.read { tx in
                    try tx.row(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"
                    )?.int("c")
                }
            }
            try await Task.sleep(for: .milliseconds(100))
            endless.cancel()
            await #expect(throws: CancellationError.self) { _ = try await endless.value }
            // Whoever has the connection next is not interrupted.
            for _ in 0..<20 { #expect(try await database.read { try Self.count($0) } == 0) }
        }
    }

    @Test("closing lets reads end that were asked for, and refuses those that come later")
    func closing() async throws {
        var configuration = SQLiteConfiguration()
        configuration.readerCount = 1
        let gate = Gate()
        try await Self.with(configuration) { database in
            let running = Task {
                try await database.read { tx in
                    gate.wait(); return try Self.count(tx)
                }
            }
            try await Task.sleep(for: .milliseconds(50))
            let waiting = Task { try await database.read { try Self.count($0) } }
            try await Task.sleep(for: .milliseconds(50))
            let closing = Task { await database.close() }
            try await Task.sleep(for: .milliseconds(50))
            gate.open()
            #expect(try await running.value == 0)
            #expect(try await waiting.value == 0)
            await closing.value
            let error = await #expect(throws: DatabaseError.self) { try await database.read { try Self.count($0) } }
            #expect(error?.kind == .unavailable)
        }
    }

    @Test("a thousand reads at once are all answered, beside a writer")
    func manyReads() async throws {
        try await Self.with { database in
            let answered = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    for number in 1...100 {
                        try await database.write { try $0.execute("INSERT INTO t (id, v) VALUES (\(number), \("x"))") }
                    }
                    return 0
                }
                for _ in 0..<1000 {
                    group.addTask {
                        let found = try await database.read { [try Self.count($0), try Self.count($0)] }
                        return found[0] == found[1] ? 1 : 0
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(answered == 1000)
        }
    }
}
