/// Identifier and length of one element, as positions in the octets that were given.
struct DERHeader {
    let tag: DERTag
    let content: Range<Int>

    /// Reads the header at `start`; the element must end at `limit` or before.
    ///
    /// Definite lengths in the fewest octets, tag numbers in the fewest octets (X.690 §10.1, §8.1.2).
    init(_ octets: ArraySlice<UInt8>, at start: Int, limit: Int) throws(DERError) {
        var index = start
        func next() throws(DERError) -> UInt8 {
            guard index < limit else { throw DERError("element ends early", at: start - octets.startIndex) }
            defer { index += 1 }
            return octets[index]
        }
        let first = try next()
        tag = first & 0x1F == 0x1F ? DERTag(octet: first, number: try Self.longNumber(next)) : DERTag(first)
        let lead = try next()
        var length = Int(lead)
        if lead >= 0x80 {
            guard (0x81...0x84).contains(lead) else {
                throw DERError("length is indefinite or beyond 4 octets", at: start - octets.startIndex)
            }
            length = 0
            for _ in 0..<(lead & 0x7F) { length = length << 8 | Int(try next()) }
            guard length >= 0x80, lead == 0x81 || length >> (8 * (Int(lead & 0x7F) - 1)) != 0 else {
                throw DERError("length is not minimal", at: start - octets.startIndex)
            }
        }
        guard length <= limit - index else {
            throw DERError("element ends beyond the one around it", at: start - octets.startIndex)
        }
        content = index..<index + length
    }

    private static func longNumber(_ next: () throws(DERError) -> UInt8) throws(DERError) -> UInt32 {
        var number: UInt32 = 0
        for position in 0..<4 {
            let octet = try next()
            guard position > 0 || octet != 0x80 else { throw DERError("tag number is not minimal") }
            number = number << 7 | UInt32(octet & 0x7F)
            if octet < 0x80 {
                guard number >= 31 else { throw DERError("tag number is not minimal") }
                return number
            }
        }
        throw DERError("tag number is too large")
    }
}

/// Checks the structure of a whole encoding in one pass, before anything looks at a part of it.
enum DERStructure {
    /// Throws unless `octets` are exactly one element, strict DER down to its leaves, within `limits`.
    ///
    /// Takes time in proportion to the octets, and memory in proportion to the depth: no recursion.
    static func check(_ octets: ArraySlice<UInt8>, limits: DERLimits) throws(DERError) {
        guard !octets.isEmpty else { throw DERError("there are no octets") }
        var open: [Int] = []
        var index = octets.startIndex
        var count = 0
        repeat {
            let header = try DERHeader(octets, at: index, limit: open.last ?? octets.endIndex)
            count += 1
            guard count <= limits.elements else { throw DERError("more than \(limits.elements) elements") }
            guard open.count < limits.depth else { throw DERError("nested deeper than \(limits.depth)") }
            if header.tag.isUniversal {
                guard header.tag.octet != 0, header.tag.isConstructed == header.tag.mustBeConstructed else {
                    throw DERError("universal element is not in the form of DER", at: index - octets.startIndex)
                }
            }
            if header.tag.isConstructed {
                open.append(header.content.upperBound)
                index = header.content.lowerBound
            } else {
                index = header.content.upperBound
            }
            while open.last == index { open.removeLast() }
        } while !open.isEmpty
        guard index == octets.endIndex else {
            throw DERError("octets follow the element", at: index - octets.startIndex)
        }
    }
}
