import Domain
import TestSupport
import Testing

@testable import Outbound

@Suite("Protocol servers §2.8: what resolvers remember is not what the name servers of the zone hold")
struct DNSAuthorityTests {
    private typealias Message = DNSMessageTests

    private static let owner = "_acme-challenge.www.certctl.test"

    /// The name and the type of a question, without the letters' case.
    private static func question(_ query: [UInt8]) -> (name: String, type: UInt16, end: Int) {
        var labels: [String] = []
        var position = 12
        while query[position] != 0 {
            let count = Int(query[position])
            labels.append(String(decoding: query[position + 1...position + count], as: UTF8.self).lowercased())
            position += count + 1
        }
        return (
            labels.joined(separator: "."), UInt16(query[position + 1]) << 8 | UInt16(query[position + 2]), position + 5
        )
    }

    private static func answer(_ query: [UInt8], flags: UInt16, _ records: [[UInt8]] = []) -> [UInt8] {
        Array(query.prefix(2)) + [UInt8(flags >> 8), UInt8(flags & 0xFF), 0, 1, 0, UInt8(records.count), 0, 0, 0, 0]
            + query[12..<question(query).end] + records.flatMap { $0 }
    }

    private static func text(_ value: String) -> [UInt8] {
        Message.record([UInt8(value.utf8.count)] + Array(value.utf8))
    }

    /// A resolver that remembers the zone without its newest records.
    private static func resolver(authenticates: Bool = false) async throws -> FakeNameServer {
        try await FakeNameServer { query, _ in
            let (name, type, _) = question(query)
            let flags: UInt16 = authenticates ? 0x81A0 : 0x8180
            switch (name, type) {
            case ("certctl.test", 2):
                let host = Message.wire("ns.certctl.test").encoded
                return [answer(query, flags: flags, [Message.record(type: 2, host)])]
            case ("ns.certctl.test", 1):
                return [answer(query, flags: flags, [Message.record(type: 1, [127, 0, 0, 1])])]
            case (owner, 16): return [answer(query, flags: flags, [text("yesterday")])]
            default: return [answer(query, flags: flags)]
            }
        }
    }

    private static func client(
        _ resolver: FakeNameServer, authority: Int, allowsLoopback: Bool = true, limit: Duration = DNSClient.longest
    ) -> DNSClient {
        let allowance = EgressAllowance(allowsLoopback ? ["127.0.0.0/8"] : [])
        let server = DNSServer(address: "127.0.0.1", port: resolver.port)
        return DNSClient(
            servers: { [server] }, egress: EgressGuard(policy: EgressPolicy(allowances: [.acmeValidation: allowance])),
            random: .system, authorityPort: authority, limit: limit)
    }

    @Test("a zone whose servers take a question and never answer is given up, however many of them and aliases it has")
    func stalls() async throws {
        // Each name is an alias of another, in a zone of its own with four servers that keep silent.
        let resolver = try await FakeNameServer { query, _ in
            let (name, type, _) = Self.question(query)
            switch type {
            case 2:
                let hosts = (1...4).map { Message.record(type: 2, Message.wire("ns\($0).\(name)").encoded) }
                return [Self.answer(query, flags: 0x8180, hosts)]
            case 1: return [Self.answer(query, flags: 0x8180, [Message.record(type: 1, [127, 0, 0, 1])])]
            default: return [Self.answer(query, flags: 0x8180)]
            }
        }
        let silent = try await FakeNameServer { _, _ in [] }
        for (asked, client) in [
            ("authorities", Self.client(resolver, authority: silent.port, limit: .milliseconds(500))),
            ("resolver", Self.client(silent, authority: 1, limit: .milliseconds(500))),
        ] {
            let took = await ContinuousClock().measure {
                let failure = await #expect(throws: DNSFailure.self) {
                    if asked == "resolver" { _ = try await client.lookUp(Self.owner, .txt) }
                    _ = try await client.recordsAtAuthorities(of: Self.owner, .txt)
                }
                #expect(failure?.kind == .timeout, "\(asked)")
            }
            #expect(took < .seconds(4), "\(asked): \(took)")
        }
        try await resolver.stop()
        try await silent.stop()
    }

    @Test("the name servers of the zone are found above the name, and asked without recursion over a connection")
    func fresh() async throws {
        let resolver = try await Self.resolver()
        let authority = try await FakeNameServer { query, isStream in
            // Neither recursion nor the bit of validation is wished for; an answer of authority is given.
            guard isStream, query[2] & 1 == 0, query[3] & 0x20 == 0 else { return [] }
            return [Self.answer(query, flags: 0x8400, [Self.text("today")])]
        }
        let client = Self.client(resolver, authority: authority.port)
        let remembered = try await client.lookUp(Self.owner, .txt)
        #expect(remembered == DNSLookup(records: [.text(Array("yesterday".utf8))], isAuthenticated: false))
        let held = try await client.recordsAtAuthorities(of: Self.owner, .txt)
        #expect(held == [.text(Array("today".utf8))])
        #expect(authority.queries == (0, 1))
        try await resolver.stop()
        try await authority.stop()
    }

    @Test("an answer without authority, a refusal and a forbidden address are no answers")
    func useless() async throws {
        let resolver = try await Self.resolver()
        for flags: UInt16 in [0x8180, 0x8405, 0x8402] {
            let authority = try await FakeNameServer { query, _ in
                [Self.answer(query, flags: flags, [Self.text("forged")])]
            }
            let client = Self.client(resolver, authority: authority.port)
            await #expect(throws: DNSFailure.self) { try await client.recordsAtAuthorities(of: Self.owner, .txt) }
            try await authority.stop()
        }
        let authority = try await FakeNameServer { query, _ in [Self.answer(query, flags: 0x8400, [Self.text("x")])] }
        let guarded = Self.client(resolver, authority: authority.port, allowsLoopback: false)
        await #expect(throws: DNSFailure.self) { try await guarded.recordsAtAuthorities(of: Self.owner, .txt) }
        #expect(authority.queries == (0, 0), "the name server of a zone is reached under the rules of validation")
        try await resolver.stop()
        try await authority.stop()
    }

    @Test("a resolver that validated its answer is told apart")
    func authenticated() async throws {
        let resolver = try await Self.resolver(authenticates: true)
        let client = Self.client(resolver, authority: 1)
        #expect(try await client.lookUp(Self.owner, .txt).isAuthenticated)
        #expect(try await client.lookUp("nothing.certctl.test", .txt).isAuthenticated)
        try await resolver.stop()
    }
}
