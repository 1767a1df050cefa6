import Access
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("security §12: attempts are limited per key, in memory and in the database alike")
struct AttemptLimiterTests {
    static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)
    static let five = LimitPolicy("five", allowing: 5, per: .minutes(1))

    /// Each backend, with a limiter that remembers nothing of others.
    static func backends(_ database: any Database) -> [(String, any LimitBackend)] {
        [("memory", MemoryLimitBackend()), ("database", DatabaseLimitBackend(database))]
    }

    @Test("the sixth attempt is refused with the time that is left, and one is earned back in a fifth of the window")
    func limit() async throws {
        try await World.with(.sqlite) { world async throws in
            for (name, backend) in Self.backends(world.database) {
                let limiter = AttemptLimiter(backend: backend)
                let begin = world.clock.now
                for left in [4, 3, 2, 1, 0] {
                    let verdict = try await limiter.take(Self.five, "a", at: world.clock.now)
                    #expect(verdict.isAllowed && verdict.remaining == left, "\(name)")
                }
                world.clock.advance(by: .seconds(2))
                let refused = try await limiter.take(Self.five, "a", at: world.clock.now)
                #expect(!refused.isAllowed && refused.retryAfter == .seconds(10), "\(name) \(refused)")
                #expect(try await limiter.take(Self.five, "b", at: world.clock.now).isAllowed, "\(name)")
                world.clock.advance(by: .seconds(10))
                #expect(try await limiter.take(Self.five, "a", at: world.clock.now).isAllowed, "\(name)")
                #expect(try await !limiter.take(Self.five, "a", at: world.clock.now).isAllowed, "\(name)")
                #expect(world.clock.now == begin + .seconds(12))
            }
        }
    }

    @Test("A-16: limiters do not share the cells of an address", arguments: Engine.available)
    func namespaces(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let limiter = AttemptLimiter(backend: DatabaseLimitBackend(world.database))
            let other = LimitPolicy("other", allowing: 1, per: .hours(1))
            while try await limiter.take(Self.five, "192.0.2.1", at: world.clock.now).isAllowed {}
            #expect(try await limiter.take(other, "192.0.2.1", at: world.clock.now).isAllowed)
            let keys = try await world.database.read { tx in
                try tx.rows("SELECT bucket_key FROM rate_limit_cells ORDER BY bucket_key").map {
                    try $0.text("bucket_key")
                }
            }
            #expect(keys == ["five:t-default:192.0.2.1", "other:t-default:192.0.2.1"])
        }
    }

    @Test("T49: several replicas at once share one budget, and a restart keeps it", arguments: Engine.available)
    func shared(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let policy = LimitPolicy("shared", allowing: 20, per: .days(1))
            let allowed = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let replica = AttemptLimiter(backend: DatabaseLimitBackend(world.database))
                        var count = 0
                        for _ in 0..<20 where try await replica.take(policy, "a", at: world.time.now).isAllowed {
                            count += 1
                        }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(allowed == 20)
            let restarted = AttemptLimiter(backend: DatabaseLimitBackend(world.database))
            #expect(try await !restarted.take(policy, "a", at: world.time.now).isAllowed)
        }
    }

    @Test("whoever cannot count does not admit; what was refused is refused again without the database")
    func failsClosed() async throws {
        try await World.with(.sqlite) { world async throws in
            let refusals = Mutex<[String]>([])
            let limiter = AttemptLimiter(
                backend: DatabaseLimitBackend(world.database),
                observe: { name in refusals.withLock { $0.append(name) } }
            )
            for _ in 0..<6 { _ = try await limiter.take(Self.five, "a", at: world.time.now) }
            world.database.dieAtWrite(1)
            #expect(try await !limiter.take(Self.five, "a", at: world.time.now).isAllowed)
            await #expect(throws: FaultyDatabase.Died.self) {
                _ = try await limiter.take(Self.five, "b", at: world.time.now)
            }
            #expect(refusals.withLock { $0 } == ["five", "five"])
        }
    }

    @Test("a clock set back by a day does not lock a key for a day", arguments: Engine.available)
    func clockSetBack(engine: Engine) async throws {
        let once = LimitPolicy("once", allowing: 1, per: .minutes(1))
        let memory = AttemptLimiter()
        #expect(try await memory.take(once, "a", at: Self.start).isAllowed)
        #expect(try await !memory.take(once, "a", at: Self.start).isAllowed)
        #expect(try await memory.take(once, "a", at: Self.start - .days(1)).isAllowed)
        #expect(try await memory.take(once, "a", at: Self.start - .days(1)).retryAfter == .minutes(1))
        try await TestDatabase.with(engine) { database in
            let ahead = Timestamp(secondsSinceEpoch: 4_000_000_000)
            _ = try await database.write { tx in
                try tx.execute(
                    """
                    INSERT INTO rate_limit_cells (bucket_key, paid_until, updated_at)
                    VALUES ('once:t-default:a', \(Int(ahead.microsecondsSinceEpoch)), \(tx.now))
                    """
                )
            }
            let stored = AttemptLimiter(backend: DatabaseLimitBackend(database))
            #expect(try await stored.take(once, "a", at: TimeSource.system.now).isAllowed)
            #expect(try await !stored.take(once, "a", at: TimeSource.system.now).isAllowed)
        }
    }

    @Test("the janitor removes what nobody repeated for a day, and nothing else", arguments: Engine.available)
    func janitor(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let limiter = AttemptLimiter(backend: DatabaseLimitBackend(world.database))
            _ = try await limiter.take(Self.five, "kept", at: world.time.now)
            _ = try await world.database.write { tx in
                try tx.execute(
                    """
                    INSERT INTO rate_limit_cells (bucket_key, paid_until, updated_at)
                    VALUES ('idle', 1, \(tx.now - .hours(25)))
                    """
                )
            }
            #expect(try await world.tick(.rateLimitJanitor).rows == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM rate_limit_cells") == 1)
        }
    }
}

