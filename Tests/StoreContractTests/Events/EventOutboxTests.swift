import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@Suite("REST §6.5: the outbox loses no event and shows none before it is settled")
struct EventOutboxTests {
    private let outbox = EventOutbox()

    private static func event(_ subject: String) -> NewEvent {
        NewEvent(
            type: "certificate.issued",
            resourceType: "certificate",
            subject: subject,
            actor: Seed.operatorActor,
            data: ["serial": "ff"]
        )
    }

    @Test("a reader that remembers its place sees every event once", arguments: Engine.available)
    func completeUnderConcurrency(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let total = 60
            let seen = try await withThrowingTaskGroup(of: [String].self) { group in
                for writer in 0..<6 {
                    group.addTask { [outbox] in
                        for index in 0..<(total / 6) {
                            try await database.write { tx in
                                try outbox.append([Self.event("\(writer)-\(index)")], in: tx)
                            }
                        }
                        return []
                    }
                }
                group.addTask { [outbox] in
                    var seen: [String] = []
                    var position = EventPosition.start
                    for _ in 0..<2000 where seen.count < total {
                        let events = try await database.read { [position] in
                            try outbox.read(after: position, limit: 7, in: $0)
                        }
                        seen += events.map(\.subject)
                        if let last = events.last {
                            #expect(last.position > position)
                            position = last.position
                        } else {
                            try await Task.sleep(for: .milliseconds(2))
                        }
                    }
                    return seen
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(seen.count == total && Set(seen).count == total)
        }
    }

    @Test("an event of a transaction that failed never existed; old ones go", arguments: Engine.available)
    func rollbackAndRetention(engine: Engine) async throws {
        struct Stop: Error {}
        try await TestDatabase.with(engine) { database in
            await #expect(throws: Stop.self) {
                try await database.write { [outbox] tx in
                    try outbox.append([Self.event("lost")], in: tx)
                    throw Stop()
                }
            }
            try await database.write { [outbox] in try outbox.append([Self.event("a"), Self.event("b")], in: $0) }
            // Transactions of other databases on the same server hold back what counts as settled.
            var events: [Event] = []
            for _ in 0..<2000 where events.count < 2 {
                events = try await database.read { [outbox] in try outbox.read(after: .start, limit: 9, in: $0) }
                if events.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
            }
            #expect(events.map(\.subject) == ["a", "b"] && events.first?.data == ["serial": "ff"])
            let end = try await database.read { [outbox] in try outbox.end(in: $0) }
            #expect(end == events.last?.position)
            let gone = try await database.write { [outbox] tx in
                try outbox.purge(before: tx.now + .seconds(5), limit: 1, in: tx)
            }
            #expect(gone == 1)
        }
    }
}
