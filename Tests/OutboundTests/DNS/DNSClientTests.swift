import Domain
import TestSupport
import Testing

@testable import Outbound

@Suite("RFC 5452, RFC 7766: a resolver is asked so that nobody else can answer")
struct DNSClientTests {
    private typealias Message = DNSMessageTests

    /// The answer to a query: its head with other flags and counts, its question, and records after it.
    private static func answer(
        _ query: [UInt8], flags: UInt16 = 0x8180, _ records: [[UInt8]] = [], shout: Bool = false, id: UInt16? = nil
    ) -> [UInt8] {
        var end = 12
        while query[end] != 0 { end += Int(query[end]) + 1 }
        var question = Array(query[12..<end + 5])
        if shout {
            for index in question.indices.dropLast(4) where (0x61...0x7A).contains(question[index]) {
                question[index] &= 0xDF
            }
        }
        let head = id.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? Array(query.prefix(2))
        return head + [UInt8(flags >> 8), UInt8(flags & 0xFF), 0, 1, 0, UInt8(records.count), 0, 0, 0, 0] + question
            + records.flatMap { $0 }
    }

    private static func text(_ value: String) -> [UInt8] {
        Message.record([UInt8(value.utf8.count)] + Array(value.utf8))
    }

    private static func client(_ servers: FakeNameServer...) -> DNSClient {
        let named = servers.map { DNSServer(address: "127.0.0.1", port: $0.port) }
        return DNSClient(servers: { named }, egress: EgressGuard(), random: .system)
    }

    private static func texts(_ client: DNSClient) async throws -> [DNSRecord.Content] {
        try await client.records(of: "_acme-challenge.www.certctl.test", .txt)
    }

    private static func content(_ text: String) -> DNSRecord.Content { .text(Array(text.utf8)) }

    @Test("an answer that fits comes by datagram; forgeries before it are passed over")
    func datagram() async throws {
        let server = try await FakeNameServer { query, _ in
            let id = UInt16(query[0]) << 8 | UInt16(query[1])
            return [
                [1, 2, 3], Self.answer(query, [Self.text("forged")], id: id &+ 1),
                Self.answer(query, flags: 0x0180, [Self.text("echo")]), Self.answer(query, [Self.text("true")]),
            ]
        }
        #expect(try await Self.texts(Self.client(server)) == [Self.content("true")])
        #expect(server.queries == (1, 0))
        try await server.stop()
    }

    @Test("what does not fit, and what comes back in another spelling, is asked for by TCP")
    func streams() async throws {
        let large = try await FakeNameServer { query, isStream in
            isStream
                ? [Self.answer(query, (0..<40).map { Self.text("\($0) " + String(repeating: "x", count: 90)) })]
                : [Self.answer(query, flags: 0x8380)]
        }
        #expect(try await Self.texts(Self.client(large)).count == 40)
        #expect(large.queries == (1, 1))
        let shouting = try await FakeNameServer { query, _ in [Self.answer(query, [Self.text("a")], shout: true)] }
        #expect(try await Self.texts(Self.client(shouting)) == [Self.content("a")])
        try await large.stop()
        try await shouting.stop()
    }

    @Test("aliases are followed within an answer and beyond it, and never in circles")
    func aliases() async throws {
        let server = try await FakeNameServer { query, _ in
            // The alias leads to `v.test`, for which another question comes.
            if Array(query[13..<14]) == [0x76] || Array(query[13..<14]) == [0x56] {
                return [Self.answer(query, [Self.text("there")])]
            }
            let hop = Message.record(type: 5, [1, 0x75, 4, 0x74, 0x65, 0x73, 0x74, 0])
            let next = Message.record(
                owner: [1, 0x75, 4, 0x74, 0x65, 0x73, 0x74, 0], type: 5, [1, 0x76, 4, 0x74, 0x65, 0x73, 0x74, 0])
            return [Self.answer(query, [hop, next])]
        }
        #expect(try await Self.texts(Self.client(server)) == [Self.content("there")])
        #expect(server.queries.datagrams == 2)
        let circle = try await FakeNameServer { query, _ in [Self.answer(query, [Message.record(type: 5, [0xC0, 12])])]
        }
        let failure = await #expect(throws: DNSFailure.self) { try await Self.texts(Self.client(circle)) }
        #expect(failure?.kind == .tooManyAliases)
        try await server.stop()
        try await circle.stop()
    }

    @Test("a name without records has none; a server that fails leaves the question to the next, or there is no answer")
    func failures() async throws {
        let empty = try await FakeNameServer { query, _ in [Self.answer(query)] }
        let none = try await FakeNameServer { query, _ in [Self.answer(query, flags: 0x8183)] }
        let failing = try await FakeNameServer { query, _ in [Self.answer(query, flags: 0x8182)] }
        let silent = try await FakeNameServer { _, _ in [] }
        #expect(try await Self.texts(Self.client(empty)).isEmpty)
        #expect(try await Self.texts(Self.client(none)).isEmpty)
        #expect(try await Self.texts(Self.client(failing, none)).isEmpty)
        let failure = await #expect(throws: DNSFailure.self) { try await Self.texts(Self.client(failing)) }
        #expect(failure?.kind == .serverFailure)
        let timeout = await #expect(throws: DNSFailure.self) { try await Self.texts(Self.client(silent)) }
        #expect(timeout?.kind == .timeout)
        let closed = DNSClient(
            servers: { [DNSServer(address: "127.0.0.1", port: LoopbackPort.unused())] }, egress: EgressGuard(),
            random: .system)
        #expect(await #expect(throws: DNSFailure.self) { try await Self.texts(closed) }?.kind == .timeout)
        for server in [empty, none, failing, silent] { try await server.stop() }
    }

    @Test("the addresses of a host, IPv6 first")
    func addresses() async throws {
        let server = try await FakeNameServer { query, _ in
            let isV6 = query.suffix(15).starts(with: [0, 28])
            let record =
                isV6
                ? Message.record(type: 28, [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1])
                : Message.record(type: 1, [192, 0, 2, 1])
            return [Self.answer(query, [record, record])]
        }
        #expect(try await Self.client(server).addresses(of: "www.certctl.test") == ["2001:db8::1", "192.0.2.1"])
        try await server.stop()
    }
}
