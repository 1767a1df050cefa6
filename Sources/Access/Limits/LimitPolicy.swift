package import Domain

/// What a limiter says about one request.
package struct LimitVerdict: Sendable, Hashable {
    package let isAllowed: Bool
    /// Requests that would be allowed now.
    package let remaining: Int
    /// Until a request is allowed again; zero when one is.
    package let retryAfter: Duration
}

/// How often something may happen: so many at once, and one more each time the interval has passed.
///
/// The rule is GCRA: all that is kept of a key is the instant until which its attempts are paid for. An attempt costs
/// one interval, and a key may be ahead of the clock by as many intervals as the burst has attempts.
package struct LimitPolicy: Sendable, Hashable {
    /// The name space of the keys, the label of the metric, and what clients read in `RateLimit-Policy`.
    package let name: String
    package let burst: Int
    /// Microseconds that one attempt costs.
    let cost: Int64

    /// Allows `burst` attempts at once, and as many in each window.
    package init(_ name: String, allowing burst: Int, per window: Duration) {
        self.name = name
        self.burst = max(1, burst)
        cost = max(1, window.wholeMicroseconds / Int64(max(1, burst)))
    }

    /// Allows `burst` attempts at once and `rate` each second.
    package init(_ name: String, rate: Double, burst: Int) {
        self.name = name
        self.burst = max(1, burst)
        cost = max(1, Int64(1_000_000 / max(rate, 0.000_001)))
    }

    /// How far a key may be ahead of the clock.
    var allowance: Int64 { cost * Int64(burst) }

    /// In whole seconds, the time in which the whole burst is earned.
    package var windowSeconds: Int { Int((allowance + 999_999) / 1_000_000) }

    /// Counts one attempt of a key that is paid for until `paidUntil`.
    func take(_ paidUntil: Int64?, at now: Int64) -> (verdict: LimitVerdict, paidUntil: Int64) {
        let base = effective(paidUntil, at: now)
        guard base + cost <= now + allowance else { return (refusal(paidUntil: base, at: now), base) }
        return (approval(paidUntil: base + cost, at: now), base + cost)
    }

    /// A cell of the past is as good as none; one beyond the allowance was written by a clock that has been set back, or
    /// under another setting.
    private func effective(_ paidUntil: Int64?, at now: Int64) -> Int64 {
        guard let paidUntil, paidUntil > now, paidUntil <= now + allowance else { return now }
        return paidUntil
    }

    func approval(paidUntil: Int64, at now: Int64) -> LimitVerdict {
        LimitVerdict(
            isAllowed: true, remaining: Int((now + allowance - max(paidUntil, now)) / cost), retryAfter: .zero)
    }

    func refusal(paidUntil: Int64, at now: Int64) -> LimitVerdict {
        let wait = min(max(1000, paidUntil + cost - allowance - now), allowance)
        return LimitVerdict(isAllowed: false, remaining: 0, retryAfter: .microseconds(wait))
    }
}

/// The limits of attempts that no setting switches off (specification, security §12).
extension LimitPolicy {
    /// Attempts to use the set-up token, for each address.
    package static let bootstrap = LimitPolicy("bootstrap", allowing: 5, per: .minutes(1))
    /// The same from everywhere together.
    package static let bootstrapOverall = LimitPolicy("bootstrap_overall", allowing: 20, per: .hours(1))
    /// Enrolments by token, for each address.
    package static let enrolment = LimitPolicy("enrolment", allowing: 10, per: .minutes(1))

    /// Bearer tokens that nobody knows, for each address.
    package static func authentication(perMinute: Int) -> LimitPolicy {
        LimitPolicy("authentication", allowing: perMinute, per: .minutes(1))
    }

    /// Exports of an actor.
    package static func export(perHour: Int) -> LimitPolicy {
        LimitPolicy("export", allowing: perHour, per: .hours(1))
    }
}

/// What is limited: an address or an actor.
package enum LimitSubject {
    /// The key of a client address: IPv4 whole, IPv6 by the network that one customer is given.
    ///
    /// - `isCrowded`: Keys are scarce, as under a flood of addresses: IPv6 counts by /48 then.
    package static func address(_ text: String, isCrowded: Bool = false) -> String {
        guard let octets = AddressRange.octets(text) else { return text }
        guard octets.count == 16 else { return octets.map(String.init).joined(separator: ".") }
        let kept = isCrowded ? 6 : 8
        let groups = stride(from: 0, to: kept, by: 2).map {
            String(Int(octets[$0]) << 8 | Int(octets[$0 + 1]), radix: 16)
        }
        return "\(groups.joined(separator: ":"))::/\(kept * 8)"
    }

    package static func actor(_ actor: Actor) -> String { "\(actor.type.rawValue):\(actor.id)" }
}
