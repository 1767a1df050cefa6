/// An ASN.1 object identifier, held as its DER content octets.
package struct OID: Hashable, Sendable, CustomStringConvertible {
    /// Content octets without tag and length.
    package let content: [UInt8]

    /// An identifier spelled out in source. The first arc is 0, 1 or 2.
    package init(_ first: UInt64, _ second: UInt64, _ rest: UInt64...) {
        var content: [UInt8] = []
        for arc in [first * 40 + second] + rest { Self.append(arc, to: &content) }
        self.content = content
    }

    /// Content octets as received: minimal base-128 arcs, at most 64 of them, none above 2^63.
    init?(content: ArraySlice<UInt8>) {
        guard let last = content.last, last < 0x80, content.count <= 256 else { return nil }
        var arcs = 1
        var arcLength = 0
        for octet in content {
            if arcLength == 0, octet == 0x80 { return nil }
            arcLength += 1
            if arcLength > 9 { return nil }
            if octet < 0x80 {
                arcs += 1
                arcLength = 0
            }
        }
        guard arcs <= 64 else { return nil }
        self.content = Array(content)
    }

    /// Dotted decimal, such as `1.3.6.1.5.5.7.3.1`.
    package init?(dotted text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        var arcs: [UInt64] = []
        for part in parts {
            guard !part.isEmpty, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let arc = UInt64(part), arc < 1 << 62
            else { return nil }
            arcs.append(arc)
        }
        guard (2...64).contains(arcs.count), arcs[0] <= 2, arcs[0] == 2 || arcs[1] < 40 else { return nil }
        var content: [UInt8] = []
        for arc in [arcs[0] * 40 + arcs[1]] + arcs.dropFirst(2) { Self.append(arc, to: &content) }
        self.content = content
    }

    package var description: String {
        var arcs: [UInt64] = []
        var value: UInt64 = 0
        for octet in content {
            value = value << 7 | UInt64(octet & 0x7F)
            if octet < 0x80 {
                if arcs.isEmpty {
                    let first = min(value / 40, 2)
                    arcs = [first, value - first * 40]
                } else {
                    arcs.append(value)
                }
                value = 0
            }
        }
        return arcs.map(String.init).joined(separator: ".")
    }

    private static func append(_ arc: UInt64, to content: inout [UInt8]) {
        var groups = [UInt8(arc & 0x7F)]
        var rest = arc >> 7
        while rest > 0 {
            groups.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        content.append(contentsOf: groups.reversed())
    }
}
