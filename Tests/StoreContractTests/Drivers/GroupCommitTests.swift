import DatabaseTestSupport
import Domain
import Foundation
import PostgresDriver
import Query
import Synchronization
import Testing

@Suite("Bodies that are written together: one commit, and each its own fate")
struct GroupCommitTests {
    struct Refused: Error, Equatable { var subject = "" }

    /// `n` of a thing that must exist once.
    static func counting(_ id: String) -> DeferredStatement {
        DeferredStatement(
            head: "UPDATE things SET n = n + 1 WHERE id IN (",
            member: "\(id)",
            tail: ")",
            refusal: { _ in Refused(subject: id) }
        )
    }

    static func insertion(_ id: String, n: Int = 0) -> DeferredStatement {
        DeferredStatement(
            head: "INSERT INTO things (id, name, n, at) VALUES ",
            member: "(\(id), \("name of \(id)"), \(n), \(Timestamp(secondsSinceEpoch: 1)))",
            translate: { error in
                if case .uniqueViolation = error.kind { Refused(subject: id) } else { error }
            }
        )
    }

    /// Errors by subject.
    static func together(
        _ database: any Database,
        _ subjects: [String],
        _ body: @escaping @Sendable (String, any Transaction) throws -> Void
    ) async -> [String: any Error] {
        await withTaskGroup(of: (String, (any Error)?).self) { group in
            for subject in subjects {
                group.addTask {
                    do {
                        try await database.writeTogether(about: subject) { tx in try body(subject, tx) }
                        return (subject, nil)
                    } catch {
                        return (subject, error)
                    }
                }
            }
            return await group.reduce(into: [:]) { errors, outcome in
                if let error = outcome.1 { errors[outcome.0] = error }
            }
        }
    }

    static func numbers(_ database: any Database) async throws -> [String: Int] {
        try await database.read { tx in
            try tx.rows("SELECT id, n FROM things").reduce(into: [:]) { $0[try $1.text("id")] = try $1.int("n") }
        }
    }

    @Test("deferred changes keep their order within a subject", arguments: Engine.available)
    func order(engine: Engine) async throws {
        let database = try await DatabaseContractTests.make(engine)
        let subjects = (0..<100).map { "s\($0)" }
        let errors = await Self.together(database, subjects) { subject, tx in
            try tx.submit(Self.insertion(subject))
            try tx.submit(Self.counting(subject))
            #expect(try tx.row("SELECT n FROM things WHERE id = \(subject)")?.int("n") == 1)
            try tx.submit(Self.counting(subject))
        }
        #expect(errors.isEmpty)
        #expect(try await Self.numbers(database) == Dictionary(uniqueKeysWithValues: subjects.map { ($0, 2) }))
        await database.close()
    }

