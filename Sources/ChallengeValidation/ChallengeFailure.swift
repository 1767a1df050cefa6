/// Why a challenge was not met.
package struct ChallengeFailure: Error, Hashable, Sendable {
    /// Problem types of RFC 8555 §6.7 that a validation can have.
    package enum Kind: String, Sendable, CaseIterable {
        case connection, dns, incorrectResponse, rejectedIdentifier, tls, unauthorized
    }

    package let kind: Kind
    /// For the client: says nothing of addresses that a name resolves to.
    package let detail: String
    /// For the log of the server.
    package let reason: String
    /// Whether trying again soon may help.
    package let isTransient: Bool

    init(_ kind: Kind, _ detail: String, reason: String? = nil, isTransient: Bool = true) {
        self.kind = kind
        self.detail = detail
        self.reason = reason ?? detail
        self.isTransient = isTransient
    }
}
