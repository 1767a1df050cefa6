import Domain
import TestSupport
import Testing

@testable import Outbound

@Suite("RFC 1035 §4: messages of the DNS are read strictly, and reading ends")
struct DNSMessageTests {
    static let name = "www.certctl.test"
    static let query = DNSQuery(id: 0x1234, name: wire(name), type: .txt)

    static func wire(_ text: String) -> DNSWireName {
        guard let name = try? DNSWireName(text) else { preconditionFailure(text) }
        return name
    }

    /// A message with the question of ``query`` and the given answers.
    static func message(
        id: UInt16 = 0x1234, flags: UInt16 = 0x8180, questions: UInt16 = 1, answers: UInt16 = 1,
        name: [UInt8] = wire(name).encoded, type: UInt16 = 16, records: [UInt8] = []
    ) -> [UInt8] {
        func two(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }
        return two(id) + two(flags) + two(questions) + two(answers) + [0, 0, 0, 0] + name + two(type) + [0, 1] + records
    }

    static func record(
        owner: [UInt8] = [0xC0, 12], type: UInt16 = 16, class number: UInt16 = 1, length: Int? = nil, _ data: [UInt8]
    ) -> [UInt8] {
        let count = length ?? data.count
        return owner + [UInt8(type >> 8), UInt8(type & 0xFF), UInt8(number >> 8), UInt8(number & 0xFF), 0, 0, 0, 60]
            + [UInt8(count >> 8), UInt8(count & 0xFF)] + data
    }

    private static func read(_ octets: [UInt8], keepsCase: Bool = true) -> Result<DNSAnswer, DNSCodecError> {
        Result { () throws(DNSCodecError) in try DNSAnswer(octets, to: query, keepsCase: keepsCase) }
    }

