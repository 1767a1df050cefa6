/// Families of subject key that profiles speak of (specification, domain §2).
package enum KeyAlgorithm: String, Sendable, CaseIterable {
    case rsa = "RSA"
    case ecdsa = "ECDSA"
    case ed25519 = "Ed25519"
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
