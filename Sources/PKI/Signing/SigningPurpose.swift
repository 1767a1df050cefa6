/// What a signature is made for, by the names of the metrics (specification, issuers §5.3).
package enum SigningPurpose: String, Sendable, CaseIterable {
    /// A certificate of somebody who is no authority.
    case leaf
    /// The certificate of an authority.
    case ca
    case crl
    case ocsp
    /// A request for the certificate of an authority, by its own key.
    case request = "csr"
    /// Random octets, to see that the key answers. They are no structure that anybody relies on.
    case test
}

/// The purposes that a key may serve. What is not among them is refused before the key is asked.
package struct SigningPurposes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package init(_ purpose: SigningPurpose) {
        rawValue =
            switch purpose {
            case .leaf: 1 << 0
            case .ca: 1 << 1
            case .crl: 1 << 2
            case .ocsp: 1 << 3
            case .test: 1 << 4
            case .request: 1 << 5
            }
    }

    /// A certification authority: certificates and its CRL. Never an OCSP answer.
    package static let authority: SigningPurposes = [
        SigningPurposes(.leaf), SigningPurposes(.ca), SigningPurposes(.crl),
    ]
    /// A delegated OCSP responder: answers, and never a certificate.
    package static let responder = SigningPurposes(.ocsp)

    /// A test signature is nobody's certificate, so every key may make one. Who may sign as an authority may ask for a
    /// certificate as one.
    package func allows(_ purpose: SigningPurpose) -> Bool {
        switch purpose {
        case .test: true
        case .request: contains(SigningPurposes(.ca))
        case .leaf, .ca, .crl, .ocsp: contains(SigningPurposes(purpose))
        }
    }

    /// Those of a set, by the names of the metrics, in their order. Those of tests and requests are never among them.
    package var names: [String] {
        SigningPurpose.allCases.filter { contains(SigningPurposes($0)) }.map(\.rawValue)
    }

    /// - Returns: `nil` for a name that is none, and for a set that no key may have: an OCSP responder signs nothing else.
    package init?(names: some Sequence<String>) {
        var purposes: SigningPurposes = []
        for name in names {
            guard let purpose = SigningPurpose(rawValue: name), purpose != .test, purpose != .request else {
                return nil
            }
            purposes.insert(SigningPurposes(purpose))
        }
        guard !purposes.isEmpty, !purposes.contains(.responder) || purposes == .responder else { return nil }
        self = purposes
    }
}
