package import Domain

/// Counts attempts at what must not be guessed or emptied: credentials, set-up, enrolment, exports.
///
/// Every limiter has its own name space, so none uses up the attempts of another. What a backend refused is remembered
/// here until it would be allowed again: a flood of refused attempts costs no database write.
package final class AttemptLimiter: Sendable {
    private let backend: any LimitBackend
    private let refused = LimitTable(capacity: 100_000)
    private let observe: @Sendable (String) -> Void

    /// `observe` hears the name of the policy of every refusal.
    package init(
        backend: any LimitBackend = MemoryLimitBackend(), observe: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.backend = backend
        self.observe = observe
    }

    /// Counts one attempt.
    ///
    /// - Throws: What the backend throws: whoever cannot count does not admit.
    package func take(_ policy: LimitPolicy, _ subject: String, at now: Timestamp) async throws -> LimitVerdict {
        if let refusal = refusal(policy, subject, at: now) { return refusal }
        let key = Self.key(policy, subject)
        let counted = try await backend.take(policy, key: key, at: now)
        if !counted.verdict.isAllowed {
            // By this process's clock: the wait counts from here.
            let end = now + counted.verdict.retryAfter
            refused.note(key, paidUntil: end.microsecondsSinceEpoch, at: now)
            observe(policy.name)
        }
        return counted.verdict
    }

    /// A refusal that this process remembers; counts nothing and asks nobody.
    package func refusal(_ policy: LimitPolicy, _ subject: String, at now: Timestamp) -> LimitVerdict? {
        guard let end = refused.paidUntil(Self.key(policy, subject)) else { return nil }
        let wait = end - now.microsecondsSinceEpoch
        // Longer than the whole allowance is no wait that was given: the clock has been set back.
        guard wait > 0, wait <= policy.allowance else { return nil }
        observe(policy.name)
        return LimitVerdict(isAllowed: false, remaining: 0, retryAfter: .microseconds(wait))
    }

    /// `<limiter>:<tenant>:<subject>`
    private static func key(_ policy: LimitPolicy, _ subject: String) -> String {
        "\(policy.name):t-default:\(subject)"
    }
}