    @Test("bodies of one subject see each other's changes", arguments: Engine.available)
    func oneSubject(engine: Engine) async throws {
        let database = try await DatabaseContractTests.make(engine)
        try await database.write { try $0.submit(Self.insertion("s")) }
        let seen = Noted<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let number = try await database.writeTogether(about: "s") { tx in
                        let number = try tx.row("SELECT n FROM things WHERE id = \("s")")?.int("n") ?? -1
                        try tx.submit(Self.counting("s"))
                        return number
                    }
                    seen.note(number)
                }
            }
            try await group.waitForAll()
        }
        #expect(seen.all.sorted() == Array(0..<50))
        #expect(try await Self.numbers(database) == ["s": 50])
        await database.close()
    }

    @Test("what fails one body has no effect on the others", arguments: Engine.available)
    func failures(engine: Engine) async throws {
        let database = try await DatabaseContractTests.make(engine)
        try await database.write { try $0.submit(Self.insertion("taken")) }
        let subjects = ["taken", "missing", "thrown", "early", "broken"] + (0..<40).map { "s\($0)" }
        let errors = await Self.together(database, subjects) { subject, tx in
            switch subject {
            // Before anything is changed, and after.
            case "early": throw Refused(subject: "early")
            case "thrown":
                try tx.submit(Self.insertion(subject))
                throw Refused(subject: "thrown")
            // The change affects no row.
            case "missing": try tx.submit(Self.counting(subject))
            case "broken": try tx.execute("INSERT INTO things (id, n) VALUES (\(subject), \(-1))")
            default: try tx.submit(Self.insertion(subject))
            }
        }
        #expect(Set(errors.keys) == ["taken", "missing", "thrown", "early", "broken"])
        for subject in ["taken", "missing", "thrown", "early"] {
            #expect(errors[subject] as? Refused == Refused(subject: subject))
        }
        #expect((errors["broken"] as? DatabaseError)?.kind == .checkViolation(constraint: "things_n_positive"))
        let stored = try await Self.numbers(database)
        #expect(Set(stored.keys) == Set(subjects).subtracting(["missing", "thrown", "early", "broken"]))
        await database.close()
    }

    @Test(
        "a commit waits for the disk unless nobody of it wants that", .enabled(if: Engine.available.contains(.postgres))
    )
    func durability() async throws {
        let database = try await DatabaseContractTests.make(.postgres)
        for (round, durability) in [Durability.withTheNext, .immediate, .withTheNext].enumerated() {
            let id = "s\(round)"
            let setting = try await database.writeTogether(about: id, durability: durability) { tx in
                try tx.submit(Self.insertion(id))
                return try tx.row("SHOW synchronous_commit")?.text("synchronous_commit")
            }
            #expect(setting == (durability == .immediate ? "on" : "off"))
            #expect(try await Self.numbers(database).count == round + 1, "everybody sees it at once")
        }
        await database.close()
    }

    @Test("a failure that a body swallows fails it all the same", arguments: Engine.available)
    func swallowed(engine: Engine) async throws {
        let database = try await DatabaseContractTests.make(engine)
        let errors = await Self.together(database, ["a", "b"]) { subject, tx in
            try tx.submit(Self.insertion(subject))
            if subject == "a" { _ = try? tx.execute("UPDATE things SET n = -1 WHERE id = \(subject)") }
        }
        #expect(Set(errors.keys) == ["a"])
        #expect(try await Self.numbers(database) == ["b": 0])
        await database.close()
    }

    @Test("signals are told once, after the commit, and not for a body that fails", arguments: Engine.available)
    func signals(engine: Engine) async throws {
        let database = try await DatabaseContractTests.make(engine)
        let stream = database.signals(on: .jobs)
        _ = await Self.together(database, ["a", "b", "c"]) { subject, tx in
            try tx.submit(Self.insertion(subject))
            try tx.notify(.jobs, payload: subject)
            if subject == "b" { throw Refused() }
        }
        await database.close()
        var told: [String] = []
        for await payload in stream { told.append(payload) }
        #expect(told.sorted() == ["a", "c"])
    }

    @Test("a closed database refuses", arguments: Engine.available)
    func closed(engine: Engine) async throws {
        let database = try await DatabaseContractTests.make(engine)
        await database.close()
        let errors = await Self.together(database, ["a"]) { _, _ in }
        #expect((errors["a"] as? DatabaseError)?.kind == .unavailable)
    }
}

@Suite("PostgreSQL: groups", .enabled(if: Engine.available.contains(.postgres)))
struct PostgresGroupTests {
    private static func make(
        _ change: (inout PostgresConfiguration) -> Void = { _ in }
    ) async throws -> PostgresDatabase {
        try await PostgresDatabaseTests.make(change)
    }

    private static func insertion(_ id: Int) -> DeferredStatement {
        DeferredStatement(head: "INSERT INTO t (id, v) VALUES ", member: "(\(id), \("x"))")
    }

    @Test("what waits at the same time is committed together, as one transaction of the server")
    func grouping() async throws {
        let batches = Mutex<[Int]>([])
        let database = try await Self.make {
            $0.maxConnections = 1
            $0.onCommitBatch = { size in batches.withLock { $0.append(size) } }
        }
        let gate = Gate()
        let holder = Task { try await database.write { _ in gate.wait() } }
        try await Task.sleep(for: .milliseconds(100))
        let tasks = (0..<40).map { id in
            Task { try await database.writeTogether(about: "s\(id)") { try $0.submit(Self.insertion(id)) } }
        }
        try await Task.sleep(for: .milliseconds(200))
        gate.open()
        try await holder.value
        for task in tasks { try await task.value }
        #expect(batches.withLock { $0 } == [40])
        let transactions = try await database.read { tx in
            try tx.row("SELECT COUNT(DISTINCT xmin::text) AS n FROM t")?.int("n")
        }
        #expect(transactions == 1)
        await database.close()
    }

