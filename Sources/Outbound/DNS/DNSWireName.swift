/// A domain name as the DNS carries it: labels of octets (RFC 1035 §3.1). Case does not count when names are compared.
package struct DNSWireName: Hashable, Sendable, CustomStringConvertible {
    /// Longest encoding, the root label included (RFC 1035 §2.3.4).
    static let longest = 255
    static let longestLabel = 63

    /// As they were written or received.
    let labels: [[UInt8]]

    /// A name in dotted form, with or without the last dot; the root is `.`.
    package init(_ text: String) throws(DNSCodecError) {
        var bare = text[...]
        if bare.hasSuffix(".") { bare = bare.dropLast() }
        guard !bare.isEmpty else {
            guard text == "." else { throw .name("it is empty") }
            try self.init(labels: [])
            return
        }
        try self.init(labels: bare.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) })
    }

    init(labels: [[UInt8]]) throws(DNSCodecError) {
        for label in labels where !(1...Self.longestLabel).contains(label.count) {
            throw .name("a label has no octets, or more than \(Self.longestLabel)")
        }
        guard labels.reduce(1, { $0 + $1.count + 1 }) <= Self.longest else {
            throw .name("it is longer than \(Self.longest) octets")
        }
        self.labels = labels
    }

    /// Without compression.
    var encoded: [UInt8] { labels.flatMap { [UInt8($0.count)] + $0 } + [0] }

    /// The same name with the letters of `mask` turned to the other case: what a resolver sends back unchanged, and a
    /// forger has to guess ("0x20", draft-vixie-dnsext-dns0x20).
    func mixingCase(_ mask: some Sequence<UInt8>) -> DNSWireName {
        var coins = mask.makeIterator()
        let mixed = labels.map { label in
            label.map { octet -> UInt8 in
                let isLetter = (0x61...0x7A).contains(octet | 0x20)
                return isLetter && (coins.next() ?? 0) & 1 == 1 ? octet ^ 0x20 : octet
            }
        }
        return (try? DNSWireName(labels: mixed)) ?? self
    }

    private var folded: [[UInt8]] {
        labels.map { $0.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } }
    }

    package static func == (left: Self, right: Self) -> Bool { left.folded == right.folded }
    package func hash(into hasher: inout Hasher) { hasher.combine(folded) }

    /// Dotted, in lower case; octets that are not printable as `?`.
    package var description: String {
        labels.isEmpty
            ? "."
            : folded.map { label in
                String(decoding: label.map { (0x21...0x7E).contains($0) && $0 != 0x2E ? $0 : 0x3F }, as: UTF8.self)
            }.joined(separator: ".")
    }
}

/// What makes octets no message of the DNS, or a text no name in it.
package enum DNSCodecError: Error, Hashable, Sendable, CustomStringConvertible {
    case name(String)
    case message(String)

    package var description: String {
        switch self {
        case .name(let why): "no name of the DNS: \(why)"
        case .message(let why): "no message of the DNS: \(why)"
        }
    }
}
