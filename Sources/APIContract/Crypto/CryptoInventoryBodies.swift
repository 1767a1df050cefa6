package import Domain

/// `GET /api/v1/crypto/inventory`.
package struct CryptoInventoryBody: WireValue {
    package var takenAt = Timestamp(secondsSinceEpoch: 0)
    package var algorithms: [CryptoAlgorithmBody] = []
    package var keys: [CryptoKeyBody] = []
    package var signatures: [CryptoSignatureBody] = []
    package var signers: [CryptoSignerBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "CryptoInventory", "Every algorithm in use.",
        [
            .required("taken_at", \.takenAt, "When it was counted."),
            .required("algorithms", \.algorithms, "What the program has."),
            .required("keys", \.keys, "Different keys, by holder and kind."),
            .required("signatures", \.signatures, "Managed certificates that have not ended, by how they are signed."),
            .required("signers", \.signers, "Authorities, OCSP responders, the CA of this server."),
        ]
    )
}

/// An algorithm of the program.
package struct CryptoAlgorithmBody: WireValue {
    package var name = ""
    package var primitive = ""
    package var parameter: String?
    package var oid: String?
    package var quantumLevel = 0
    package var isQuantumVulnerable = false
    package var isLegacy = false
    package var isDenied = false
    package var keys = 0
    package var uses: [CryptoUseBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "CryptoAlgorithm", "An algorithm of the program.",
        [
            .required("name", \.name, .text(1...64, example: "ECDSA-P256"), "Name."),
            .required(
                "primitive", \.primitive, .choice(CryptoPrimitive.allCases.map(\.rawValue)), "What it does."),
            .optional("parameter", \.parameter, .text(1...64, example: "P-256"), "Size, curve or digest."),
            .optional("oid", \.oid, .text(1...128, example: "1.2.840.10045.4.3.2"), "Dotted."),
            .required(
                "nist_quantum_level", \.quantumLevel,
                "Category 1 to 5; 0 when a quantum computer breaks it, or less does."),
            .required("quantum_vulnerable", \.isQuantumVulnerable, "Whether a quantum computer breaks it."),
            .required("legacy", \.isLegacy, "Whether it only reads what others made."),
            .required("denied", \.isDenied, "Whether nothing new is made with it (CERTCTL_ALGORITHM_DENY_LIST)."),
            .required("keys", \.keys, "Keys in use."),
            .required("uses", \.uses, "Where, and for what."),
        ]
    )
}

/// Where an algorithm is used.
package struct CryptoUseBody: WireValue {
    package var module = ""
    package var purpose = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CryptoUse", "Where an algorithm is used.",
        [
            .required("module", \.module, .text(1...64, example: "PKI"), "Part of the program."),
            .required("purpose", \.purpose, .text(1...255, example: "signatures"), "For what."),
        ]
    )
}

/// Keys of one kind.
package struct CryptoKeyBody: WireValue {
    package var holder = ""
    package var key = ""
    package var count = 0
    package var firstEnd: Timestamp?
    package var lastEnd: Timestamp?
    package var isQuantumVulnerable = false
    package var isDenied = false

    package init() {}

    package static let contract = Contract<Self>(
        "CryptoKeyCount", "Keys of one kind.",
        [
            .required("holder", \.holder, .text(1...32, example: "certificate"), "Whose they are."),
            .required("key", \.key, .text(1...32, example: "RSA-3072"), "Kind of key."),
            .required("count", \.count, "How many."),
            .optional("first_end", \.firstEnd, "When the first of their certificates ends."),
            .optional("last_end", \.lastEnd, "When the last one ends."),
            .required("quantum_vulnerable", \.isQuantumVulnerable, "Whether a quantum computer breaks them."),
            .required("denied", \.isDenied, "Whether no other key of this kind is certified."),
        ]
    )
}

/// Certificates with one kind of signature.
package struct CryptoSignatureBody: WireValue {
    package var signature = ""
    package var count = 0

    package init() {}

    package static let contract = Contract<Self>(
        "CryptoSignatureCount", "Certificates with one kind of signature.",
        [
            .required(
                "signature", \.signature, .text(0...255, example: "ECDSA with SHA-256"),
                "How they are signed, or why such a signature is not accepted."),
            .required("count", \.count, "How many."),
        ]
    )
}

/// A certificate whose key signs.
package struct CryptoSignerBody: WireValue {
    package var holder = ""
    package var subject = ""
    package var issuer = ""
    package var serialNumber = ""
    package var key = ""
    package var signature = ""
    package var notBefore = Timestamp(secondsSinceEpoch: 0)
    package var notAfter = Timestamp(secondsSinceEpoch: 0)
    package var fingerprintSHA256 = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CryptoSigner", "A certificate whose key signs.",
        [
            .required("holder", \.holder, .text(1...32, example: "authority"), "What it is."),
            .required("subject", \.subject, .text(0...4096, example: "CN=CertCtl Local CA"), "Subject."),
            .required("issuer", \.issuer, .text(0...4096, example: "CN=CertCtl Local CA"), "Issuer."),
            .required("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("key", \.key, .text(1...32, example: "ECDSA-P256"), "Kind of its key."),
            .required("signature", \.signature, .text(0...64, example: "ECDSA with SHA-256"), "How it is signed."),
            .required("not_before", \.notBefore, "Start of validity."),
            .required("not_after", \.notAfter, "End of validity."),
            .required("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the certificate."),
        ]
    )
}
