import Domain

/// Decimal integers with `_` between digits, and decimal fractions.
enum DecimalText {
    static func integer(_ text: String) -> Int? {
        let isNegative = text.hasPrefix("-")
        let digits = Array((isNegative ? text.dropFirst() : text[...]).utf8)
        guard let first = digits.first, let last = digits.last, first != 0x5F, last != 0x5F else { return nil }
        guard digits.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x5F }) else { return nil }
        let plain = String(decoding: digits.filter { $0 != 0x5F }, as: UTF8.self)
        return Int(isNegative ? "-" + plain : plain)
    }

    static func number(_ text: String) -> Double? {
        let magnitude = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = magnitude.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let isDecimal = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard isDecimal, let value = Double(text), value.isFinite else { return nil }
        return value
    }
}

/// Numbers of octets with binary units.
enum SizeText {
    private static let units: [(name: String, octets: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]

    static func octets(_ text: String) -> Int? {
        for unit in units where text.hasSuffix(unit.name) {
            guard let count = DecimalText.integer(String(text.dropLast(unit.name.count))), count >= 0 else {
                return nil
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: unit.octets)
            return overflow ? nil : product
        }
        return DecimalText.integer(text).flatMap { $0 >= 0 ? $0 : nil }
    }

    static func text(_ octets: Int) -> String {
        for unit in units where octets > 0 && octets.isMultiple(of: unit.octets) {
            return "\(octets / unit.octets)\(unit.name)"
        }
        return String(octets)
    }
}

/// Durations such as `300ms`, `1h30m`, `7d`: whole numbers with units, the larger unit first.
package enum DurationText {
    private static let units: [(name: String, microseconds: Int64)] = [
        ("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000),
        ("ms", 1000),
    ]

    /// `nil` for anything that is not a duration; `0` alone is one.
    package static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Array(text.utf8)[...]
        var total: Int64 = 0
        var allowed = units[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            let name = String(decoding: rest.prefix { (0x61...0x7A).contains($0) }, as: UTF8.self)
            rest = rest.dropFirst(name.utf8.count)
            guard let count = Int64(String(decoding: digits, as: UTF8.self)),
                let position = allowed.firstIndex(where: { $0.name == name })
            else { return nil }
            let (part, partOverflow) = count.multipliedReportingOverflow(by: allowed[position].microseconds)
            let (sum, sumOverflow) = total.addingReportingOverflow(part)
            guard !partOverflow, !sumOverflow else { return nil }
            total = sum
            allowed = allowed[(position + 1)...]
        }
        return .microseconds(total)
    }

    /// The shortest spelling from the units w, d, h, m, s and ms; weeks only when nothing is left over.
    package static func text(_ duration: Duration) -> String {
        var rest = duration.wholeMicroseconds
        if rest == 0 { return "0s" }
        var text = ""
        for unit in units {
            if unit.name == "w", !rest.isMultiple(of: unit.microseconds) { continue }
            if unit.name == "d", rest < 2 * unit.microseconds, rest != unit.microseconds { continue }
            let (count, remainder) = rest.quotientAndRemainder(dividingBy: unit.microseconds)
            if count > 0 { text += "\(count)\(unit.name)" }
            rest = remainder
        }
        return text
    }
}

extension ValueGrammar where Value == Duration {
    package static let duration = Self(
        kind: "duration",
        expectation: "a duration such as 300ms, 30s, 5m, 1h30m, 24h, 7d or 2w",
        text: { DurationText.duration($0) },
        render: { DurationText.text($0) }
    )
}

/// Comma-separated items.
enum ListText {
    static func items(_ text: String) -> [String] {
        text.split(separator: ",").map { trimmed(String($0)) }.filter { !$0.isEmpty }
    }

    static func trimmed(_ text: String) -> String {
        let isSpace: (Character) -> Bool = { $0.isWhitespace }
        let tail = text.drop(while: isSpace)
        return String(String(tail.reversed()).drop(while: isSpace).reversed())
    }
}
