/// Every algorithm that the sources use, and for what. A test compares it with the sources themselves, and another one
/// what it says of TLS with what a running server accepts.
package enum CryptoRegister {
    package struct Entry: Sendable {
        package let algorithm: CryptoAlgorithm
        package let uses: [CryptoUse]
    }

    package static let entries: [Entry] = hashes + symmetric + keyed + asymmetric + transport

    /// The entry of a key or a signature by the name that certificates go by (`ECDSA-P256`); `nil` for none of ours.
    package static func algorithm(named name: String) -> CryptoAlgorithm? {
        entries.first { $0.algorithm.name == name }?.algorithm
    }

    private static let hashes = [
        Entry(
            algorithm: CryptoAlgorithm(
                "SHA-256", .hash, parameter: "256", oid: "2.16.840.1.101.3.4.2.1", quantumLevel: 2),
            uses: [
                CryptoUse("Access", "hashes of bearer tokens and sessions, which are random"),
                CryptoUse("AuditProof", "leaves and nodes of the audit tree"),
                CryptoUse("ChallengeValidation", "digests of key authorizations (RFC 8555 §8.1)"),
                CryptoUse("ControlAPI", "ACME: external account bindings, thumbprints of keys"),
                CryptoUse("Deployment", "fingerprints of what was deployed"),
                CryptoUse("HTTPServing", "entity tags, digests of repeated requests"),
                CryptoUse("Lifecycle", "digests of lists, names, requests and approvals"),
                CryptoUse("LocalCLI", "checksums of migrations and configurations"),
                CryptoUse("PKI", "signatures, fingerprints, CertIDs, key stores"),
                CryptoUse("Sealing", "key derivation, identifiers of keys"),
                CryptoUse("ServerRuntime", "changes of TLS files, archives of the audit log"),
                CryptoUse("Store", "checksums of migrations, cursors of lists"),
            ]),
        Entry(
            algorithm: CryptoAlgorithm(
                "SHA-384", .hash, parameter: "384", oid: "2.16.840.1.101.3.4.2.2", quantumLevel: 4),
            uses: [
                CryptoUse("PKI", "signatures, key stores"), CryptoUse("ControlAPI", "ACME: external account bindings"),
            ]),
        Entry(
            algorithm: CryptoAlgorithm(
                "SHA-512", .hash, parameter: "512", oid: "2.16.840.1.101.3.4.2.3", quantumLevel: 5),
            uses: [
                CryptoUse("PKI", "signatures, key stores"), CryptoUse("ControlAPI", "ACME: external account bindings"),
            ]),
        Entry(
            algorithm: CryptoAlgorithm(
                "SHA-1", .hash, parameter: "160", oid: "1.3.14.3.2.26", quantumLevel: 0, isLegacy: true),
            uses: [
                CryptoUse(
                    "PKI",
                    "key identifiers (RFC 5280 §4.2.1.2), CertIDs of OCSP clients, old key stores, lists of weak keys"),
                CryptoUse("Sealing", "one-time passwords of authenticator apps (RFC 6238)"),
            ]),
    ]

    private static let symmetric = [
        Entry(
            algorithm: CryptoAlgorithm(
                "AES-256-GCM", .authenticatedEncryption, parameter: "256", oid: "2.16.840.1.101.3.4.1.46",
                quantumLevel: 5),
            uses: [
                CryptoUse("Sealing", "secrets in the database"), CryptoUse("HTTPServing", "TLS 1.3 of the listeners"),
            ]),
        Entry(
            algorithm: CryptoAlgorithm(
                "AES-256-CBC", .blockCipher, parameter: "256", oid: "2.16.840.1.101.3.4.1.42", quantumLevel: 5),
            uses: [CryptoUse("PKI", "PKCS#12 files and encrypted keys")]),
        Entry(
            algorithm: CryptoAlgorithm(
                "3DES-CBC", .blockCipher, parameter: "168", oid: "1.2.840.113549.3.7", quantumLevel: 0, isLegacy: true),
            uses: [CryptoUse("PKI", "old PKCS#12 files, and new ones where asked for")]),
        Entry(
            algorithm: CryptoAlgorithm(
                "RC2-CBC", .blockCipher, oid: "1.2.840.113549.3.2", quantumLevel: 0, isLegacy: true),
            uses: [CryptoUse("PKI", "reading old PKCS#12 files")]),
    ]

    private static let keyed = [
        Entry(
            algorithm: CryptoAlgorithm("HMAC", .mac, parameter: "SHA-256", oid: "1.2.840.113549.2.9", quantumLevel: 2),
            uses: [
                CryptoUse("ControlAPI", "external account bindings"),
                CryptoUse("Lifecycle", "webhooks of the audit log"),
                CryptoUse("PKI", "integrity of key stores"),
                CryptoUse("Sealing", "session cookies, codes of records, one-time passwords"),
            ]),
        Entry(
            algorithm: CryptoAlgorithm("HKDF", .kdf, parameter: "SHA-256", quantumLevel: 2),
            uses: [CryptoUse("Sealing", "keys of their own for each purpose")]),
        Entry(
            algorithm: CryptoAlgorithm(
                "PBKDF2", .kdf, parameter: "SHA-256", oid: "1.2.840.113549.1.5.12", quantumLevel: 2),
            uses: [
                CryptoUse("PKI", "passwords of key stores"),
                CryptoUse("Sealing", "passphrases as encryption keys, formats of earlier programs"),
            ]),
        Entry(
            algorithm: CryptoAlgorithm("Argon2id", .kdf, quantumLevel: 2),
            uses: [CryptoUse("Sealing", "passwords of local accounts")]),
    ]

    private static let certificates = CryptoUse("PKI", "keys and signatures of certificates, lists and answers")

    private static let asymmetric = [
        Entry(
            algorithm: CryptoAlgorithm(
                "ECDSA-P256", .signature, parameter: "P-256", oid: "1.2.840.10045.4.3.2", quantumLevel: 0),
            uses: [certificates, CryptoUse("PKCS11", "keys of CAs in tokens")]),
        Entry(
            algorithm: CryptoAlgorithm(
                "ECDSA-P384", .signature, parameter: "P-384", oid: "1.2.840.10045.4.3.3", quantumLevel: 0),
            uses: [certificates, CryptoUse("PKCS11", "keys of CAs in tokens")]),
        Entry(
            algorithm: CryptoAlgorithm(
                "ECDSA-P521", .signature, parameter: "P-521", oid: "1.2.840.10045.4.3.4", quantumLevel: 0),
            uses: [certificates, CryptoUse("PKCS11", "keys of CAs in tokens")]),
        Entry(
            algorithm: CryptoAlgorithm("RSA", .signature, oid: "1.2.840.113549.1.1.11", quantumLevel: 0),
            uses: [certificates, CryptoUse("PKCS11", "keys of CAs in tokens")]),
        Entry(
            algorithm: CryptoAlgorithm("Ed25519", .signature, oid: "1.3.101.112", quantumLevel: 0),
            uses: [certificates, CryptoUse("AuditProof", "checkpoints of the audit log")]),
        Entry(
            algorithm: CryptoAlgorithm(
                "ML-DSA-65", .signature, parameter: "65", oid: "2.16.840.1.101.3.4.3.18", quantumLevel: 3),
            uses: [certificates]),
        Entry(
            algorithm: CryptoAlgorithm(
                "ML-DSA-87", .signature, parameter: "87", oid: "2.16.840.1.101.3.4.3.19", quantumLevel: 5),
            uses: [certificates]),
    ]

    private static let listeners = CryptoUse("HTTPServing", "TLS 1.3 of the listeners")

    /// Chosen by the TLS library; what its clients offer besides, to servers of others, is theirs to choose.
    private static let transport = [
        Entry(
            algorithm: CryptoAlgorithm("X25519", .keyAgreement, oid: "1.3.101.110", quantumLevel: 0),
            uses: [listeners]),
        Entry(
            algorithm: CryptoAlgorithm("ECDH-P256", .keyAgreement, parameter: "P-256", quantumLevel: 0),
            uses: [listeners]),
        Entry(
            algorithm: CryptoAlgorithm("ECDH-P384", .keyAgreement, parameter: "P-384", quantumLevel: 0),
            uses: [listeners]),
        Entry(
            algorithm: CryptoAlgorithm(
                "AES-128-GCM", .authenticatedEncryption, parameter: "128", oid: "2.16.840.1.101.3.4.1.6",
                quantumLevel: 1),
            uses: [listeners]),
        Entry(
            algorithm: CryptoAlgorithm(
                "ChaCha20-Poly1305", .authenticatedEncryption, parameter: "256", oid: "1.2.840.113549.1.9.16.3.18",
                quantumLevel: 5),
            uses: [listeners]),
    ]
}
