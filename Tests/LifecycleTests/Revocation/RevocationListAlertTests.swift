import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Synchronization
import TestSupport
import Testing

@testable import Lifecycle

@Suite("protocol-servers §5.2: a list that comes to its end while none follows is told of once")
struct RevocationListAlertTests {
    private static let issuer = IssuerID(stored: "iss-a")
    private static let authority = AuthorityID(soleOf: issuer)

    /// A device with a list, and whoever makes it. A new publisher has forgotten that it leaves the device alone.
    private struct Bench: Sendable {
        let devices: DeviceWorld
        let heard = Heard()
        var world: World { devices.world }

        final class Heard: Sendable {
            private let alerts = Mutex<[String]>([])
            var all: [String] { alerts.withLock { $0 } }

            func take(_ alert: RevocationListAlert) {
                let text =
                    switch alert {
                    case .ending(let list, let reason): "\(list.scope) \(list.number) ends: \(reason)"
                    case .over(let list, .replaced(let number)): "\(list.scope) \(list.number) replaced by \(number)"
                    case .over(let list, .needless): "\(list.scope) \(list.number) needless"
                    }
                alerts.withLock { $0.append(text) }
            }
        }

        func publisher() async throws -> RevocationListPublisher {
            let leadership = world.leadership()
            try await leadership.attempt()
            return RevocationListPublisher(
                world.context, registry: devices.registry, leadership: leadership,
                shelf: RevocationListShelf(database: world.database, time: world.time), tell: heard.take)
        }

        func publish() async throws { _ = try await publisher().tick(world.time.now) }

        /// Has all lists of the device as if they had been made so long ago, for a day.
        func age(by age: Duration) async throws {
            let made = world.time.now - age
            try await world.database.write { tx in
                _ = try tx.execute(
                    """
                    UPDATE crl_cache SET this_update = \(made), next_update = \(made + .hours(24)),
                        ending_at = \(made + .hours(18))
                    WHERE authority_id = \(RevocationListAlertTests.authority)
                    """)
            }
        }

        func events() async throws -> [(type: String, data: JSONObject)] {
            try await world.database.read { tx in
                try tx.rows("SELECT type, data FROM events WHERE type LIKE 'crl.%' ORDER BY seq").map {
                    (try $0.text("type"), try JSONValue(parsing: $0.text("data")).objectValue ?? [:])
                }
            }
        }

        func endingCount() async throws -> Int? {
            let now = world.time.now
            return try await world.database.read { tx in
                try RevocationListStore().endingCounts(at: now, in: tx)
            }.first { $0.authority == RevocationListAlertTests.authority }?.count
        }
    }

    private static func with(_ engine: Engine, _ body: (Bench, BalkySigner) async throws -> Void) async throws {
        try await World.with(engine) { world async throws in
            let bench = Bench(devices: try await DeviceWorld(world, [issuer.text]))
            try await bench.publish()
            try await body(bench, try #require(bench.devices.devices[issuer]))
        }
    }

    @Test("once a list, on record, and over with the next list", arguments: Engine.available)
    func episode(engine: Engine) async throws {
        try await Self.with(engine) { bench, device in
            device.become(.refuses)
            // Late, and good for long enough.
            try await bench.age(by: .hours(17))
            try await bench.publish()
            #expect(bench.heard.all.isEmpty)
            #expect(try await bench.endingCount() == 0)

            try await bench.age(by: .hours(19))
            for _ in 0..<3 { try await bench.publish() }
            #expect(bench.heard.all.count == 1)
            #expect(bench.heard.all.first?.hasPrefix("full 1 ends: ") == true, "\(bench.heard.all)")
            #expect(bench.heard.all.first?.contains("the device is away") == true, "\(bench.heard.all)")
            #expect(try await bench.endingCount() == 1)
            #expect(
                try await bench.world.actions(on: Self.authority.text).filter { $0.hasPrefix("crl_") } == [
                    "crl_alert_raised"
                ])
            let raised = try #require(try await bench.events().first)
            #expect(raised.type == "crl.alert_raised")
            #expect(raised.data["crl_number"]?.integerValue == 1 && raised.data["scope"]?.stringValue == "full")

            device.become(.signs)
            try await bench.publish()
            #expect(bench.heard.all.last?.hasPrefix("full 1 replaced by ") == true, "\(bench.heard.all)")
            #expect(try await bench.endingCount() == 0)
            #expect(try await bench.events().map(\.type) == ["crl.alert_raised", "crl.alert_closed"])

            // The next episode is another one.
            device.become(.refuses)
            try await bench.age(by: .hours(30))
            for _ in 0..<2 { try await bench.publish() }
            #expect(bench.heard.all.count == 3)
            #expect(try await bench.events().count == 3)
        }
    }

    @Test("a device that hangs fails nothing, and is told of all the same")
    func hanging() async throws {
        try await Self.with(.sqlite) { bench, device in
            try await bench.age(by: .hours(19))
            device.become(.hangs)
            let publisher = try await bench.publisher()
            await withTaskGroup(of: Void.self) { group in
                // The lease ends while it hangs; what became of the list then is another matter.
                group.addTask { _ = try? await publisher.tick(bench.world.time.now) }
                defer { device.become(.signs) }
                let isStalled = await eventually(within: .seconds(10)) { device.hangingCount == 1 }
                #expect(isStalled)
                #expect(bench.heard.all.isEmpty, "it may answer any moment")
                bench.world.clock.advance(by: .seconds(61))
                let isTold = await eventually(within: .seconds(10)) { bench.heard.all.count == 1 }
                #expect(isTold)
                #expect(bench.heard.all.first?.contains("does not answer") == true, "\(bench.heard.all)")
            }
            try await bench.publish()
            #expect(bench.heard.all.count == 2)
        }
    }

    @Test("over when the CA has ended and nobody makes lists of it any more")
    func needless() async throws {
        try await Grove.with(.sqlite) { grove async throws in
            let root = try await grove.make("Root")
            try await grove.publish()
            try await grove.world.database.write { tx in
                _ = try tx.execute(
                    """
                    UPDATE crl_cache SET ending_at = this_update, alerted_at = this_update
                    WHERE authority_id = \(root.id)
                    """)
            }
            let end = try #require(root.notAfter)
            grove.world.clock.advance(by: end - grove.world.time.now + .seconds(1))
            try await grove.publish()
            #expect(try await grove.world.actions(on: root.id.text).contains("crl_alert_closed"))
            let now = grove.world.time.now
            let (alerted, counts) = try await grove.world.database.read { tx in
                (try RevocationListStore().alerted(in: tx), try RevocationListStore().endingCounts(at: now, in: tx))
            }
            #expect(!alerted.contains { $0.authorityID == root.id } && !counts.contains { $0.authority == root.id })
        }
    }
}
