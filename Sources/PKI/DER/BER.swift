/// Rewrites BER as DER, for the structures that come as BER in practice: CMS and PKCS#12 (protocol-servers §9.1).
///
/// Indefinite lengths, lengths in more octets than necessary and strings in pieces become their DER forms, so that one
/// strict parser does for everything. The order of a SET is kept: a signature may be over it.
enum BER {
    /// DER of the one element that `octets` are, in time proportional to their number and the depth.
    ///
    /// Pieces of a string under an IMPLICIT tag cannot be told from a structure; they stay a constructed element.
    /// `ignoringTrailingZeros` lets zero octets follow, as some SCEP clients send them.
    static func der(
        from octets: ArraySlice<UInt8>, limits: DERLimits = .standard, ignoringTrailingZeros: Bool = false
    ) throws(DERError) -> [UInt8] {
        var reader = BERReader(octets: octets, index: octets.startIndex, elements: limits.elements, depth: limits.depth)
        let element = try reader.element(end: octets.endIndex, depth: 1)
        let rest = octets[reader.index...]
        guard rest.isEmpty || (ignoringTrailingZeros && rest.allSatisfy { $0 == 0 }) else {
            throw DERError("octets follow the BER element")
        }
        return element.der
    }
}

/// An element whose content is already DER.
private struct BERElement {
    let identifier: [UInt8]
    var content: [UInt8]

    var der: [UInt8] { DERWriter.element(identifier: identifier, content) }
}

private struct BERReader {
    let octets: ArraySlice<UInt8>
    var index: Int
    /// Elements that may still come.
    var elements: Int
    /// Deepest nesting; the recursion ends there.
    let depth: Int

    mutating func element(end: Int, depth: Int) throws(DERError) -> BERElement {
        guard depth <= self.depth else { throw DERError("nested deeper than \(self.depth)") }
        guard elements > 0 else { throw DERError("too many BER elements") }
        elements -= 1
        let identifier = try identifier(end)
        let isConstructed = identifier[0] & 0x20 != 0
        let length = try length(end)
        guard isConstructed else {
            guard let length else { throw DERError("a primitive BER element has an indefinite length") }
            let content = Array(octets[index..<index + length])
            index += length
            return BERElement(identifier: identifier, content: try Self.primitive(identifier[0], content))
        }
        var parts: [BERElement] = []
        if let length {
            let limit = index + length
            while index < limit { parts.append(try element(end: limit, depth: depth + 1)) }
        } else {
            while try !isEndOfContents(end) { parts.append(try element(end: end, depth: depth + 1)) }
        }
        return try Self.joined(identifier, parts)
    }

    private mutating func next(_ end: Int) throws(DERError) -> UInt8 {
        guard index < end else { throw DERError("BER element ends early") }
        defer { index += 1 }
        return octets[index]
    }

    private mutating func identifier(_ end: Int) throws(DERError) -> [UInt8] {
        var identifier = [try next(end)]
        guard identifier[0] != 0 else { throw DERError("end-of-contents octets where there is no indefinite length") }
        guard identifier[0] & 0x1F == 0x1F else { return identifier }
        repeat {
            guard identifier.count < 5 else { throw DERError("tag number is too large") }
            identifier.append(try next(end))
        } while identifier[identifier.count - 1] & 0x80 != 0
        return identifier
    }

    /// `nil` for an indefinite length; otherwise one that lies within `end`.
    private mutating func length(_ end: Int) throws(DERError) -> Int? {
        let first = try next(end)
        if first == 0x80 { return nil }
        var length = Int(first)
        if first > 0x80 {
            length = 0
            for _ in 0..<(first & 0x7F) {
                length = length << 8 | Int(try next(end))
                guard length <= Int(UInt32.max) else { throw DERError("BER length is too large") }
            }
        }
        guard length <= end - index else { throw DERError("BER element ends beyond the one around it") }
        return length
    }

    private mutating func isEndOfContents(_ end: Int) throws(DERError) -> Bool {
        guard end - index >= 2 else { throw DERError("indefinite length without end-of-contents octets") }
        guard octets[index] == 0, octets[index + 1] == 0 else { return false }
        index += 2
        return true
    }

    private static func primitive(_ tag: UInt8, _ content: [UInt8]) throws(DERError) -> [UInt8] {
        guard tag == 0x01 else { return content }
        guard content.count == 1 else { throw DERError("BOOLEAN must have one octet") }
        return [content[0] == 0 ? 0x00 : 0xFF]
    }

    /// A string in pieces becomes one string, anything else constructed stays so.
    private static func joined(_ identifier: [UInt8], _ parts: [BERElement]) throws(DERError) -> BERElement {
        let tag = DERTag(identifier[0])
        guard tag.isUniversal, !tag.mustBeConstructed else {
            return BERElement(identifier: identifier, content: Array(parts.map(\.der).joined()))
        }
        let isBitString = tag.number == DERTag.bitString.number
        // X.690 §8.6.4, §8.7.3, §8.23.6: pieces are bit strings in bit strings, octet strings in every other kind.
        let piece: [UInt8] = [isBitString ? 0x03 : 0x04]
        guard tag.isString, parts.allSatisfy({ $0.identifier == piece || $0.identifier == [identifier[0] & 0xDF] })
        else {
            throw DERError("a constructed BER element is neither a structure nor a string in pieces")
        }
        guard isBitString else {
            return BERElement(identifier: [identifier[0] & 0xDF], content: Array(parts.map(\.content).joined()))
        }
        guard parts.allSatisfy({ !$0.content.isEmpty }), parts.dropLast().allSatisfy({ $0.content[0] == 0 }) else {
            throw DERError("pieces of a BIT STRING must be whole octets")
        }
        let bits = parts.map { $0.content.dropFirst() }.joined()
        return BERElement(identifier: [0x03], content: [parts.last?.content[0] ?? 0] + Array(bits))
    }
}
