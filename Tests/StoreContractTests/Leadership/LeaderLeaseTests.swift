import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Operations §10.2: one leader, a rising epoch, and a fence")
struct LeaderLeaseTests {
    private let lease = LeaderLease()

    private func hold(_ holder: String, for length: Duration, in tx: any Transaction) throws -> Int? {
        try lease.hold(as: holder, host: "h", processID: 1, for: length, in: tx)
    }

    @Test("of several candidates one leads", arguments: Engine.available)
    func election(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let epochs = try await withThrowingTaskGroup(of: Int?.self) { group in
                for index in 0..<6 {
                    group.addTask {
                        try await database.write { try hold("p\(index)", for: .seconds(30), in: $0) }
                    }
                }
                return try await group.reduce(into: [Int]()) { if let epoch = $1 { $0.append(epoch) } }
            }
            #expect(epochs == [1])
        }
    }

    @Test("renewal keeps the epoch; expiry, release and return raise it", arguments: Engine.available)
    func epochs(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { tx in
                #expect(try hold("a", for: .seconds(30), in: tx) == 1)
                #expect(try hold("a", for: .seconds(30), in: tx) == 1)
                #expect(try hold("b", for: .seconds(30), in: tx) == nil)
                try lease.release(by: "b", epoch: 1, in: tx)
                #expect(try hold("b", for: .seconds(30), in: tx) == nil, "only the holder releases")
                try lease.release(by: "a", epoch: 1, in: tx)
                #expect(try hold("b", for: .seconds(-1), in: tx) == 2)
                #expect(try hold("b", for: .seconds(30), in: tx) == 3, "a lease that ran out is taken anew")
                #expect(try lease.current(in: tx)?.holder == "b")
            }
        }
    }

    @Test("a former leader changes nothing", arguments: Engine.available)
    func fencing(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { tx throws in
                #expect(try hold("a", for: .seconds(-1), in: tx) == 1)
                #expect(try hold("b", for: .seconds(30), in: tx) == 2)
            }
            await #expect(throws: StoreError.leadershipLost(epoch: 1)) {
                try await database.write { tx in
                    try TeamStore().insert(Unique.id(), TeamFields(name: "late"), in: tx)
                    try lease.verify(epoch: 1, in: tx)
                }
            }
            try await database.write { tx in
                try lease.verify(epoch: 2, in: tx)
                let page = try TeamStore().list(.first(TeamFilter(search: "late"), sort: .name), in: tx)
                #expect(page.total == 0)
            }
        }
    }

    @Test("due times outlive the process, and an older epoch does not move them", arguments: Engine.available)
    func loopStates(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = LoopStateStore()
            try await database.write { tx in
                #expect(try store.state(of: "renewal", in: tx) == nil)
                func record(epoch: Int, next: Timestamp, result: LoopResult) throws {
                    try store.record(
                        "renewal",
                        startedAt: tx.now,
                        finishedAt: tx.now,
                        result: result,
                        error: result == .failure ? "boom" : nil,
                        nextDueAt: next,
                        epoch: epoch,
                        in: tx
                    )
                }
                try record(epoch: 2, next: tx.now + .hours(1), result: .success)
                try record(epoch: 1, next: tx.now, result: .failure)
                let state = try #require(try store.state(of: "renewal", in: tx))
                #expect(state.nextDueAt == tx.now + .hours(1) && state.lastResult == .success)
                try record(epoch: 3, next: tx.now, result: .failure)
                #expect(try store.all(in: tx).map(\.lastError) == ["boom"])
            }
        }
    }
}
