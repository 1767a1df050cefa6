import DatabaseTestSupport
import Domain
import Query
import Synchronization
import Testing

@Suite("Both engines keep the contract of a database")
struct DatabaseContractTests {
    struct Refused: Error {}

    /// A small table with every type, made through the migration connection, the only door for raw text.
    static func make(_ engine: Engine) async throws -> any MigratableDatabase {
        let database = try await TestDatabase.makeEmpty(engine)
        let statements =
            engine == .sqlite
            ? [
                """
                CREATE TABLE things (id TEXT PRIMARY KEY NOT NULL, name TEXT, n INTEGER NOT NULL DEFAULT 0, r REAL,
                flag INTEGER, at INTEGER, doc TEXT, octets BLOB, parent TEXT,
                CONSTRAINT things_name_key UNIQUE (name), CONSTRAINT things_n_positive CHECK (n >= 0),
                CONSTRAINT things_parent_fkey FOREIGN KEY (parent) REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED
                ) STRICT
                """,
                "CREATE TABLE owned (owner TEXT NOT NULL REFERENCES things (id) ON DELETE RESTRICT) STRICT",
                "CREATE UNIQUE INDEX things_once ON things (r, flag)",
            ]
            : [
                """
                CREATE TABLE things (id text PRIMARY KEY, name text, n bigint NOT NULL DEFAULT 0, r double precision,
                flag boolean, at timestamptz, doc jsonb, octets bytea, parent text,
                CONSTRAINT things_name_key UNIQUE (name), CONSTRAINT things_n_positive CHECK (n >= 0),
                CONSTRAINT things_parent_fkey FOREIGN KEY (parent) REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)
                """,
                "CREATE TABLE owned (owner text NOT NULL REFERENCES things (id) ON DELETE RESTRICT)",
                "CREATE UNIQUE INDEX things_once ON things (r, flag)",
            ]
        try await database.migrate { connection in
            for statement in statements { try connection.run(statement) }
        }
        return database
    }

    static func count(_ database: any Database) async throws -> Int {
        try await database.read { try $0.row("SELECT COUNT(*) AS n FROM things")?.int("n") ?? -1 }
    }

    @Test("values come back as they went in", arguments: Engine.available)
    func roundTrip(engine: Engine) async throws {
        let database = try await Self.make(engine)
        let time = Timestamp(microsecondsSinceEpoch: 1_764_098_271_123_456)
        let octets: [UInt8] = [0, 1, 0x27, 0x5C, 0xFF, 0]
        let name = "O'Brien \\ \u{1F511} \n"
        try await database.write { tx in
            try tx.execute(
                """
                INSERT INTO things (id, name, n, r, flag, at, doc, octets)
                VALUES (\("a"), \(name), \(Int.max), \(1.5), \(true), \(time), \(Value.json(#"{"k": "v"}"#)), \(octets))
                """
            )
            try tx.execute("INSERT INTO things (id, octets, at) VALUES (\("b"), \([UInt8]()), \(Timestamp?.none))")
        }
        try await database.read { tx in
            let row = try #require(try tx.row("SELECT * FROM things WHERE id = \("a")"))
            #expect(try row.text("name") == name)
            #expect(try row.int("n") == Int.max)
            #expect(try row.value("r") == .real(1.5))
            #expect(try row.bool("flag"))
            #expect(try row.time("at") == time)
            #expect(try row.text("doc").filter { $0 != " " } == #"{"k":"v"}"#)
            #expect(try row.bytes("octets") == octets)
            let empty = try #require(try tx.row("SELECT * FROM things WHERE id = \("b")"))
            #expect(try empty.bytes("octets") == [])
            #expect(try empty.optionalTime("at") == nil && empty.optionalText("name") == nil)
            #expect(try tx.row("SELECT id FROM things WHERE at = \(time)")?.text("id") == "a")
            #expect(try tx.row("SELECT SUM(n) AS n FROM things")?.int("n") == Int.max)
        }
        await database.close()
    }

