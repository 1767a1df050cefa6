/// An IPv4 or IPv6 address as the octets that a certificate holds.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// Four or sixteen octets in network order.
    package let octets: [UInt8]

    package init(octets: some Collection<UInt8>) throws(NameError) {
        guard octets.count == 4 || octets.count == 16 else { throw .malformedAddress }
        self.octets = Array(octets)
    }

    /// Dotted decimal without leading zeros, or RFC 4291 §2.2 text without a zone.
    package init(_ text: String) throws(NameError) {
        guard text.utf8.count <= 45 else { throw .malformedAddress }
        let characters = Array(text.utf8)
        guard let octets = Self.v4(characters[...]) ?? Self.v6(characters) else { throw .malformedAddress }
        self.octets = octets
    }

    package var isIPv6: Bool { octets.count == 16 }

    /// Dotted decimal, or RFC 5952 text: lower case, the longest run of zero groups shortened.
    package var description: String {
        guard isIPv6 else { return octets.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { Int(octets[$0]) << 8 | Int(octets[$0 + 1]) }
        let run = Self.longestZeroRun(groups)
        guard run.count >= 2 else { return Self.hex(groups[...]) }
        return Self.hex(groups[..<run.lowerBound]) + "::" + Self.hex(groups[run.upperBound...])
    }

    private static func hex(_ groups: ArraySlice<Int>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    private static func longestZeroRun(_ groups: [Int]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best
    }

    private static func v4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var octets: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != 0x30,
                part.allSatisfy({ (0x30...0x39).contains($0) }),
                let octet = UInt8(exactly: part.reduce(0) { $0 * 10 + Int($1 - 0x30) })
            else { return nil }
            octets.append(octet)
        }
        return octets
    }

    private static func v6(_ text: [UInt8]) -> [UInt8]? {
        guard let gap = doubleColon(in: text) else {
            guard let octets = groups(text[...]), octets.count == 16 else { return nil }
            return octets
        }
        let head = text[..<gap]
        let tail = text[(gap + 2)...]
        guard let left = head.isEmpty ? [] : groups(head), let right = tail.isEmpty ? [] : groups(tail),
            left.count + right.count <= 14, !head.contains(0x2E)
        else { return nil }
        return left + [UInt8](repeating: 0, count: 16 - left.count - right.count) + right
    }

    private static func doubleColon(in text: [UInt8]) -> Int? {
        text.indices.dropLast().first { text[$0] == 0x3A && text[$0 + 1] == 0x3A }
    }

    /// Groups of one to four digits; the last may be a dotted IPv4 address.
    private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var octets: [UInt8] = []
        let parts = text.split(separator: 0x3A, omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        for (index, part) in parts.enumerated() {
            if part.contains(0x2E) {
                guard index == parts.count - 1, let embedded = v4(part) else { return nil }
                octets += embedded
                continue
            }
            guard (1...4).contains(part.count), let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                part.first != 0x2B
            else { return nil }
            octets += [UInt8(group >> 8), UInt8(group & 0xFF)]
        }
        return octets
    }
}
