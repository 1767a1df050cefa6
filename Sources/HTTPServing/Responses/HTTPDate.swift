package import Domain

/// Dates in header fields: IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
package enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    package static func text(_ time: Timestamp) -> String {
        let civil = CivilTime(secondsSinceEpoch: time.secondsSinceEpoch)
        let dayNumber = (time.secondsSinceEpoch - (time.secondsSinceEpoch < 0 ? 86_399 : 0)) / 86_400
        let weekday = days[Int(((dayNumber % 7) + 7) % 7)]
        let clock = [civil.hour, civil.minute, civil.second].map(pair).joined(separator: ":")
        let year = String(repeating: "0", count: max(0, 4 - String(civil.year).count)) + String(civil.year)
        return "\(weekday), \(pair(civil.day)) \(months[civil.month - 1]) \(year) \(clock) GMT"
    }

    private static func pair(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