@Suite("security §12: cells in memory")
struct LimitTableTests {
    static let start = AttemptLimiterTests.start
    static let once = LimitPolicy("once", allowing: 1, per: .hours(1))

    @Test("a flood of keys does not grow memory; what was used longest ago goes first")
    func capacity() {
        let table = LimitTable(capacity: 3)
        for key in ["a", "b", "c"] { #expect(table.take(Self.once, key, at: Self.start).isAllowed) }
        #expect(!table.take(Self.once, "a", at: Self.start).isAllowed)
        for key in ["d", "e"] { #expect(table.take(Self.once, key, at: Self.start).isAllowed) }
        #expect(table.count == 3)
        #expect(!table.take(Self.once, "a", at: Self.start).isAllowed, "used lately, so kept")
        #expect(table.take(Self.once, "b", at: Self.start).isAllowed, "forgotten")
        for number in 0..<1000 { _ = table.take(Self.once, "\(number)", at: Self.start) }
        #expect(table.count == 3 && table.isCrowded)
    }

    @Test("a table behaves as a list that is searched", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func model(seed: UInt64) {
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let table = LimitTable(capacity: 5)
        var used: [String] = []
        var spent: Set<String> = []
        for _ in 0..<2000 {
            let key = "k\(next(9))"
            let wasKnown = used.contains(key)
            let allowed = table.take(Self.once, key, at: Self.start).isAllowed
            #expect(allowed == !(wasKnown && spent.contains(key)))
            used.removeAll { $0 == key }
            used.append(key)
            spent.insert(key)
            if used.count > 5 { spent.remove(used.removeFirst()) }
        }
    }

    @Test(
        "IPv4 counts whole, in every spelling; IPv6 counts by the network of one customer",
        arguments: [
            ("192.0.2.7", false, "192.0.2.7"), ("::ffff:192.0.2.7", false, "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", false, "2001:db8:1:2::/64"), ("2001:db8:1:2::9", false, "2001:db8:1:2::/64"),
            ("2001:db8:1:2::9", true, "2001:db8:1::/48"), ("fe80::1%eth0", false, "fe80:0:0:0::/64"),
            ("nonsense", false, "nonsense"),
        ])
    func subjects(address: String, isCrowded: Bool, key: String) {
        #expect(LimitSubject.address(address, isCrowded: isCrowded) == key)
    }
}
