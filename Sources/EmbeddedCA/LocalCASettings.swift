import Domain
package import PKI

/// What becomes of the common name (issuers §4.1).
package enum CommonNamePolicy: String, Sendable, CaseIterable {
    case keep, drop
    case firstSAN = "first_san"
}

/// How a local certificate authority issues (issuers §4.1).
package struct LocalCASettings: Sendable {
    /// Upper bound of the lifetime of a leaf.
    package var validity = Duration.days(90)
    /// How far `notBefore` lies in the past, for clocks that run late.
    package var backdate = Duration.seconds(60)
    package var commonNamePolicy = CommonNamePolicy.keep
    /// Written only when not empty; `http` addresses.
    package var crlDistributionPoints: [String] = []
    /// Several lists instead, each for some of the certificates.
    package var crlShards: CRLShards?
    /// Where the delta list to the complete one is (RFC 5280 §4.2.1.15).
    package var freshestCRL: [String] = []
    package var ocspURLs: [String] = []
    package var caIssuersURLs: [String] = []
    package var policies: [OID] = []
    package var linter = Linter()

    package init() {}
}

/// Revocation lists that share the certificates of an authority between them.
package struct CRLShards: Hashable, Sendable {
    private let base: String
    private let count: Int

    /// - `below`: The address of the complete list; those of the shards lie below it.
    package init(below base: String, count: Int) {
        self.base = base
        self.count = count
    }

    /// Where the list is that will name a certificate.
    func location(of serial: SerialNumber) -> String {
        "\(base)/\(RevocationListScope(shardOf: serial.hex, among: count))"
    }
}

/// Why the local authority did not load or did not issue.
package enum LocalCAError: Error, Sendable, CustomStringConvertible {
    /// The authority itself cannot be used; the operator must act.
    case authority(String)
    /// The request cannot be granted; the field at fault and why.
    case validation(field: String, reason: String)
    case lint(LintFailure)
    case signer(SignerError)
    /// The signer answered with a signature that does not verify. Nothing was released.
    case badSignature

    package var description: String {
        switch self {
        case .authority(let reason): "local CA: \(reason)"
        case .validation(let field, let reason): "\(field): \(reason)"
        case .lint(let failure): failure.description
        case .signer(let error): error.description
        case .badSignature: "the signing key answered with a signature that does not verify; nothing was issued"
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    package var isRetryable: Bool {
        if case .signer(.transient) = self { true } else { false }
    }
}
