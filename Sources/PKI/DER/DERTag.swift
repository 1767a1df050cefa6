/// Class, form and number of an element (X.690 §8.1.2).
struct DERTag: Hashable, Sendable {
    /// First identifier octet; the low five bits are all ones when `number` did not fit in them.
    let octet: UInt8
    let number: UInt32

    /// A tag below 31, as all of X.509 uses.
    init(_ octet: UInt8) {
        self.octet = octet
        number = UInt32(octet & 0x1F)
    }

    init(octet: UInt8, number: UInt32) {
        self.octet = octet
        self.number = number
    }

    var isConstructed: Bool { octet & 0x20 != 0 }
    var isUniversal: Bool { octet & 0xC0 == 0 }
    var isContextSpecific: Bool { octet & 0xC0 == 0x80 }

    /// Whether DER demands the constructed form (`true`) or the primitive one (`false`) of a universal type.
    var mustBeConstructed: Bool { number == 8 || number == 11 || number == 16 || number == 17 || number == 29 }

    /// Whether a universal type is a string, which BER may split.
    var isString: Bool { number == 3 || number == 4 || number == 12 || (18...30).contains(number) && number != 29 }

    static let boolean = DERTag(0x01)
    static let integer = DERTag(0x02)
    static let bitString = DERTag(0x03)
    static let octetString = DERTag(0x04)
    static let null = DERTag(0x05)
    static let objectIdentifier = DERTag(0x06)
    static let enumerated = DERTag(0x0A)
    static let utf8String = DERTag(0x0C)
    static let printableString = DERTag(0x13)
    static let teletexString = DERTag(0x14)
    static let ia5String = DERTag(0x16)
    static let utcTime = DERTag(0x17)
    static let generalizedTime = DERTag(0x18)
    static let visibleString = DERTag(0x1A)
    static let universalString = DERTag(0x1C)
    static let bmpString = DERTag(0x1E)
    static let sequence = DERTag(0x30)
    static let set = DERTag(0x31)
}

/// How much structure is accepted from outside (protocol-servers §9.1).
package struct DERLimits: Hashable, Sendable {
    /// Deepest nesting; the outermost element counts as one.
    package let depth: Int
    /// Most elements in all.
    package let elements: Int

    package init(depth: Int, elements: Int) {
        self.depth = depth
        self.elements = elements
    }

    package static let standard = DERLimits(depth: 32, elements: 10_000)
}
