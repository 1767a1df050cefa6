import Crypto
package import Domain
import Encoding
package import Outbound

/// What is to be proved, and by what.
package struct ChallengeProof: Sendable {
    package let type: ACMEChallengeType
    /// Without `*.`.
    package let name: ACMEName
    package var isWildcard = false
    package let token: String
    /// Of the key of the account: SHA-256, base64url (RFC 7638).
    package let thumbprint: String
    /// The account as the client calls it.
    package var accountURL = ""

    package init(type: ACMEChallengeType, name: ACMEName, token: String, thumbprint: String) {
        self.type = type
        self.name = name
        self.token = token
        self.thumbprint = thumbprint
    }

    /// RFC 8555 §8.1.
    var keyAuthorization: String { "\(token).\(thumbprint)" }
    package var digest: [UInt8] { Array(SHA256.hash(data: Array(keyAuthorization.utf8))) }
}

/// Where names are validated.
package struct ValidationPlaces: Sendable {
    package var http01Port = 80
    package var tlsALPN01Port = 443
    /// The names by which records mean this CA.
    package var issuers: [String] = []

    package init() {}
}

/// Looks whether a name is controlled by whoever holds the key of an account (RFC 8555 §8).
///
/// One attempt each; whoever calls decides about more. Every connection goes through the egress guard.
package struct ChallengeValidator: Sendable {
    /// What this can validate.
    package static let types = ACMEChallengeType.allCases

    private let places: @Sendable () -> ValidationPlaces
    private let fetch: WebFetch
    private let handshake: ProtocolHandshake
    private let dns: DNSClient
    private let time: TimeSource

    package init(
        places: @escaping @Sendable () -> ValidationPlaces, dns: DNSClient, egress: EgressGuard, userAgent: String,
        time: TimeSource
    ) {
        self.places = places
        self.time = time
        self.dns = dns
        fetch = WebFetch(userAgent: userAgent, purpose: .acmeValidation, through: egress)
        handshake = ProtocolHandshake(purpose: .acmeValidation, through: egress)
    }

    /// Returns when the proof is there. Takes no longer than `timeout` of real time, however slowly whoever is asked
    /// answers: the caller's claim to the challenge ends soon after.
    ///
    /// - Throws: ``ChallengeFailure``. Being cancelled is one too, and means nothing.
    package func validate(_ proof: ChallengeProof, within timeout: Duration) async throws(ChallengeFailure) {
        let name = proof.name.value
        let late =
            proof.type.isInDNS
            ? ChallengeFailure(.dns, "no answer from the DNS about \(name) in time")
            : ChallengeFailure(.connection, "\(name) did not answer in time")
        try await TimeLimit.run(timeout, orThrow: late) { () async throws(ChallengeFailure) in
            try await look(proof, within: timeout)
        }
    }

    private func look(_ proof: ChallengeProof, within timeout: Duration) async throws(ChallengeFailure) {
        switch proof.type {
        case .http01:
            try await HTTP01(fetch: fetch, port: places().http01Port).validate(proof, within: timeout)
        case .dns01: try await DNS01(dns: dns, label: "_acme-challenge").validate(proof)
        case .dnsAccount01: try await DNS01(dns: dns, label: DNS01.label(of: proof.accountURL)).validate(proof)
        case .dnsPersist01:
            try await DNSPersist01(dns: dns, issuers: places().issuers, now: time.now).validate(proof)
        case .tlsALPN01:
            try await TLSALPN01(handshake: handshake, port: places().tlsALPN01Port).validate(proof, within: timeout)
        }
    }
}

extension ChallengeFailure {
    /// A connection that came to nothing.
    ///
    /// - `tls`: Whether a failed handshake is the point, and not just the way.
    init(_ error: OutboundError, of name: String, isHandshake: Bool) {
        let reason = "\(error)"
        switch error.kind {
        case .nameResolution: self.init(.dns, "no address of \(name) is known to the DNS", reason: reason)
        case .refused:
            self.init(
                .connection, "\(name) has an address that this server does not connect to", reason: reason,
                isTransient: false)
        case .timeout: self.init(.connection, "\(name) did not answer in time", reason: reason)
        case .bodyTooLarge:
            self.init(
                .incorrectResponse, "\(name) answered with more octets than a key authorization has", reason: reason)
        case .tlsHandshake, .tlsVerification:
            self.init(
                isHandshake ? .tls : .connection, "the TLS handshake with \(name) failed", reason: reason,
                isTransient: false)
        case .connectionLost:
            self.init(.connection, "\(name) closed the connection without an answer", reason: reason)
        case .unreachable, .invalidRequest, .cancelled, .other:
            self.init(.connection, "no connection to \(name)", reason: reason)
        }
    }
}
