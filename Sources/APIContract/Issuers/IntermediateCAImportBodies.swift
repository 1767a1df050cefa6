package import Domain

/// `POST /api/v1/issuers/{id}/intermediates/import`.
package struct ImportIntermediateCARequest: WireValue {
    package var name = ""
    package var chainPEM = ""
    package var privateKeyPEM: String?
    package var keyReference: String?
    package var issuedPEM: String?
    package var revocationListPEM: String?
    package var isIssuing: Bool?
    package var ocspURL: String?
    package var metadata: [String: String] = [:]

    package init() {}

    private static let bundle = Schema.text(
        1...67_108_864, example: "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n")
    private static let list = Schema.text(
        1...67_108_864, example: "-----BEGIN X509 CRL-----\nMIIB…\n-----END X509 CRL-----\n")
    private static let key = Schema.text(
        1...65_536, example: "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n")

    package static let contract = Contract<Self>(
        "ImportIntermediateCA", "A CA that exists, with its key.",
        [
            .required("name", \.name, .name, "Unique in its tree."),
            .required(
                "chain_pem", \.chainPEM, .pem,
                "The CA first, then those above it up to the root. Those that the tree has may be left out; the others come "
                    + "into it without their keys."),
            .optional(
                "private_key_pem", \.privateKeyPEM, key,
                "Its key, not encrypted: PKCS#8, SEC 1 or PKCS#1. It is sealed in the database, and never shown again."),
            .optional(
                "key_driver_id", \.keyReference, .text(1...2048, example: "pkcs11:token=ca;object=issuing-1"),
                "In place of private_key_pem: its key in a token or a file of the server, which stays there."),
            .optional(
                "issued_pem", \.issuedPEM, bundle,
                "What it signed before: OCSP answers for it, and it can be revoked by its serial number."),
            .optional(
                "crl_pem", \.revocationListPEM, list,
                "Its latest revocation list, complete: what it says stays so, and its number goes on."),
            .optional(
                "issuing", \.isIssuing,
                "Whether it signs certificates of somebody who is no CA; when absent, whether no CA may follow below."),
            .optional(
                "ocsp_responder_url", \.ocspURL, .text(1...2048, example: "http://ocsp.example.com"),
                "In place of this server's own address."),
            .defaulted("metadata", \.metadata, "Whatever its owner notes."),
        ]
    )
}

/// What the import of a CA did, or would do.
package struct IntermediateCAImported: WireValue {
    package var id: AuthorityID?
    package var parentID: AuthorityID?
    package var name = ""
    package var subject = ""
    package var serialNumber = ""
    package var keyAlgorithm = ""
    package var spkiSHA256 = ""
    package var notAfter = Timestamp.epoch
    package var isIssuing = false
    package var registered: [String] = []
    package var certificates = 0
    package var ended = 0
    package var revocations = 0
    package var listNumber: Int?
    package var listedAt: Timestamp?
    package var isRehearsal = false

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCAImported", "What the import of a CA did, or would do.",
        [
            .optional("id", \.id, "The CA; absent when nothing was stored."),
            .optional(
                "parent_ca_id", \.parentID, "Who signed it; absent on a root, and while those above are to be stored."),
            .required("name", \.name, .name, "Unique in its tree."),
            .required("subject", \.subject, .text(0...4096, example: "CN=Issuing TLS 1,O=Example"), "RFC 4514 text."),
            .required("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("key_algorithm", \.keyAlgorithm, .text(1...32, example: "ECDSA-P256"), "Kind of its key."),
            .required("spki_sha256", \.spkiSHA256, .fingerprint, "Of its public key."),
            .required("not_after", \.notAfter, "End of validity."),
            .required("issuing", \.isIssuing, "Whether it signs certificates of somebody who is no CA."),
            .required(
                "registered", \.registered,
                "Names of CAs above it that came into the tree without their keys, the nearest first."
            ),
            .required("certificates", \.certificates, "Certificates of before that it answers for."),
            .required("ended", \.ended, "Certificates that were left out because they had ended."),
            .required("revocations", \.revocations, "Certificates that stay revoked."),
            .optional("crl_number", \.listNumber, "Of its last list elsewhere; the next one has a higher number."),
            .optional("crl_this_update", \.listedAt, "Of when that list is."),
            .required("dry_run", \.isRehearsal, "Whether nothing was stored."),
        ]
    )
}
