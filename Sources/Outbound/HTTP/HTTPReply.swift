package import Domain

/// An answer with its whole body.
package struct HTTPReply: Sendable {
    package let status: Int
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first header field of that name, in any case of letters.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    /// How long `Retry-After` asks to wait, from `now` on; `nil` when it is absent or malformed.
    package func retryAfter(now: Timestamp) -> Duration? {
        header("retry-after").flatMap { RetryAfter.delay($0, now: now) }
    }
}

/// RFC 9110 §10.2.3: a number of seconds or an HTTP date.
package enum RetryAfter {
    /// The longest delay believed, whatever the server writes: one day.
    package static let longest = Duration.days(1)

    package static func delay(_ text: String, now: Timestamp) -> Duration? {
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return min(.seconds(Int64(text) ?? Int64(Int32.max)), longest)
        }
        guard let date = instant(text) else { return nil }
        return max(.zero, min(date - now, longest))
    }

    /// IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`; the obsolete forms are not sent any more.
    private static func instant(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", let day = Int(parts[1]),
            let month = months.firstIndex(of: parts[2]), let year = Int(parts[3])
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int($0) }
        guard clock.count == 3,
            let time = CivilTime(
                year: year,
                month: month + 1,
                day: day,
                hour: clock[0],
                minute: clock[1],
                second: clock[2]
            )
        else { return nil }
        return Timestamp(secondsSinceEpoch: time.secondsSinceEpoch)
    }

    private static let months: [Substring] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
