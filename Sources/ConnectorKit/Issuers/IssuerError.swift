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

    /// The longest message kept, in octets of UTF-8.
    package static let longestMessage = 2048

    package let errorClass: Class
    /// What happened; redacted by who throws it, cut at ``longestMessage``. Nobody parses it.
    package let message: String
    /// What the operator does next: a setting, a command, a page of the manual.
    package let help: String
    /// From `Retry-After`; `nil` leaves the delay to the caller's schedule.
    package let retryAfter: Duration?

    package init(_ errorClass: Class, _ message: String, help: String, retryAfter: Duration? = nil) {
        self.errorClass = errorClass
        self.message = String(decoding: message.utf8.prefix(Self.longestMessage), as: UTF8.self)
        self.help = help
        self.retryAfter = retryAfter
    }

    package var isRetryable: Bool { errorClass.isRetryable }

    package var description: String { "\(errorClass.rawValue): \(message). \(help)" }
}
