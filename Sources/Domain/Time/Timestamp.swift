/// A point in time: whole microseconds since 1970-01-01T00:00:00Z, the resolution of both databases.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let microsecondsSinceEpoch: Int64

    package init(microsecondsSinceEpoch: Int64) { self.microsecondsSinceEpoch = microsecondsSinceEpoch }

    package init(secondsSinceEpoch seconds: Int64) { microsecondsSinceEpoch = seconds * 1_000_000 }

    /// Whole seconds, rounded toward the past.
    package var secondsSinceEpoch: Int64 {
        let (quotient, remainder) = microsecondsSinceEpoch.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.microsecondsSinceEpoch < right.microsecondsSinceEpoch
    }

    package static func + (time: Self, duration: Duration) -> Self {
        Self(microsecondsSinceEpoch: time.microsecondsSinceEpoch + duration.wholeMicroseconds)
    }

    package static func - (time: Self, duration: Duration) -> Self {
        Self(microsecondsSinceEpoch: time.microsecondsSinceEpoch - duration.wholeMicroseconds)
    }

    package static func - (later: Self, earlier: Self) -> Duration {
        .microseconds(later.microsecondsSinceEpoch - earlier.microsecondsSinceEpoch)
    }
}

extension Duration {
    /// The duration in microseconds, rounded toward zero.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// The duration in seconds, as a fraction.
    package var inSeconds: Double { Double(wholeMicroseconds) / 1_000_000 }

    package static func minutes(_ count: Int64) -> Duration { .seconds(count * 60) }
    package static func hours(_ count: Int64) -> Duration { .seconds(count * 3600) }
    package static func days(_ count: Int64) -> Duration { .seconds(count * 86_400) }
}
