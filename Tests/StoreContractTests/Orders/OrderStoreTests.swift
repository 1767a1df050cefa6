import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@Suite("Issuers §2.4: intent is recorded first, and a serial number is never used twice")
struct OrderStoreTests {
    private let orders = OrderStore()

    private static func order(_ seed: Seed, serial: String?, key: String, job: JobID? = nil) -> NewOrder {
        NewOrder(
            id: Unique.id(),
            issuerID: seed.issuer,
            certificateID: nil,
            jobID: job,
            purpose: .issue,
            idempotencyKey: key,
            serialNumber: serial,
            csrPEM: nil,
            csrSHA256: Unique.hex64()
        )
    }

    @Test("a serial number taken by any order of the issuer is refused", arguments: Engine.available)
    func serials(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let other = try await database.seed()
            let first = Self.order(seed, serial: "1a", key: "k1")
            try await database.write { [orders] in try orders.record(first, in: $0) }
            await #expect(throws: StoreError.serialTaken(seed.issuer)) {
                try await database.write { [orders] in
                    try orders.record(Self.order(seed, serial: "1a", key: "k2"), in: $0)
                }
            }
            await #expect(throws: StoreError.alreadyExists(.order, field: "idempotency_key")) {
                try await database.write { [orders] in
                    try orders.record(Self.order(seed, serial: "1b", key: "k1"), in: $0)
                }
            }
            try await database.write { [orders] tx in
                try orders.record(Self.order(other, serial: "1a", key: "k1"), in: tx)
                try orders.record(Self.order(seed, serial: nil, key: "k3"), in: tx)
                try orders.record(Self.order(seed, serial: nil, key: "k4"), in: tx)
                let abandoned = try orders.abandon(submittedBefore: tx.now + .seconds(1), limit: 10, in: tx)
                #expect(abandoned.count == 4 && abandoned.allSatisfy { $0.state == .abandoned })
                #expect(try orders.abandon(submittedBefore: tx.now + .seconds(1), limit: 10, in: tx).isEmpty)
            }
            await #expect(throws: StoreError.serialTaken(seed.issuer), "abandoned serials stay taken") {
                try await database.write { [orders] in
                    try orders.record(Self.order(seed, serial: "1a", key: "k5"), in: $0)
                }
            }
            await #expect(throws: StoreError.self, "what was given up cannot be completed") {
                try await database.write { [orders] in try orders.complete(first.id, in: $0) }
            }
        }
    }

    @Test("orders of a replica that fell silent are given up before their time is over", arguments: Engine.available)
    func silence(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let held: [NewOrder] = [("alive", "k1"), ("dead", "k2"), ("dead", "k3"), (nil, "k4")].map { holder, key in
                var order = Self.order(seed, serial: nil, key: key)
                order.holder = holder
                return order
            }
            try await database.write { [orders] tx in
                for order in held { try orders.record(order, in: tx) }
            }
            try await database.write { [orders] tx in
                // The third is as young as any that was just asked for.
                for order in held where order.idempotencyKey != "k3" {
                    try tx.execute(
                        "UPDATE issuer_orders SET created_at = \(tx.now - .seconds(30)) WHERE id = \(order.id)")
                }
                _ = try ReplicaStore().note("alive", in: tx)
                let horizon = tx.now - .seconds(60)
                #expect(try orders.abandon(submittedBefore: horizon, limit: 9, in: tx).isEmpty)
                let given = try orders.abandon(
                    submittedBefore: horizon, orSilentFor: ReplicaStore.silence, limit: 9, in: tx)
                #expect(given.map(\.id) == [held[1].id])
            }
        }
    }

    @Test("a slow call of a replica that lives is given up by that replica alone", arguments: Engine.available)
    func slowButAlive(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let held: [NewOrder] = [("alive", "k1"), ("dead", "k2"), ("me", "k3"), (nil, "k4")].map { holder, key in
                var order = Self.order(seed, serial: nil, key: key)
                order.holder = holder
                return order
            }
            try await database.write { [orders] tx in
                for order in held { try orders.record(order, in: tx) }
            }
            try await database.write { [orders] tx in
                for holder in ["alive", "me"] { _ = try ReplicaStore().note(holder, in: tx) }
                let horizon = tx.now + .seconds(1)
                let given = try orders.abandon(submittedBefore: horizon, by: "me", limit: 9, in: tx)
                #expect(Set(given.map(\.idempotencyKey)) == ["k2", "k3", "k4"])
                let own = try orders.abandon(submittedBefore: horizon, by: "alive", limit: 9, in: tx)
                #expect(own.map(\.idempotencyKey) == ["k1"])
            }
        }
    }

    @Test("leading zeros and upper case are no serial numbers", arguments: Engine.available, ["01", "AB", "", "0x1"])
    func serialForm(engine: Engine, serial: String) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let error = await #expect(throws: DatabaseError.self) {
                try await database.write { [orders] in
                    try orders.record(Self.order(seed, serial: serial, key: "k"), in: $0)
                }
            }
            #expect(error?.kind == .checkViolation(constraint: "issuer_orders_serial_form"))
        }
    }

    @Test("a parked order is polled by one worker at a time", arguments: Engine.available)
    func polling(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let job: JobID = Unique.id()
            let new = Self.order(seed, serial: nil, key: "k", job: job)
            try await database.write { [orders] tx in
                try orders.record(new, in: tx)
                #expect(try orders.open(of: job, in: tx)?.state == .submitting)
                try orders.park(
                    new.id,
                    upstreamOrderID: "up-1",
                    reference: ["url": "https://ca.example/1"],
                    nextPollAt: tx.now - .seconds(1),
                    in: tx
                )
            }
            let polled = try await withThrowingTaskGroup(of: [OrderID].self) { group in
                for _ in 0..<3 {
                    group.addTask { [orders] in
                        try await database.write { tx in
                            try orders.claimPolls(limit: 5, leaseFor: .minutes(1), in: tx).map(\.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(polled == [new.id])
            try await database.write { [orders] tx in
                let order = try #require(try orders.find(new.id, in: tx))
                #expect(order.state == .pending && order.upstreamOrderID == "up-1" && order.attempts == 2)
                #expect(order.upstreamReference == ["url": "https://ca.example/1"])
                try orders.fail(new.id, error: "rejected", errorClass: "upstream_4xx", in: tx)
                #expect(try orders.find(new.id, in: tx)?.lastError == "rejected")
            }
        }
    }
}
