/// Why octets are not the DER structure that was expected.
package struct DERError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    /// A fault in the encoding itself; `offset` counts from the start of the octets that were parsed.
    init(_ reason: String, at offset: Int) { self.reason = "not strict DER: \(reason), at octet \(offset)" }

    package var description: String { reason }
}

/// One element of a strictly parsed DER structure.
///
/// The whole structure is checked once, when its outermost element is parsed; parts are read when they are asked for.
struct DERNode {
    /// Longest INTEGER accepted, in octets (protocol-servers §9.1).
    static let maximumIntegerLength = 2048

    let tag: DERTag
    /// Tag, length and content as received.
    let encoded: ArraySlice<UInt8>
    private let content: ArraySlice<UInt8>

    /// Parses exactly one element; octets after it are an error.
    init(parsing octets: ArraySlice<UInt8>, limits: DERLimits = .standard) throws(DERError) {
        try DERStructure.check(octets, limits: limits)
        try self.init(octets, at: octets.startIndex, limit: octets.endIndex)
    }

    /// The element at `start` of octets whose structure was checked.
    private init(_ octets: ArraySlice<UInt8>, at start: Int, limit: Int) throws(DERError) {
        let header = try DERHeader(octets, at: start, limit: limit)
        tag = header.tag
        content = octets[header.content]
        encoded = octets[start..<header.content.upperBound]
    }

    func has(_ tag: DERTag) -> Bool { self.tag == tag }

    /// Whether the context-specific tag is `number`.
    func hasContextTag(_ number: UInt32) -> Bool { tag.isContextSpecific && tag.number == number }

    var contextTag: UInt32? { tag.isContextSpecific ? tag.number : nil }

    /// Content octets of a primitive element.
    func primitive(_ what: StaticString) throws(DERError) -> ArraySlice<UInt8> {
        guard !tag.isConstructed else { throw DERError("\(what) must be primitive") }
        return content
    }

    /// Elements of a constructed element whatever its tag, at most `limit`.
    func elements(_ what: StaticString, limit: Int = 1000) throws(DERError) -> [DERNode] {
        guard tag.isConstructed else { throw DERError("\(what) must be constructed") }
        var elements: [DERNode] = []
        var index = content.startIndex
        while index < content.endIndex {
            guard elements.count < limit else { throw DERError("\(what) has more than \(limit) elements") }
            let element = try DERNode(content, at: index, limit: content.endIndex)
            elements.append(element)
            index = element.encoded.endIndex
        }
        return elements
    }

    /// Calls `body` with each element of a constructed element in turn, keeping none.
    func forEachElement(
        _ what: StaticString, _ body: (DERNode) throws(DERError) -> Void
    ) throws(DERError) {
        guard tag.isConstructed else { throw DERError("\(what) must be constructed") }
        var index = content.startIndex
        while index < content.endIndex {
            let element = try DERNode(content, at: index, limit: content.endIndex)
            try body(element)
            index = element.encoded.endIndex
        }
    }

    func sequence(_ what: StaticString, limit: Int = 1000) throws(DERError) -> DERFields {
        guard has(.sequence) else { throw DERError("\(what) must be a SEQUENCE") }
        return DERFields(try elements(what, limit: limit), of: what)
    }

    func set(_ what: StaticString, limit: Int = 1000) throws(DERError) -> [DERNode] {
        guard has(.set) else { throw DERError("\(what) must be a SET") }
        return try elements(what, limit: limit)
    }

    /// The one element inside an EXPLICIT context tag.
    func explicit(_ what: StaticString) throws(DERError) -> DERNode {
        let inner = try elements(what, limit: 1)
        guard let first = inner.first else { throw DERError("\(what) is empty") }
        return first
    }

    func oid(_ what: StaticString) throws(DERError) -> OID {
        guard has(.objectIdentifier), let oid = OID(content: try primitive(what)) else {
            throw DERError("\(what) must be an object identifier")
        }
        return oid
    }

    /// Two's-complement octets of an INTEGER in minimal form.
    func integer(_ what: StaticString) throws(DERError) -> ArraySlice<UInt8> {
        guard has(.integer) else { throw DERError("\(what) must be an INTEGER") }
        return try integerContent(what)
    }

