/// What begins every message between a server and its signer: 16 octets, numbers with the highest octet first.
///
/// `CTSG`, version (1), kind, two octets 0, number of the request (4), length of what follows (4). An answer has the number of
/// its request; 0 is that of a refusal of the connection as such.
struct SignerFrame: Hashable, Sendable {
    enum Kind: UInt8, Sendable, CaseIterable {
        case describe = 0x01
        case obtain = 0x02
        case sign = 0x03
        case remove = 0x04
        case key = 0x81
        case signature = 0x83
        case refusal = 0xFF

        var isRequest: Bool { rawValue < 0x80 }

        /// The most that may follow, in octets. A revocation list is what is signed in whole.
        var longestBody: Int {
            switch self {
            case .sign: SignerFrame.longestMessage + 1024
            case .describe, .obtain, .remove: 1024
            case .key, .signature, .refusal: 32 << 10
            }
        }
    }

    static let version: UInt8 = 1
    static let headerLength = 16
    /// The longest structure that is signed: as long as a revocation list may be.
    static let longestMessage = 64 << 20
    private static let magic = Array("CTSG".utf8)

    let kind: Kind
    let number: UInt32
    let length: Int

    init(_ kind: Kind, number: UInt32, length: Int) {
        self.kind = kind
        self.number = number
        self.length = length
    }

    /// Reads ``headerLength`` octets.
    init(header: [UInt8]) throws(SignerFault) {
        guard header.count == Self.headerLength, header.starts(with: Self.magic) else {
            throw .protocolError("what came is not of the protocol of certctl signer")
        }
        guard header[4] == Self.version else {
            throw .protocolError(
                "the other side speaks version \(header[4]) of the protocol and this one version \(Self.version); "
                    + "run the same certctl on both")
        }
        guard let kind = Kind(rawValue: header[5]), header[6] == 0, header[7] == 0 else {
            throw .protocolError("a message of an unknown kind came")
        }
        let length = header[12...].reduce(0) { $0 << 8 | Int($1) }
        guard length <= kind.longestBody else {
            throw .protocolError("a message of \(length) octets came; \(kind.longestBody) are the most")
        }
        self.init(kind, number: header[8..<12].reduce(0) { $0 << 8 | UInt32($1) }, length: length)
    }

    var header: [UInt8] {
        Self.magic + [Self.version, kind.rawValue, 0, 0] + Self.octets(number) + Self.octets(UInt32(length))
    }

    static func octets(_ number: UInt32) -> [UInt8] {
        [UInt8(number >> 24), UInt8(number >> 16 & 0xFF), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)]
    }
}

/// The parts of a message: each is its length in four octets and so many octets. All of them are used up.
struct SignerFields {
    private var rest: ArraySlice<UInt8>

    init(_ body: [UInt8]) { rest = body[...] }

    static func encode(_ fields: [[UInt8]]) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(fields.reduce(0) { $0 + 4 + $1.count })
        for field in fields { body += SignerFrame.octets(UInt32(field.count)) + field }
        return body
    }

    mutating func next(atMost limit: Int) throws(SignerFault) -> ArraySlice<UInt8> {
        guard rest.count >= 4 else { throw .protocolError("a message ends early") }
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard length <= limit, length <= rest.count - 4 else {
            throw .protocolError("a part of a message is too long")
        }
        let start = rest.startIndex + 4
        defer { rest = rest[(start + length)...] }
        return rest[start..<start + length]
    }

    mutating func text(atMost limit: Int) throws(SignerFault) -> String {
        guard let text = String(validating: try next(atMost: limit), as: UTF8.self) else {
            throw .protocolError("a part of a message is no text")
        }
        return text
    }

    func end() throws(SignerFault) {
        guard rest.isEmpty else { throw .protocolError("a message has more parts than it should") }
    }
}
