/// The types of records that are asked for (RFC 1035 §3.2.2, RFC 3596, RFC 8659).
package enum DNSRecordType: UInt16, Sendable, CaseIterable {
    case a = 1
    case ns = 2
    case cname = 5
    case txt = 16
    case aaaa = 28
    case caa = 257
}

/// One record of an answer.
package struct DNSRecord: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        /// Four or sixteen octets.
        case address([UInt8])
        case alias(DNSWireName)
        case nameServer(DNSWireName)
        /// The strings of one record, joined (RFC 8555 §8.4 names no other way to read them).
        case text([UInt8])
        case caa(flags: UInt8, tag: String, value: [UInt8])
    }

    package let name: DNSWireName
    package let type: DNSRecordType
    package let content: Content
}

/// A question of ours.
struct DNSQuery: Sendable {
    /// What a datagram of an answer may weigh: no fragments on any usual path.
    static let datagramLimit: UInt16 = 1232

    let id: UInt16
    let name: DNSWireName
    let type: DNSRecordType
    /// Whether the server is to ask others; those of a zone are asked for what they hold themselves.
    var wantsRecursion = true

    /// With an OPT record (RFC 6891), and the wish to be told whether a resolver validated its answer (RFC 6840 §5.7).
    var encoded: [UInt8] {
        var octets: [UInt8] = [UInt8(id >> 8), UInt8(id & 0xFF)]
        octets += [wantsRecursion ? 0x01 : 0x00, wantsRecursion ? 0x20 : 0x00, 0, 1, 0, 0, 0, 0, 0, 1]
        octets += name.encoded
        octets += [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
        octets += [0, 0, 41, UInt8(Self.datagramLimit >> 8), UInt8(Self.datagramLimit & 0xFF), 0, 0, 0, 0, 0, 0]
        return octets
    }
}

/// An answer, read strictly: what belongs to another question, or does not hold together, is none.
struct DNSAnswer: Sendable {
    /// Records of one message that are read at most.
    static let recordLimit = 512

    /// RFC 1035 §4.1.1: 0 no error, 2 server failure, 3 no such name, 5 refused.
    let responseCode: UInt8
    /// Whether the answer did not fit.
    let isTruncated: Bool
    /// Whether the server holds the zone itself.
    let isAuthoritative: Bool
    /// Whether a resolver says that it validated what it tells, also that there is nothing (RFC 4035 §3.2.3).
    let isAuthenticated: Bool
    /// The records of the types that are known, in the answer section.
    let records: [DNSRecord]

    /// - `keepsCase`: Whether the name has to come back letter by letter, as datagrams must.
    ///
    /// - Throws: ``DNSCodecError`` when the octets do not answer `query`.
    init(_ octets: [UInt8], to query: DNSQuery, keepsCase: Bool) throws(DNSCodecError) {
        var reader = DNSReader(octets)
        guard octets.count <= 65_535 else { throw .message("it is too long") }
        guard try reader.number() == query.id else { throw .message("it has another identifier") }
        let flags = try reader.number()
        guard flags & 0x8000 != 0, flags & 0x7800 == 0 else { throw .message("it is no answer to a query") }
        responseCode = UInt8(flags & 0x000F)
        isTruncated = flags & 0x0200 != 0
        isAuthoritative = flags & 0x0400 != 0
        isAuthenticated = flags & 0x0020 != 0
        guard try reader.number() == 1 else { throw .message("it repeats no question, or several") }
        let answers = Int(try reader.number())
        try reader.skip(4)
        let name = try reader.name()
        guard name == query.name, !keepsCase || name.labels == query.name.labels else {
            throw .message("it answers about another name")
        }
        guard try reader.number() == query.type.rawValue, try reader.number() == 1 else {
            throw .message("it answers another question")
        }
        guard answers <= Self.recordLimit else { throw .message("it has more than \(Self.recordLimit) records") }
        var records: [DNSRecord] = []
        // What was cut off is asked for again; what came is not read.
        if !isTruncated {
            for _ in 0..<answers {
                if let record = try reader.record() { records.append(record) }
            }
        }
        self.records = records
    }
}

/// Reads a message octet by octet; never beyond its end, never in circles.
struct DNSReader {
    private let octets: [UInt8]
    private var position = 0