    @Test("records of an answer, compressed or not, strings joined, other types and classes passed over")
    func records() throws {
        let text = Self.record([3] + Array("abc".utf8) + [2] + Array("de".utf8))
        let alias = Self.record(type: 5, [1, 0x78, 0xC0, 16])
        let foreign = Self.record(type: 46, [1, 2, 3])
        let chaos = Self.record(class: 3, [1, 0x7A])
        let answer = try Self.read(
            Self.message(answers: 4, records: text + alias + foreign + chaos)
        ).get()
        #expect(
            answer.records == [
                DNSRecord(name: Self.query.name, type: .txt, content: .text(Array("abcde".utf8))),
                DNSRecord(name: Self.query.name, type: .cname, content: .alias(Self.wire("x.certctl.test"))),
            ])
        let caa = Self.record(type: 257, [128, 5] + Array("iSSue".utf8) + Array("ca.test".utf8))
        let issue = DNSRecord.Content.caa(flags: 128, tag: "issue", value: Array("ca.test".utf8))
        #expect(try Self.read(Self.message(records: caa)).get().records.map(\.content) == [issue])
        let truncated = try Self.read(Self.message(flags: 0x8380, answers: 9)).get()
        #expect(truncated.isTruncated && truncated.records.isEmpty)
        #expect(try Self.read(Self.message(flags: 0x8183, answers: 0)).get().responseCode == 3)
    }

    static let hostile: [(String, [UInt8])] = [
        ("nothing", []), ("half a header", Array(message().prefix(7))),
        ("another identifier", message(id: 0x1235)), ("a query", message(flags: 0x0180)),
        ("another operation", message(flags: 0xA180)), ("no question", message(questions: 0)),
        ("two questions", message(questions: 2)), ("another name", message(name: wire("ww.certctl.test").encoded)),
        ("another type", message(type: 1)),
        ("fewer records than promised", message(answers: 2, records: record([1, 65]))),
        ("more records than are read", message(answers: 513)),
        ("a pointer to itself", message(records: record(owner: [0xC0, 34], [1, 65]))),
        ("a pointer forward", message(records: record(owner: [0xC0, 60], [1, 65]))),
        ("pointers in a circle", message(records: record(owner: [1, 0x61, 0xC0, 34], [1, 65]))),
        ("a pointer that ends early", message(records: [0xC0])),
        ("a pointer beyond the end", message(records: record(owner: [0xFF, 0xFF], [1, 65]))),
        ("a kind of label that does not exist", message(records: record(owner: [0x41, 0x61], [1, 65]))),
        ("a label that ends early", message(records: [63, 0x61])),
        ("a record longer than the message", message(records: record(length: 500, [1, 65]))),
        ("a string longer than its record", message(records: record([9, 65]))),
        ("an alias that does not fill its record", message(records: record(type: 5, [0xC0, 12, 0]))),
        ("an alias that runs over its record", message(records: record(type: 5, length: 1, [0xC0, 12]))),
        ("an address of three octets", message(records: record(type: 1, [1, 2, 3]))),
        ("a CAA record without a tag", message(records: record(type: 257, [0, 0, 65]))),
        ("a CAA record whose tag runs over", message(records: record(type: 257, [0, 9, 65]))),
        (
            "a name of 300 octets",
            message(name: (0..<5).flatMap { _ in [59] + [UInt8](repeating: 0x61, count: 59) } + [0])
        ),
        ("a message of 70000 octets", message(records: record([1, 65])) + [UInt8](repeating: 0, count: 70_000)),
    ]

    @Test("what is no answer to the question is refused", arguments: hostile.indices)
    func hostileMessages(index: Int) {
        let (what, octets) = Self.hostile[index]
        #expect(throws: DNSCodecError.self, "\(what)") { try Self.read(octets).get() }
    }

    @Test("the spelling of a name comes back with a datagram, or it is forged")
    func spelling() throws {
        let other = Self.message(answers: 0, name: Self.wire("WWW.certctl.test").encoded)
        #expect(throws: DNSCodecError.self) { try Self.read(other).get() }
        #expect(try Self.read(other, keepsCase: false).get().records.isEmpty)
        let mixed = Self.query.name.mixingCase([1, 0, 1] + [UInt8](repeating: 1, count: 40))
        #expect(mixed == Self.query.name && mixed.labels != Self.query.name.labels)
        #expect("\(mixed)" == Self.name)
        #expect(Self.wire("a-1.test").mixingCase([UInt8](repeating: 1, count: 9)).labels[0] == Array("A-1".utf8))
    }

    @Test("random octets, and random changes of an answer, end in an answer or in an error", arguments: 0..<40)
    func random(seed: UInt64) {
        var input = SeededInput(seed)
        let whole = Self.message(
            answers: 2, records: Self.record([1, 65]) + Self.record(type: 5, [1, 0x78, 0xC0, 16]))
        for _ in 0..<200 {
            var octets = whole
            for _ in 0..<(1 + input.below(6)) {
                octets[input.below(octets.count)] = UInt8(input.below(256))
            }
            _ = Self.read(Array(octets.prefix(1 + input.below(octets.count))))
            _ = Self.read(octets, keepsCase: false)
        }
    }

    @Test(
        "texts that are no names of the DNS",
        arguments: ["", "a..b", ".a", String(repeating: "a", count: 64), String(repeating: "abcdefg.", count: 33)])
    func names(text: String) {
        #expect(throws: DNSCodecError.self) { try DNSWireName(text) }
    }

    @Test("the resolvers of a host are those of its file, or the host itself")
    func hostResolvers() {
        let text = "# nameserver 192.0.2.9\nsearch test\nnameserver 192.0.2.1\n nameserver\t2001:db8::53 # x\n"
        #expect(
            HostResolvers.servers(in: text) == [DNSServer(address: "192.0.2.1"), DNSServer(address: "2001:db8::53")])
        #expect(HostResolvers.servers(in: "nameserver nonsense") == [DNSServer(address: "127.0.0.1")])
        let many = (1...5).map { "nameserver 192.0.2.\($0)" }.joined(separator: "\n")
        #expect(HostResolvers.servers(in: many).count == 3)
    }
}