    @Test("a lane that never runs out of work leaves a small pool to others too")
    func fairness() async throws {
        let database = try await Self.make {
            $0.maxConnections = 1
            $0.checkoutWait = .seconds(10)
        }
        let hasRead = Noted<Bool>()
        let start = ContinuousClock.now
        let writers = (0..<30).map { id in
            Task {
                // Two halves that take turns: while one is at work, the other is back in the queue.
                if id >= 15 { try await Task.sleep(for: .milliseconds(50)) }
                while hasRead.all.isEmpty, ContinuousClock.now - start < .seconds(15) {
                    try await database.writeTogether(about: "s\(id)") { tx in
                        _ = try tx.rows("SELECT 1 AS one FROM pg_sleep(0.01)")
                    }
                }
            }
        }
        try await Task.sleep(for: .milliseconds(300))
        _ = try await database.read { try $0.rows("SELECT 1 AS one") }
        hasRead.note(true)
        for writer in writers { try await writer.value }
        await database.close()
    }

    @Test("a row that somebody else has locked delays its own body alone")
    func lockedRow() async throws {
        let database = try await Self.make()
        try await database.write { tx in for id in 0..<9 { try tx.submit(Self.insertion(id)) } }
        let gate = Gate()
        let holder = Task {
            try await database.write { tx in
                try tx.execute("UPDATE t SET v = \("held") WHERE id = \(0)")
                gate.wait()
            }
        }
        try await Task.sleep(for: .milliseconds(100))
        let finished = Noted<Int>()
        let tasks = (0..<9).map { id in
            Task {
                try await database.writeTogether(about: "s\(id)") { tx in
                    try tx.execute("UPDATE t SET v = v || \("!") WHERE id = \(id)")
                }
                finished.note(id)
            }
        }
        for _ in 0..<200 where finished.all.count < 8 { try await Task.sleep(for: .milliseconds(20)) }
        #expect(finished.all.sorted() == Array(1...8))
        gate.open()
        try await holder.value
        for task in tasks { try await task.value }
        let value = try await database.read { try $0.row("SELECT v FROM t WHERE id = \(0)")?.text("v") }
        #expect(value == "held!")
        await database.close()
    }

    @Test("a cancelled body that waits is not run")
    func cancellation() async throws {
        let database = try await Self.make { $0.maxConnections = 1 }
        let gate = Gate()
        let holder = Task { try await database.write { _ in gate.wait() } }
        try await Task.sleep(for: .milliseconds(100))
        let task = Task { try await database.writeTogether(about: "s") { try $0.submit(Self.insertion(1)) } }
        let other = Task { try await database.writeTogether(about: "s") { try $0.submit(Self.insertion(2)) } }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        gate.open()
        try await holder.value
        try await other.value
        let stored = try await database.read { tx in try tx.rows("SELECT id FROM t").map { try $0.int("id") } }
        #expect(stored == [2])
        await database.close()
    }

    @Test("a serialisation failure in a group runs its bodies again")
    func retry() async throws {
        let database = try await Self.make()
        let runs = Atomic(0)
        try await database.writeTogether(about: "s") { tx in
            try tx.submit(Self.insertion(1))
            if runs.add(1, ordering: .relaxed).newValue < 3 { _ = try tx.rows(SQL.raise40001) }
        }
        #expect(runs.load(ordering: .relaxed) == 3)
        #expect(try await database.read { try $0.rows("SELECT 1 FROM t").count } == 1)
        await database.close()
    }

    @Test("prepared statements that vanish are prepared again")
    func stalePreparedStatements() async throws {
        let database = try await Self.make { $0.maxConnections = 1 }
        for id in 0..<4 {
            try await database.writeTogether(about: "s") { try $0.submit(Self.insertion(id)) }
            try await database.write { _ = try $0.execute("DEALLOCATE ALL") }
        }
        #expect(try await database.read { try $0.rows("SELECT 1 FROM t").count } == 4)
        await database.close()
    }

    @Test("behind a pooling proxy, where nothing is prepared, groups work as well")
    func pooled() async throws {
        let database = try await Self.make { configuration in
            let url = configuration.url.withText { $0 + ($0.contains("?") ? "&" : "?") + "certctl_pgbouncer=1" }
            configuration.url = Secret(url)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 0..<30 {
                group.addTask {
                    try await database.writeTogether(about: "s\(id)") { try $0.submit(Self.insertion(id)) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.read { try $0.rows("SELECT 1 FROM t").count } == 30)
        await database.close()
    }
}

/// What several tasks have to say.
private final class Noted<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }

    func note(_ element: Element) { elements.withLock { $0.append(element) } }
}