    /// Same as ``integer(_:)`` for an IMPLICIT tag that the caller has checked.
    func integerContent(_ what: StaticString) throws(DERError) -> ArraySlice<UInt8> {
        let content = try primitive(what)
        guard let first = content.first, content.count <= Self.maximumIntegerLength else {
            throw DERError("\(what) is empty or too long an INTEGER")
        }
        if let second = content.dropFirst().first {
            guard !(first == 0 && second < 0x80), !(first == 0xFF && second >= 0x80) else {
                throw DERError("\(what) is not a minimal INTEGER")
            }
        }
        return content
    }

    /// A non-negative INTEGER below 2^31.
    func smallInteger(_ what: StaticString) throws(DERError) -> Int {
        try Self.small(integer(what), what)
    }

    static func small(_ content: ArraySlice<UInt8>, _ what: StaticString) throws(DERError) -> Int {
        guard let first = content.first, first < 0x80, content.count <= 4 else {
            throw DERError("\(what) is negative or too large")
        }
        return content.reduce(0) { $0 << 8 | Int($1) }
    }

    func boolean(_ what: StaticString) throws(DERError) -> Bool {
        guard has(.boolean) else { throw DERError("\(what) must be a BOOLEAN") }
        return try booleanContent(what)
    }

    /// Same as ``boolean(_:)`` for an IMPLICIT tag that the caller has checked.
    func booleanContent(_ what: StaticString) throws(DERError) -> Bool {
        let content = try primitive(what)
        guard content.count == 1, let value = content.first, value == 0 || value == 0xFF else {
            throw DERError("\(what) must be a DER BOOLEAN")
        }
        return value == 0xFF
    }

    func octetString(_ what: StaticString) throws(DERError) -> ArraySlice<UInt8> {
        guard has(.octetString) else { throw DERError("\(what) must be an OCTET STRING") }
        return try primitive(what)
    }

    /// Octets of a BIT STRING without unused bits.
    func bitString(_ what: StaticString) throws(DERError) -> ArraySlice<UInt8> {
        let (unused, octets) = try namedBits(what)
        guard unused == 0 else { throw DERError("\(what) must be a BIT STRING of whole octets") }
        return octets
    }

    /// Unused-bit count and octets of a BIT STRING; unused bits are zero as DER demands.
    func namedBits(_ what: StaticString) throws(DERError) -> (unused: UInt8, octets: ArraySlice<UInt8>) {
        guard has(.bitString) else { throw DERError("\(what) must be a BIT STRING") }
        return try namedBitsContent(what)
    }

    /// Same as ``namedBits(_:)`` for an IMPLICIT tag that the caller has checked.
    func namedBitsContent(_ what: StaticString) throws(DERError) -> (unused: UInt8, octets: ArraySlice<UInt8>) {
        let content = try primitive(what)
        guard let unused = content.first, unused < 8 else { throw DERError("\(what) is a malformed BIT STRING") }
        let octets = content.dropFirst()
        if let last = octets.last {
            guard last & ((1 << unused) - 1) == 0 else { throw DERError("\(what) has unused bits that are set") }
        } else if unused != 0 {
            throw DERError("\(what) is a malformed BIT STRING")
        }
        return (unused, octets)
    }

    var isNull: Bool { has(.null) && content.isEmpty }
}

/// The elements of a SEQUENCE, taken in order.
struct DERFields {
    private var rest: ArraySlice<DERNode>
    private let what: StaticString

    init(_ elements: [DERNode], of what: StaticString) {
        rest = elements[...]
        self.what = what
    }

    var isEmpty: Bool { rest.isEmpty }
    /// The elements not yet taken.
    var remaining: ArraySlice<DERNode> { rest }

    mutating func next() throws(DERError) -> DERNode {
        guard let node = rest.popFirst() else { throw DERError("\(what) ends early") }
        return node
    }

    /// The next element when it has `tag`.
    mutating func next(if tag: DERTag) -> DERNode? {
        guard let node = rest.first, node.has(tag) else { return nil }
        rest.removeFirst()
        return node
    }

    /// The next element when it has context tag `number`.
    mutating func next(ifContextTag number: UInt32) -> DERNode? {
        guard let node = rest.first, node.hasContextTag(number) else { return nil }
        rest.removeFirst()
        return node
    }

    func end() throws(DERError) {
        guard rest.isEmpty else { throw DERError("\(what) has elements that do not belong there") }
    }
}
