/// A failed call to an issuer (specification, issuers §2.7).
package struct IssuerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The closed label set of the issuance metrics.
    package enum Class: String, Sendable, CaseIterable {
        case auth, network, other, timeout, validation
        case rateLimited = "rate_limited"
        case upstream4xx = "upstream_4xx"
        case upstream5xx = "upstream_5xx"

        /// Whether the same order may succeed later without anybody changing anything.
        package var isRetryable: Bool {
            switch self {
            case .network, .timeout, .rateLimited, .upstream5xx, .other: true
            case .auth, .validation, .upstream4xx: false
            }
        }
    }

    /// What a refusal is about, as far as the authority tells: a client of a protocol learns its own mistakes by it.
    package enum Cause: String, Sendable, CaseIterable {
        /// The authority itself, or its settings: nothing that was asked for is wrong.
        case authority
        /// CAA records forbid the certificate (RFC 8659).
        case caa
        /// The public key.
        case key
        /// The authority certifies no such names.
        case names
    }

    /// The longest message kept, in octets of UTF-8.
    package static let longestMessage = 2048

    package let errorClass: Class
    /// What happened; redacted by who throws it, cut at ``longestMessage``. Nobody parses it.
    package let message: String
    /// What the operator does next: a setting, a command, a page of the manual.
    package let help: String
    /// From `Retry-After`; `nil` leaves the delay to the caller's schedule.
    package let retryAfter: Duration?
    /// `nil`: the request as a whole, or nobody can tell.
    package let cause: Cause?

    package init(
        _ errorClass: Class, _ message: String, help: String, retryAfter: Duration? = nil, cause: Cause? = nil
    ) {
        self.errorClass = errorClass
        self.message = String(decoding: message.utf8.prefix(Self.longestMessage), as: UTF8.self)
        self.help = help
        self.retryAfter = retryAfter
        self.cause = cause
    }

    package var isRetryable: Bool { errorClass.isRetryable }

    /// The same error about `cause`, unless it is known to be about something else.
    package func blaming(_ cause: Cause) -> IssuerError {
        IssuerError(errorClass, message, help: help, retryAfter: retryAfter, cause: self.cause ?? cause)
    }

    package var description: String { "\(errorClass.rawValue): \(message). \(help)" }
}
