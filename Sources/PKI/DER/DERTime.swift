import Domain

/// `Time` of RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on.
enum DERTime {
    /// A time to the second; fractions, missing seconds and offsets are refused (RFC 5280 §4.1.2.5).
    static func parse(_ node: DERNode) throws(DERError) -> Timestamp {
        let text = Array(try node.primitive("time"))
        var digits = text.dropLast()
        guard text.last == 0x5A, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw DERError("time must be digits followed by Z")
        }
        let year: Int
        if node.has(.utcTime), digits.count == 12 {
            let short = take(2, from: &digits)
            year = short < 50 ? 2000 + short : 1900 + short
        } else if node.has(.generalizedTime), digits.count == 14 {
            year = take(4, from: &digits)
        } else {
            throw DERError("time must be UTCTime or GeneralizedTime with seconds")
        }
        let fields = (0..<5).map { _ in take(2, from: &digits) }
        guard
            let civil = CivilTime(
                year: year, month: fields[0], day: fields[1], hour: fields[2], minute: fields[3], second: fields[4])
        else { throw DERError("time is not a date of the calendar") }
        return Timestamp(secondsSinceEpoch: civil.secondsSinceEpoch)
    }

    /// The element that RFC 5280 prescribes for the year of `time`.
    static func encode(_ time: Timestamp) -> [UInt8] {
        let civil = CivilTime(secondsSinceEpoch: time.secondsSinceEpoch)
        guard (1950..<2050).contains(civil.year) else { return encodeGeneralized(time) }
        return DERWriter.element(0x17, digits(civil.year % 100, 2) + afterYear(civil))
    }

    /// GeneralizedTime whatever the year, as in invalidityDate (RFC 5280 §5.3.2).
    static func encodeGeneralized(_ time: Timestamp) -> [UInt8] {
        let civil = CivilTime(secondsSinceEpoch: time.secondsSinceEpoch)
        return DERWriter.element(0x18, digits(civil.year, 4) + afterYear(civil))
    }

    private static func afterYear(_ civil: CivilTime) -> [UInt8] {
        let fields = [civil.month, civil.day, civil.hour, civil.minute, civil.second]
        return fields.flatMap { digits($0, 2) } + [0x5A]
    }

    private static func take(_ count: Int, from digits: inout ArraySlice<UInt8>) -> Int {
        let value = digits.prefix(count).reduce(0) { $0 * 10 + Int($1 - 0x30) }
        digits = digits.dropFirst(count)
        return value
    }

    private static func digits(_ value: Int, _ count: Int) -> [UInt8] {
        var out = [UInt8](repeating: 0x30, count: count)
        var rest = value
        for index in out.indices.reversed() {
            out[index] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
        return out
    }
}
