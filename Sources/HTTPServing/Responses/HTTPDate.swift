package import Domain
import Synchronization

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

/// The value of `Date` (RFC 9110 §6.6.1), made once a second for all answers.
package final class DateField: Sendable {
    private let latest = Mutex((second: Int64.min, text: ""))

    package init() {}

    package func text(at time: Timestamp) -> String {
        let second = time.secondsSinceEpoch
        return latest.withLock { latest in
            if latest.second != second { latest = (second, HTTPDate.text(time)) }
            return latest.text
        }
    }
}