    @Test("named pieces give the same answers", arguments: Engine.available)
    func namedPieces(engine: Engine) async throws {
        let database = try await Self.make(engine)
        try await database.write { tx in
            let documents = [#"{"env":"prod","n":7,"on":true}"#, #"{"env":"50%_x"}"#, #"{"$.env":"odd"}"#]
            for (index, document) in documents.enumerated() {
                try tx.execute(
                    """
                    INSERT INTO things (id, name, doc)
                    VALUES (\("t\(index)"), \("Name 50%_\(index)"), \(Value.json(document)))
                    """
                )
            }
        }
        try await database.read { tx in
            let cases: [(SQL, [String])] = [
                ("\(json: "doc", member: "env") = \("prod")", ["t0"]),
                ("\(json: "doc", member: "n") = \("7")", ["t0"]),
                ("\(json: "doc", member: "on") = \("true")", ["t0"]),
                ("\(json: "doc", member: "$.env") = \("odd")", ["t2"]),
                ("\("name", contains: "50%_1")", ["t1"]),
                ("\("name", contains: "NAME")", ["t0", "t1", "t2"]),
                ("\("name", contains: "%1")", []),
                ("id IN \(list: ["t2", "t0", "nobody"])", ["t0", "t2"]),
                ("id IN \(list: [String]())", []),
            ]
            for (condition, expected) in cases {
                let rows = try tx.rows("SELECT id FROM things WHERE \(fragment: condition) ORDER BY id")
                #expect(try rows.map { try $0.text("id") } == expected)
            }
        }
        let locked = try await database.write { tx in
            try tx.rows("SELECT id FROM things ORDER BY id LIMIT \(2)\(lock: .forUpdateSkipLocked)").count
        }
        #expect(locked == 2)
        await database.close()
    }

    @Test("a body that throws leaves nothing, and its error arrives unchanged", arguments: Engine.available)
    func rollback(engine: Engine) async throws {
        let database = try await Self.make(engine)
        await #expect(throws: Refused.self) {
            try await database.write { tx in
                try tx.execute("INSERT INTO things (id) VALUES (\("a"))")
                throw Refused()
            }
        }
        #expect(try await Self.count(database) == 0)
        await database.close()
    }

