import Domain
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite("Addresses and networks in text")
struct AddressRangeTests {
    /// What the C library reads, IPv4-mapped addresses as IPv4.
    private static func reference(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var octets = [UInt8](repeating: 0, count: count)
            guard inet_pton(family, text, &octets) == 1 else { continue }
            let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
            return count == 16 && Array(octets.prefix(12)) == mapped ? Array(octets[12...]) : octets
        }
        return nil
    }

    private static let samples = [
        "192.0.2.7", "10.0.0.1", "::", "::1", "::ffff:192.0.2.1", "2001:db8::7", "fe80::1", "1:2:3:4:5:6:7:8",
        "64:ff9b::192.0.2.33", "2001:db8:0:0:1::1",
    ]
    private static let alphabet = Array("0123456789abcdefABCDEF.:+- x/%".utf8)

    @Test("a damaged address is read as the C library reads it, or not at all", arguments: 0..<8 as Range<UInt64>)
    func differential(seed: UInt64) {
        var random = Numbers(seed: seed)
        for _ in 0..<4000 {
            var octets = Array(random.pick(Self.samples).utf8)
            for _ in 0..<random.below(4) {
                switch random.below(3) {
                case 0 where !octets.isEmpty: octets.remove(at: random.below(octets.count))
                case 1 where !octets.isEmpty: octets[random.below(octets.count)] = random.pick(Self.alphabet)
                default: octets.insert(random.pick(Self.alphabet), at: random.below(octets.count + 1))
                }
            }
            let text = String(decoding: octets, as: UTF8.self)
            // A zone names an interface of this host and is dropped; a path or white space is no part of an address.
            guard !text.contains("%") else { continue }
            #expect(AddressRange.octets(text) == Self.reference(text), "\(text)")
        }
    }

    @Test(
        "misleading spellings are no addresses",
        arguments: [
            "010.0.0.1", "1.2.3.+4", "+1.2.3.4", "0x7f.0.0.1", "127.1", "1.2.3.4.", " 1.2.3.4", "::+1", "::1::", ":1",
            "1.2.3.4:80", "[::1]",
        ])
    func misleading(text: String) { #expect(AddressRange.octets(text) == nil) }

    @Test("a network holds exactly the addresses that share its prefix", arguments: 0..<4 as Range<UInt64>)
    func networks(seed: UInt64) throws {
        var random = Numbers(seed: seed)
        for _ in 0..<500 {
            let base = (0..<4).map { _ in UInt8(random.below(256)) }
            let length = random.below(33)
            let range = try #require(AddressRange("\(base.map(String.init).joined(separator: "."))/\(length)"))
            let other = (0..<4).map { index in random.below(3) == 0 ? UInt8(random.below(256)) : base[index] }
            func value(_ octets: [UInt8]) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } >> UInt64(32 - length) }
            #expect(range.contains(octets: other) == (value(base) == value(other)))
            #expect(
                range.contains("::ffff:\(other.map(String.init).joined(separator: "."))")
                    == range.contains(octets: other))
        }
    }

    @Test("one spelling for each peer")
    func canonical() {
        #expect(AddressRange.canonical("::ffff:192.0.2.1") == "192.0.2.1")
        #expect(AddressRange.canonical("fe80::1%eth0") == "fe80::1")
        #expect(AddressRange.canonical("192.0.2.1") == "192.0.2.1")
        #expect(AddressRange.canonical("nonsense") == "nonsense")
    }
}

/// Numbers from a seed (SplitMix64): the same input each time.
private struct Numbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
