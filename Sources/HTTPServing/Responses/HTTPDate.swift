package import Domain

/// The date form of header fields (RFC 9110 §5.6.7).
package enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    package static func text(_ time: Timestamp) -> String {
        let seconds = time.secondsSinceEpoch
        let civil = CivilTime(secondsSinceEpoch: seconds)
        let day = Int(((seconds >= 0 ? seconds : seconds - 86_399) / 86_400 % 7 + 7) % 7)
        let clock = [civil.hour, civil.minute, civil.second].map(twoDigits).joined(separator: ":")
        return "\(days[day]), \(twoDigits(civil.day)) \(months[civil.month - 1]) \(civil.year) \(clock) GMT"
    }

    private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
