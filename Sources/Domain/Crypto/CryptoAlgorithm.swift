/// What a cryptographic algorithm does, in the terms of CycloneDX 1.6 (`algorithmProperties.primitive`).
package enum CryptoPrimitive: String, Sendable, CaseIterable {
    case signature, hash, mac, kdf
    case authenticatedEncryption = "ae"
    case blockCipher = "block-cipher"
    case keyAgreement = "key-agree"
}

/// An algorithm that certctl uses, with what an inventory says of it.
package struct CryptoAlgorithm: Hashable, Sendable {
    package let name: String
    package let primitive: CryptoPrimitive
    /// Size, curve or digest, where the name alone leaves it open.
    package let parameter: String?
    /// Dotted; `nil` where none is assigned.
    package let oid: String?
    /// Category of NIST's post-quantum call that it reaches, 1 to 5: 0 when a quantum computer breaks it, or less does.
    package let quantumLevel: Int
    /// Kept to read what others made, never to protect anything new.
    package let isLegacy: Bool

    package init(
        _ name: String, _ primitive: CryptoPrimitive, parameter: String? = nil, oid: String? = nil, quantumLevel: Int,
        isLegacy: Bool = false
    ) {
        self.name = name
        self.primitive = primitive
        self.parameter = parameter
        self.oid = oid
        self.quantumLevel = quantumLevel
        self.isLegacy = isLegacy
    }

    /// Whether a sufficiently large quantum computer would break it; less may do, too.
    package var isQuantumVulnerable: Bool { quantumLevel == 0 }
}

/// One algorithm in one part of the program.
package struct CryptoUse: Hashable, Sendable {
    /// The module, which has the same name in the sources.
    package let module: String
    package let purpose: String

    package init(_ module: String, _ purpose: String) {
        self.module = module
        self.purpose = purpose
    }
}
