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

/// One line of a profile's allow-list: a family and the sizes in bits that it may have.
package struct KeyRule: Hashable, Sendable {
    package let algorithm: KeyAlgorithm
    package let minSize: Int
    /// `nil` for every size that certctl accepts.
    package let maxSize: Int?

    package init(algorithm: KeyAlgorithm, minSize: Int, maxSize: Int? = nil) {
        self.algorithm = algorithm
        self.minSize = minSize
        self.maxSize = maxSize
    }

    /// Whether a key of this family may have `size` bits.
    package func admits(size: Int) -> Bool {
        algorithm.hasFixedSize || (size >= minSize && size <= maxSize ?? size)
    }

    /// What a profile allows when it does not say.
    package static let defaults = [KeyRule(algorithm: .ecdsa, minSize: 256), KeyRule(algorithm: .rsa, minSize: 2048)]
}
