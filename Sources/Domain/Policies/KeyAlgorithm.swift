/// Families of subject key that profiles speak of (specification, domain §2).
package enum KeyAlgorithm: String, Sendable, CaseIterable {
    case rsa = "RSA"
    case ecdsa = "ECDSA"
    case ed25519 = "Ed25519"
    /// FIPS 204, post-quantum; each parameter set is an algorithm of its own, as in RFC 9881.
    case mlDSA65 = "ML-DSA-65"
    case mlDSA87 = "ML-DSA-87"

    /// Whether keys come in one size, which profiles need not name.
    package var hasFixedSize: Bool {
        switch self {
        case .rsa, .ecdsa: false
        case .ed25519, .mlDSA65, .mlDSA87: true
        }
    }

    /// Whether a quantum computer is believed to be no help in forging its signatures.
    package var isPostQuantum: Bool { self == .mlDSA65 || self == .mlDSA87 }
}

/// One line of a profile's allow-list: a family and its smallest size in bits.
package struct KeyRule: Hashable, Sendable {
    package let algorithm: KeyAlgorithm
    package let minSize: Int

    package init(algorithm: KeyAlgorithm, minSize: Int) {
        self.algorithm = algorithm
        self.minSize = minSize
    }

    /// What a profile allows when it does not say.
    package static let defaults = [KeyRule(algorithm: .ecdsa, minSize: 256), KeyRule(algorithm: .rsa, minSize: 2048)]
}

/// Extended key usages by the names of the API; RFC 5280 §4.2.1.12.
package enum ExtendedKeyUsage: String, Sendable, CaseIterable {
    case serverAuth, clientAuth, codeSigning, emailProtection, timeStamping
}
