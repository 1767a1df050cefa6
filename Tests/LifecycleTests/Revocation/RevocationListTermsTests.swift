import DatabaseTestSupport
import Domain
import Encoding
import PKI
import Query
import Store
import Testing

@testable import Lifecycle

@Suite("protocol-servers §5.2: each CA says how long its lists are good")
struct RevocationListTermsTests {
    private static func validity(_ list: (RevocationListRow, CertificateRevocationList)?) throws -> Duration {
        let row = try #require(list).0
        return row.nextUpdate - row.thisUpdate
    }

    @Test("a CA of a tree by itself, else by its issuer, else by the settings", arguments: Engine.available)
    func precedence(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let (world, flow) = (grove.world, grove.world.hierarchy)
            let root = try await grove.make("Root")
            let issuing = try await grove.make("Issuing", below: root.id)
            try await grove.publish()
            #expect(try await Self.validity(grove.list(of: issuing.id)) == .hours(24))

            var change = IssuerChange()
            change.config = .set(["crl_validity_seconds": 172_800])
            _ = try await world.issuers.update(Grove.issuer, change, expecting: nil, by: world.author)
            let changed = try await flow.setListTerms(
                of: root.id, validity: .set(15_552_000), interval: .set(604_800), expecting: root.rowVersion,
                by: world.author)
            #expect(changed.listValiditySeconds == 15_552_000 && changed.listIntervalSeconds == 604_800)
            #expect(changed.rowVersion > root.rowVersion)
            #expect(try await world.actions(on: root.id.text).contains("intermediate_ca_updated"))
            // What is left of the lists is less than a quarter of their new validity.
            try await grove.publish()
            #expect(try await Self.validity(grove.list(of: root.id)) == .days(180))
            try await world.database.write { tx in _ = try tx.execute("DELETE FROM crl_cache WHERE scope = 'full'") }
            try await grove.publish()
            #expect(try await Self.validity(grove.list(of: issuing.id)) == .hours(48))
            #expect(try await Self.validity(grove.list(of: root.id)) == .days(180))

            // Back to what the issuer says.
            _ = try await flow.setListTerms(
                of: root.id, validity: .set(nil), interval: .set(nil), expecting: nil, by: world.author)
            try await world.database.write { tx in _ = try tx.execute("DELETE FROM crl_cache WHERE scope = 'full'") }
            try await grove.publish()
            #expect(try await Self.validity(grove.list(of: root.id)) == .hours(48))
        }
    }

    @Test("its interval, and never later than half of the validity")
    func interval() async throws {
        try await Grove.with(.sqlite) { grove async throws in
            let (world, flow) = (grove.world, grove.world.hierarchy)
            let root = try await grove.make("Root")
            func number() async throws -> Int { try #require(try await grove.list(of: root.id)).0.number }
            _ = try await flow.setListTerms(
                of: root.id, validity: .set(864_000), interval: .set(259_200), expecting: nil, by: world.author)
            try await grove.publish()
            world.clock.advance(by: .days(2))
            try await grove.publish()
            #expect(try await number() == 1)
            world.clock.advance(by: .days(1))
            try await grove.publish()
            #expect(try await number() == 2)
            // An hour, as the settings say, is more than half of this.
            _ = try await flow.setListTerms(
                of: root.id, validity: .set(3600), interval: .set(nil), expecting: nil, by: world.author)
            world.clock.advance(by: .minutes(31))
            try await grove.publish()
            #expect(try await number() == 3)
            #expect(try await Self.validity(grove.list(of: root.id)) == .hours(1))
            world.clock.advance(by: .minutes(29))
            try await grove.publish()
            #expect(try await number() == 3)
            world.clock.advance(by: .minutes(1))
            try await grove.publish()
            #expect(try await number() == 4)
        }
    }

    @Test("shards and delta lists are good as long; a delta list goes with every complete list that somebody may hold")
    func otherLists() async throws {
        try await World.with(.sqlite) { world async throws in
            var change = IssuerChange()
            change.config = .set(["crl_delta": true, "crl_validity_seconds": 864_000])
            _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            let press = world.press(publicURL: "http://pki.example")
            for _ in 0..<2 { _ = try await press.publish() }
            let delta = try await press.list(.delta)
            #expect(delta.nextUpdate.map { $0 - delta.thisUpdate } == .days(10))
            // Shorter from now on; whoever has the first list holds it for ten days all the same.
            change.config = .set(["crl_delta": true, "crl_validity_seconds": 86_400])
            _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            for _ in 0..<3 {
                world.clock.advance(by: .hours(40))
                _ = try await press.publish()
            }
            #expect(try await press.list(.delta).baseNumber == CRLNumber(1))
            world.clock.advance(by: .days(6))
            _ = try await press.publish()
            let late = try await press.list(.delta)
            #expect(late.baseNumber.map { $0 > CRLNumber(2) } == true, "\(String(describing: late.baseNumber))")
        }
        try await World.with(.sqlite) { world async throws in
            var change = IssuerChange()
            change.config = .set(["crl_partitions": 2, "crl_validity_seconds": 864_000])
            _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            let press = world.press(publicURL: "http://pki.example")
            #expect(try await press.publish() == 3)
            let shard = try await press.list(.shard(1, of: 2))
            #expect(shard.nextUpdate.map { $0 - shard.thisUpdate } == .days(10))
        }
    }

    @Test(
        "what would leave a gap is refused, and so are CAs whose lists are made elsewhere or stand",
        arguments: Engine.available)
    func refused(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let (world, flow) = (grove.world, grove.world.hierarchy)
            let root = try await grove.make("Root")
            func refusal(_ validity: Int?, _ interval: Int?, version: Int? = nil) async throws -> ErrorCode? {
                await LifecycleTests.refusal {
                    _ = try await flow.setListTerms(
                        of: root.id, validity: .set(validity), interval: .set(interval), expecting: version,
                        by: world.author)
                }
            }
            let bad: [(Int?, Int?)] = [(59, nil), (31_536_001, nil), (nil, 0), (nil, 15_768_001), (3600, 1801)]
            for (validity, interval) in bad {
                #expect(
                    try await refusal(validity, interval) == .validationFailed, "\(validity as Any) \(interval as Any)")
            }
            #expect(try await refusal(3600, 1800, version: 99) == .preconditionFailed)
            #expect(try await refusal(3600, 1800) == nil)
            for config in [
                ["crl_validity_seconds": 59], ["crl_validity_seconds": 3600, "crl_interval_seconds": 1801],
                ["crl_validity_seconds": 31_536_001],
            ] as [JSONObject] {
                var change = IssuerChange()
                change.config = .set(config)
                await #expect(throws: ServiceError.self) {
                    try await world.issuers.update(Grove.issuer, change, expecting: nil, by: world.author)
                }
            }
            _ = try await flow.retire(root.id, isConfirmed: false, note: nil, by: world.author)
            _ = try await flow.retire(root.id, isConfirmed: true, note: nil, by: world.author)
            #expect(try await refusal(3600, nil) == .invalidState)
        }
    }
}
