package import Encoding

/// Durations in connector configurations: integer nanoseconds, or text with units.
package enum DurationText {
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("us", 1000), ("ns", 1), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]

    /// `nil` when the value is neither an integer nor text of the grammar; never negative.
    package static func duration(_ value: JSONValue) -> Duration? {
        switch value {
        case .string(let text): duration(text)
        default: value.integerValue.flatMap { $0 >= 0 ? .nanoseconds($0) : nil }
        }
    }

    /// One or more of a whole number and a unit, such as `1m30s`.
    package static func duration(_ text: String) -> Duration? {
        var rest = text[...]
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits), digits.count <= 15 else { return nil }
            rest = rest.dropFirst(digits.count)
            guard let unit = units.first(where: { rest.hasPrefix($0.suffix) }) else { return nil }
            rest = rest.dropFirst(unit.suffix.count)
            let (part, overflow) = number.multipliedReportingOverflow(by: unit.nanoseconds)
            let (sum, carry) = total.addingReportingOverflow(part)
            guard !overflow, !carry else { return nil }
            total = sum
        }
        return .nanoseconds(total)
    }

    /// The shortest exact form in one unit, such as `90s`.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        if attoseconds == 0 {
            if seconds > 0, seconds.isMultiple(of: 3600) { return "\(seconds / 3600)h" }
            if seconds > 0, seconds.isMultiple(of: 60) { return "\(seconds / 60)m" }
            return "\(seconds)s"
        }
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        return nanoseconds.isMultiple(of: 1_000_000) ? "\(nanoseconds / 1_000_000)ms" : "\(nanoseconds)ns"
    }
}

/// File modes in connector configurations: octal text, or the bits as a decimal integer (`416` is `0640`).
package enum FileModeText {
    /// `nil` for anything with bits outside `0777`.
    package static func mode(_ value: JSONValue) -> UInt32? {
        switch value {
        case .string(let text):
            guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
                let mode = UInt32(text, radix: 8), mode <= 0o777
            else { return nil }
            return mode
        default:
            guard let number = value.integerValue, (0...0o777).contains(number) else { return nil }
            return UInt32(number)
        }
    }
}