    init(_ octets: [UInt8]) { self.octets = octets }

    private mutating func octet() throws(DNSCodecError) -> UInt8 {
        guard position < octets.count else { throw .message("it ends early") }
        defer { position += 1 }
        return octets[position]
    }

    mutating func number() throws(DNSCodecError) -> UInt16 {
        let high = try octet()
        return UInt16(high) << 8 | UInt16(try octet())
    }

    mutating func skip(_ count: Int) throws(DNSCodecError) {
        guard octets.count - position >= count else { throw .message("it ends early") }
        position += count
    }

    /// A name that may be compressed (RFC 1035 §4.1.4). Each pointer must lead further back than the one before, so that
    /// reading ends.
    mutating func name() throws(DNSCodecError) -> DNSWireName {
        var labels: [[UInt8]] = []
        var length = 1
        var cursor = position
        var end: Int?
        var earliest = position
        while true {
            guard cursor < octets.count else { throw .message("a name ends early") }
            let lead = octets[cursor]
            switch lead & 0xC0 {
            case 0x00 where lead == 0:
                position = end ?? cursor + 1
                return try DNSWireName(labels: labels)
            case 0x00:
                let count = Int(lead)
                guard octets.count - cursor > count else { throw .message("a label ends early") }
                length += count + 1
                guard length <= DNSWireName.longest else { throw .message("a name is too long") }
                labels.append(Array(octets[cursor + 1...cursor + count]))
                cursor += count + 1
            case 0xC0:
                guard cursor + 1 < octets.count else { throw .message("a pointer ends early") }
                let target = Int(lead & 0x3F) << 8 | Int(octets[cursor + 1])
                guard target < earliest else { throw .message("a pointer does not lead back") }
                end = end ?? cursor + 2
                earliest = target
                cursor = target
            default: throw .message("a label of a kind that does not exist")
            }
        }
    }

    /// The next record; `nil` for one of another class or type.
    mutating func record() throws(DNSCodecError) -> DNSRecord? {
        let name = try name()
        let type = try number()
        let isInternet = try number() == 1
        try skip(4)
        let length = Int(try number())
        guard octets.count - position >= length else { throw .message("a record ends early") }
        let end = position + length
        defer { position = end }
        guard isInternet, let type = DNSRecordType(rawValue: type) else { return nil }
        let data = octets[position..<end]
        switch type {
        case .a, .aaaa:
            guard length == (type == .a ? 4 : 16) else { throw .message("an address of \(length) octets") }
            return DNSRecord(name: name, type: type, content: .address(Array(data)))
        case .cname, .ns:
            let target = try self.name()
            guard position == end else { throw .message("a name does not fill its record") }
            return DNSRecord(name: name, type: type, content: type == .ns ? .nameServer(target) : .alias(target))
        case .txt: return DNSRecord(name: name, type: type, content: .text(try Self.strings(data)))
        case .caa: return DNSRecord(name: name, type: type, content: try Self.caa(data))
        }
    }

    private static func strings(_ data: ArraySlice<UInt8>) throws(DNSCodecError) -> [UInt8] {
        var text: [UInt8] = []
        var rest = data
        while let count = rest.popFirst() {
            guard rest.count >= Int(count) else { throw .message("a text ends early") }
            text += rest.prefix(Int(count))
            rest = rest.dropFirst(Int(count))
        }
        return text
    }

    /// RFC 8659 §4.1.
    private static func caa(_ data: ArraySlice<UInt8>) throws(DNSCodecError) -> DNSRecord.Content {
        guard data.count >= 2 else { throw .message("a CAA record ends early") }
        let flags = data[data.startIndex]
        let count = Int(data[data.startIndex + 1])
        let tag = data.dropFirst(2).prefix(count)
        guard count > 0, tag.count == count,
            tag.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) })
        else { throw .message("a CAA record with a broken tag") }
        return .caa(
            flags: flags, tag: String(decoding: tag, as: UTF8.self).lowercased(),
            value: Array(data.dropFirst(2 + count)))
    }
}