    @Test("a statement that failed cannot be ignored: the body does not commit", arguments: Engine.available)
    func swallowedFailure(engine: Engine) async throws {
        let database = try await Self.make(engine)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { tx in
                try tx.execute("INSERT INTO things (id) VALUES (\("a"))")
                _ = try? tx.execute("INSERT INTO things (id, n) VALUES (\("b"), \(-1))")
            }
        }
        #expect(error?.kind == .checkViolation(constraint: "things_n_positive"))
        #expect(try await Self.count(database) == 0)
        await database.close()
    }

    @Test("broken constraints have the same names on both engines", arguments: Engine.available)
    func constraintNames(engine: Engine) async throws {
        let database = try await Self.make(engine)
        try await database.write { tx in
            try tx.execute("INSERT INTO things (id, name, r, flag) VALUES (\("a"), \("A"), \(1.0), \(true))")
        }
        let cases: [(SQL, DatabaseError.Kind)] = [
            ("INSERT INTO things (id) VALUES (\("a"))", .uniqueViolation(constraint: "things_pkey")),
            ("INSERT INTO things (id, name) VALUES (\("b"), \("A"))", .uniqueViolation(constraint: "things_name_key")),
            (
                "INSERT INTO things (id, r, flag) VALUES (\("b"), \(1.0), \(true))",
                .uniqueViolation(constraint: "things_once")
            ),
            ("UPDATE things SET n = \(-1)", .checkViolation(constraint: "things_n_positive")),
            ("UPDATE things SET n = NULL", .notNullViolation(column: "n")),
            ("SELECT nothing FROM nowhere", .statement),
        ]
        for (statement, kind) in cases {
            let error = await #expect(throws: DatabaseError.self) {
                try await database.write { try $0.execute(statement) }
            }
            #expect(error?.kind == kind)
        }
        await database.close()
    }

    /// The first is checked at the end of the transaction, and fails only the one that broke it.
    @Test(
        "a broken reference is a foreign-key violation, whenever it is checked",
        arguments: Engine.available,
        [
            "INSERT INTO things (id, parent) VALUES (\("c"), \("none"))",
            "INSERT INTO owned (owner) VALUES (\("none"))",
            "DELETE FROM things WHERE id = \("a")",
        ] as [SQL]
    )
    func foreignKeys(engine: Engine, statement: SQL) async throws {
        let database = try await Self.make(engine)
        try await database.write { tx in
            try tx.execute("INSERT INTO things (id) VALUES (\("a"))")
            try tx.execute("INSERT INTO owned (owner) VALUES (\("a"))")
        }
        let error = await #expect(throws: DatabaseError.self) { try await database.write { try $0.execute(statement) } }
        guard case .foreignKeyViolation = error?.kind else {
            Issue.record("expected a foreign-key violation, got \(String(describing: error))")
            return
        }
        let count = try await Self.count(database)
        #expect(count == 1)
        await database.close()
    }

    @Test("readers cannot write", arguments: Engine.available)
    func readOnly(engine: Engine) async throws {
        let database = try await Self.make(engine)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.read { try $0.execute("INSERT INTO things (id) VALUES (\("a"))") }
        }
        #expect(error?.kind == .readOnly)
        await database.close()
    }

    @Test("many writers at once lose no update", arguments: Engine.available)
    func concurrentWriters(engine: Engine) async throws {
        let database = try await Self.make(engine)
        try await database.write { try $0.execute("INSERT INTO things (id) VALUES (\("a"))") }
        await withTaskGroup(of: Bool.self) { group in
            for index in 0..<200 {
                group.addTask {
                    do {
                        try await database.write { tx in
                            try tx.execute("UPDATE things SET n = n + 1 WHERE id = \("a")")
                            if index.isMultiple(of: 4) { throw Refused() }
                        }
                        return true
                    } catch {
                        return false
                    }
                }
            }
            var succeeded = 0
            for await success in group where success { succeeded += 1 }
            #expect(succeeded == 150)
        }
        let total = try await database.read { try $0.row("SELECT n FROM things")?.int("n") }
        #expect(total == 150)
        await database.close()
    }

    @Test("signals are delivered after the commit, and not when the body throws", arguments: Engine.available)
    func signals(engine: Engine) async throws {
        let database = try await Self.make(engine)
        let stream = database.signals(on: .jobs)
        try? await database.write { tx in
            try tx.notify(.jobs, payload: "lost")
            throw Refused()
        }
        try await database.write { tx in
            try tx.execute("INSERT INTO things (id) VALUES (\("a"))")
            try tx.notify(.jobs, payload: "kept")
        }
        var iterator = stream.makeAsyncIterator()
        #expect(await iterator.next() == "kept")
        #expect(try await Self.count(database) == 1)
        await database.close()
        #expect(await iterator.next() == nil)
    }

    @Test("a cancelled task gets a cancellation, not a result", arguments: Engine.available)
    func cancellation(engine: Engine) async throws {
        let database = try await Self.make(engine)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES (\("a"))") }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await Self.count(database) == 0)
        await database.close()
    }

    @Test("a closed database refuses work as unavailable", arguments: Engine.available)
    func closed(engine: Engine) async throws {
        let database = try await Self.make(engine)
        try await database.ping()
        await database.close()
        let write = await #expect(throws: DatabaseError.self) { try await database.write { try $0.rows("SELECT 1") } }
        #expect(write?.kind == .unavailable)
        let read = await #expect(throws: DatabaseError.self) { try await database.ping() }
        #expect(read?.kind == .unavailable)
    }

    @Test("the time of a transaction does not move within it", arguments: Engine.available)
    func now(engine: Engine) async throws {
        let database = try await Self.make(engine)
        let (first, second, after) = try await database.write { tx in
            let first = tx.now
            _ = try tx.rows("SELECT 1")
            return (first, tx.now, TimeSource.system.now)
        }
        #expect(first == second)
        #expect(first <= after && after - first < .minutes(1))
        await database.close()
    }
}
