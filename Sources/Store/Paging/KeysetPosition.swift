package import Domain
package import Query

/// A place in a sorted list: the sort key and identifier of the last row that was seen.
///
/// It is bound to the order and the filters it was made under. ``octets`` is what a cursor carries; whoever hands it to
/// a client authenticates it.
package struct KeysetPosition: Hashable, Sendable {
    package let sort: String
    package let isDescending: Bool
    /// The sort key of the last row: text, time or integer.
    package let key: Value
    package let id: String
    /// Identifies the filters; a cursor of other filters is refused.
    package let filterDigest: String

    package init(sort: String, isDescending: Bool, key: Value, id: String, filterDigest: String) {
        self.sort = sort
        self.isDescending = isDescending
        self.key = key
        self.id = id
        self.filterDigest = filterDigest
    }

    private static let version: UInt8 = 1

    /// The compact form: version, direction, kind of key, then each text with a two-octet length before it.
    package var octets: [UInt8] {
        var output: [UInt8] = [Self.version, isDescending ? 1 : 0]
        switch key {
        case .text(let text), .json(let text):
            output.append(0x74)
            Self.append(text, to: &output)
        case .time(let time):
            output.append(0x64)
            Self.append(String(time.microsecondsSinceEpoch), to: &output)
        case .integer(let number):
            output.append(0x69)
            Self.append(String(number), to: &output)
        case .null, .real, .bytes, .bool:
            preconditionFailure("no list is sorted by such a key")
        }
        for text in [sort, id, filterDigest] { Self.append(text, to: &output) }
        return output
    }

    /// Reads ``octets``; `nil` for anything else.
    package init?(octets: [UInt8]) {
        guard octets.count >= 3, octets[0] == Self.version, octets[1] <= 1 else { return nil }
        var rest = octets.dropFirst(3)
        guard let key = Self.readText(&rest), let sort = Self.readText(&rest), let id = Self.readText(&rest),
            let digest = Self.readText(&rest), rest.isEmpty
        else { return nil }
        switch octets[2] {
        case 0x74: self.key = .text(key)
        case 0x64:
            guard let microseconds = Int64(key) else { return nil }
            self.key = .time(Timestamp(microsecondsSinceEpoch: microseconds))
        case 0x69:
            guard let number = Int64(key) else { return nil }
            self.key = .integer(number)
        default: return nil
        }
        self.sort = sort
        self.id = id
        isDescending = octets[1] == 1
        filterDigest = digest
    }

    private static func append(_ text: String, to output: inout [UInt8]) {
        let octets = Array(text.utf8.prefix(Int(UInt16.max)))
        output.append(UInt8(octets.count >> 8))
        output.append(UInt8(octets.count & 0xFF))
        output += octets
    }

    private static func readText(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard rest.count >= 2 else { return nil }
        let count = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
        rest = rest.dropFirst(2)
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return String(validating: rest.prefix(count), as: UTF8.self)
    }
}

/// A cursor that does not belong to the list it was sent to.
package struct CursorMismatch: Error, Hashable, Sendable {
    package let reason: String

    package init(reason: String) { self.reason = reason }

    package var serviceError: ServiceError {
        ServiceError(.invalidCursor, "the cursor was made for another \(reason); start again without it")
    }
}
