import DatabaseTestSupport
import Domain
import Foundation
import Query
import SQLiteDriver
import Synchronization
import Testing

@Suite("SQLite: durable settings, group commit, and faults of the disk")
struct SQLiteDatabaseTests {
    struct Refused: Error {}

    static func with(
        _ configuration: SQLiteConfiguration = SQLiteConfiguration(),
        time: TimeSource = .system,
        _ body: (SQLiteDatabase, String) async throws -> Void
    ) async throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/test.db"
        let database = try SQLiteDatabase(path: path, configuration: configuration, time: time)
        try await database.migrate { try $0.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL) STRICT") }
        try await body(database, path)
        await database.close()
    }

    static func count(_ database: SQLiteDatabase) async throws -> Int {
        try await database.read { try $0.row("SELECT COUNT(*) AS n FROM t")?.int("n") ?? -1 }
    }

    /// `synchronous` 2 is FULL, `secure_delete` 2 is FAST, `auto_vacuum` 2 is INCREMENTAL.
    @Test(
        "the writer has the settings of the specification",
        arguments: [
            (SQLitePragma.journalMode, "wal"), (.synchronous, "2"), (.foreignKeys, "1"), (.secureDelete, "2"),
            (.journalSizeLimit, "67108864"), (.autoVacuum, "2"), (.busyTimeout, "5000"),
            (.walAutocheckpoint, "4000"), (.cacheSize, "-16000"),
        ]
    )
    func settings(pragma: SQLitePragma, expected: String) async throws {
        try await Self.with { database, _ in
            let value = try await database.setting(pragma)
            #expect(value == expected)
        }
    }

    @Test("the schema can check JSON, whatever this SQLite trusts")
    func schemaFunctions() async throws {
        try await Self.with { database, _ in
            try await database.migrate { connection in
                try connection.run("CREATE TABLE j (d TEXT NOT NULL CONSTRAINT j_d CHECK (json_valid(d))) STRICT")
            }
            try await database.write { try $0.execute("INSERT INTO j (d) VALUES (\(Value.json("{}")))") }
            let error = await #expect(throws: DatabaseError.self) {
                try await database.write { try $0.execute("INSERT INTO j (d) VALUES (\("{")) ") }
            }
            #expect(error?.kind == .checkViolation(constraint: "j_d"))
        }
    }

    @Test("a commit waits for the disk unless nobody of it wants that, and the next one waits again")
    func durability() async throws {
        try await Self.with { database, _ async throws in
            func write(_ id: Int, _ durability: Durability) async throws -> Int? {
                try await database.writeTogether(about: "\(id)", durability: durability) { tx in
                    try tx.execute("INSERT INTO t (id, v) VALUES (\(id), 'x')")
                    return try tx.row("PRAGMA synchronous")?.int("synchronous")
                }
            }
            for round in 0..<3 {
                #expect(try await write(2 * round, .withTheNext) == 1)
                #expect(try await Self.count(database) == 2 * round + 1, "everybody sees it at once")
                #expect(try await database.setting(.synchronous) == "2")
                #expect(try await write(2 * round + 1, .immediate) == 2)
            }
            // One that is refused leaves the writer as it was, too.
            await #expect(throws: DatabaseError.self) { _ = try await write(0, .withTheNext) }
            #expect(try await write(6, .immediate) == 2)
        }
    }

    @Test("synchronous can be lowered by the setting alone")
    func relaxed() async throws {
        var configuration = SQLiteConfiguration()
        configuration.synchronous = .normal
        try await Self.with(configuration) { database, _ in
            let value = try await database.setting(.synchronous)
            #expect(value == "1")
        }
    }

    @Test("what queues while a commit runs is committed together, each with its own outcome")
    func groupCommit() async throws {
        let batches = Mutex<[Int]>([])
        let gate = Gate()
        var configuration = SQLiteConfiguration()
        configuration.largestBatch = 64
        configuration.onCommitBatch = { size in batches.withLock { $0.append(size) } }
        try await Self.with(configuration) { database, _ in
            batches.withLock { $0 = [] }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await database.write { tx in
                        gate.wait()
                        try tx.execute("INSERT INTO t (id, v) VALUES (\(1000), \("first"))")
                    }
                }
                for index in 0..<100 {
                    group.addTask {
                        let isBad = index.isMultiple(of: 10)
                        do {
                            try await database.write { tx in
                                try tx.execute("INSERT INTO t (id, v) VALUES (\(index), \("x"))")
                                if isBad { throw Refused() }
                            }
                            #expect(!isBad)
                        } catch {
                            #expect(isBad && error is Refused)
                        }
                    }
                }
                try? await Task.sleep(for: .milliseconds(100))
                gate.open()
            }
            let count = try await Self.count(database)
            #expect(count == 91)
            let sizes = batches.withLock { $0 }
            #expect(sizes.reduce(0, +) == 91)
            #expect(sizes.count <= 4, "101 writes took \(sizes.count) commits: \(sizes)")
            #expect(sizes.allSatisfy { $0 <= 64 })
        }
    }

    @Test("a waiting write can be cancelled; a running one finishes")
    func cancellation() async throws {
        let gate = Gate()
        try await Self.with { database, _ in
            let running = Task {
                try await database.write { tx in
                    gate.wait()
                    try tx.execute("INSERT INTO t (id, v) VALUES (\(1), \("running"))")
                }
            }
            try await Task.sleep(for: .milliseconds(50))
            let waiting = Task {
                try await database.write { try $0.execute("INSERT INTO t (id, v) VALUES (\(2), \("waiting"))") }
            }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            gate.open()
            _ = try await running.value
            let count = try await Self.count(database)
            #expect(count == 1)
        }
    }

    @Test("readers see the state before a write that has not committed, and are not held up by it")
    func readersBesideWriter() async throws {
        let gate = Gate()
        try await Self.with { database, _ in
            let writing = Task {
                try await database.write { tx in
                    try tx.execute("INSERT INTO t (id, v) VALUES (\(1), \("x"))")
                    gate.wait()
                }
            }
            try await Task.sleep(for: .milliseconds(50))
            let seen = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await Self.count(database) } }
                return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(seen == [0])
            gate.open()
            try await writing.value
            let count = try await Self.count(database)
            #expect(count == 1)
        }
    }

    @Test("a full disk refuses the writes that meet it, keeps all that was acknowledged, and recovers")
    func diskFull() async throws {
        try await Self.with { database, _ in
            try await database.migrate { try $0.run("PRAGMA max_page_count = 40") }
            let outcomes = await withTaskGroup(of: (Int, DatabaseError?).self) { group in
                for index in 0..<60 {
                    group.addTask {
                        do {
                            try await database.write { tx in
                                let filling = String(repeating: "x", count: 5000)
                                try tx.execute("INSERT INTO t (id, v) VALUES (\(index), \(filling))")
                            }
                            return (index, nil)
                        } catch {
                            return (index, error as? DatabaseError)
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(outcomes.values.contains { $0.kind == .diskFull })
            #expect(outcomes.values.allSatisfy { $0.kind == .diskFull })
            let refused = Set(outcomes.keys)
            let stored = try await database.read { tx in
                Set(try tx.rows("SELECT id FROM t").map { try $0.int("id") })
            }
            #expect(stored == Set(0..<60).subtracting(refused))
            #expect(try await database.quickCheck() == [])
            try await database.migrate { try $0.run("PRAGMA max_page_count = 100000") }
            try await database.write { try $0.execute("INSERT INTO t (id, v) VALUES (\(999), \("after"))") }
            let count = try await Self.count(database)
            #expect(count == stored.count + 1)
        }
    }

    @Test("a file that is no database is reported as corrupt and left alone")
    func corruptFile() throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/broken.db"
        let content = Data(repeating: 0x41, count: 8192)
        try content.write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: DatabaseError.self) { try SQLiteDatabase(path: path, time: .system) }
        #expect(error?.kind == .corrupt)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == content)
    }

    @Test("closing merges the log into the file, and the content is there when it is opened again")
    func reopening() async throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/test.db"
        let first = try SQLiteDatabase(path: path, time: .system)
        try await first.migrate { try $0.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT) STRICT") }
        try await first.write { try $0.execute("INSERT INTO t (id, v) VALUES (\(1), \("x"))") }
        #expect(first.logSize > 0)
        await first.close()
        #expect(first.logSize == 0)
        let second = try SQLiteDatabase(path: path, time: .system)
        let count = try await Self.count(second)
        #expect(count == 1)
        #expect(try await second.integrityCheck() == [])
        await second.close()
    }

    @Test("the clock of a transaction is the injected one")
    func injectedClock() async throws {
        let time = TimeSource(now: { Timestamp(secondsSinceEpoch: 42) }, sleep: { _ in })
        try await Self.with(time: time) { database, _ in
            let written = try await database.write { $0.now }
            let read = try await database.read { $0.now }
            #expect([written, read] == [time.now, time.now])
        }
    }

    @Test("two connections to one file take turns: a writer waits for the other's lock")
    func twoWriters() async throws {
        try await Self.with { first, path in
            let second = try SQLiteDatabase(path: path, time: .system)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    let database = index.isMultiple(of: 2) ? first : second
                    group.addTask {
                        _ = try await database.write { tx in
                            try tx.execute("INSERT INTO t (id, v) VALUES (\(index), \("x"))")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let count = try await Self.count(first)
            #expect(count == 40)
            await second.close()
        }
    }
}

/// Holds a transaction body until a test lets it go on; at most ten seconds.
final class Gate: Sendable {
    private let isOpen = Atomic(false)

    var isOpened: Bool { isOpen.load(ordering: .acquiring) }

    func open() { isOpen.store(true, ordering: .releasing) }

    func wait() {
        let deadline = ContinuousClock.now + .seconds(10)
        while !isOpen.load(ordering: .acquiring), ContinuousClock.now < deadline { usleep(1000) }
    }
}
