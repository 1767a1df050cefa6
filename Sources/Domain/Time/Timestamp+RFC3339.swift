extension Timestamp {
    /// RFC 3339 in UTC with `Z`: whole seconds when the fraction is zero, else up to six digits.
    package var rfc3339: String {
        let seconds = secondsSinceEpoch
        let civil = CivilTime(secondsSinceEpoch: seconds)
        var text: [UInt8] = []
        text.reserveCapacity(27)
        Self.append(civil.year, digits: 4, to: &text)
        text.append(0x2D)
        Self.append(civil.month, digits: 2, to: &text)
        text.append(0x2D)
        Self.append(civil.day, digits: 2, to: &text)
        text.append(0x54)
        Self.append(civil.hour, digits: 2, to: &text)
        text.append(0x3A)
        Self.append(civil.minute, digits: 2, to: &text)
        text.append(0x3A)
        Self.append(civil.second, digits: 2, to: &text)
        let fraction = Int(microsecondsSinceEpoch - seconds * 1_000_000)
        if fraction != 0 {
            text.append(0x2E)
            Self.append(fraction, digits: 6, to: &text)
            while text.last == 0x30 { text.removeLast() }
        }
        text.append(0x5A)
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads RFC 3339 §5.6: any offset, any fraction (cut to microseconds). No leap seconds.
    package init(rfc3339 text: some StringProtocol) throws(TimestampError) {
        guard text.utf8.count <= 64, let value = Self.microseconds(ofRFC3339: Array(text.utf8)) else {
            throw TimestampError()
        }
        microsecondsSinceEpoch = value
    }

    private static func append(_ value: Int, digits: Int, to text: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            text.append(UInt8(0x30 + value / divisor % 10))
            divisor /= 10
        }
    }

    private static func microseconds(ofRFC3339 text: [UInt8]) -> Int64? {
        guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[10] | 0x20 == 0x74, text[13] == 0x3A,
            text[16] == 0x3A, let year = number(text, 0..<4), let month = number(text, 5..<7),
            let day = number(text, 8..<10), let hour = number(text, 11..<13), let minute = number(text, 14..<16),
            let second = number(text, 17..<19),
            let civil = CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        var index = 19
        guard let fraction = fraction(text, &index), let offset = offset(text, &index), index == text.count else {
            return nil
        }
        return (civil.secondsSinceEpoch - offset) * 1_000_000 + fraction
    }

    /// Microseconds of `.digits`, zero when there is no fraction.
    private static func fraction(_ text: [UInt8], _ index: inout Int) -> Int64? {
        guard index < text.count, text[index] == 0x2E else { return 0 }
        index += 1
        let start = index
        var value: Int64 = 0
        var scale: Int64 = 100_000
        while index < text.count, (0x30...0x39).contains(text[index]) {
            value += Int64(text[index] - 0x30) * scale
            scale /= 10
            index += 1
        }
        return index > start ? value : nil
    }

    /// Seconds east of UTC of `Z` or `±hh:mm`.
    private static func offset(_ text: [UInt8], _ index: inout Int) -> Int64? {
        guard index < text.count else { return nil }
        if text[index] | 0x20 == 0x7A {
            index += 1
            return 0
        }
        guard text.count == index + 6, text[index] == 0x2B || text[index] == 0x2D, text[index + 3] == 0x3A,
            let hours = number(text, index + 1..<index + 3), hours <= 23,
            let minutes = number(text, index + 4..<index + 6), minutes <= 59
        else { return nil }
        let seconds = Int64(hours * 3600 + minutes * 60)
        defer { index += 6 }
        return text[index] == 0x2D ? -seconds : seconds
    }

    private static func number(_ text: [UInt8], _ range: Range<Int>) -> Int? {
        var value = 0
        for octet in text[range] {
            guard (0x30...0x39).contains(octet) else { return nil }
            value = value * 10 + Int(octet - 0x30)
        }
        return value
    }
}

/// A text that is not an RFC 3339 time.
package struct TimestampError: Error, Hashable, Sendable, CustomStringConvertible {
    package init() {}

    package var description: String { "time must be RFC 3339, such as 2026-03-15T12:00:00Z" }
}
