package import Domain

/// One issued certificate (specification, rest-api §7.2).
package struct CertificateVersionBody: WireValue {
    package var id = VersionID.unset
    package var certificateID = CertificateID.unset
    package var serialNumber = ""
    package var notBefore = Timestamp.epoch
    package var notAfter = Timestamp.epoch
    package var fingerprintSHA256 = ""
    package var pemChain = ""
    package var csrPEM = ""
    package var keyAlgorithm: KeyAlgorithm?
    package var keySize: Int?
    package var createdAt = Timestamp.epoch
    package var spkiSHA256: String?
    package var revokedAt: Timestamp?
    package var revocationReason: RevocationReason?
    package var issuerID: IssuerID?
    package var keyOrigin: KeyOrigin?
    package var isIssuedElsewhere = false
    package var issuingCA: AuthorityID?
    package var lintFindings: [LintFindingBody] = []
    package var path: PathOutcome?
    package var pathDetail: String?

    package init() {}

    package static let contract = Contract<Self>(
        "CertificateVersion", "One issued certificate with its chain.",
        [
            .required("id", \.id, "Identifier."),
            .required("certificate_id", \.certificateID, "The managed certificate."),
            .required("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("not_before", \.notBefore, "Start of validity."),
            .required("not_after", \.notAfter, "End of validity."),
            .required("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the leaf, in hexadecimal."),
            .required("pem_chain", \.pemChain, .pem, "Leaf first."),
            .defaulted("csr_pem", \.csrPEM, .text(0...65_536, example: ""), "The request; empty when there was none."),
            .optional("key_algorithm", \.keyAlgorithm, "Family of the subject key."),
            .optional("key_size", \.keySize, "Bits of the subject key."),
            .required("created_at", \.createdAt, "When it was issued."),
            .optional("spki_sha256", \.spkiSHA256, .fingerprint, "Of the subject public key."),
            .optional("revoked_at", \.revokedAt, "When it was revoked."),
            .optional("revocation_reason", \.revocationReason, "RFC 5280 reason."),
            .optional("issuer_id", \.issuerID, "The issuer at the time."),
            .optional("key_origin", \.keyOrigin, "Who generated the key."),
            .defaulted(
                "issued_elsewhere", \.isIssuedElsewhere,
                "Imported, and not signed by the authority of the issuer: it can only be revoked where it was issued."),
            .optional("issuing_ca_id", \.issuingCA, "The CA that signed it, where the issuer is a tree of CAs."),
            .defaulted("lint_findings", \.lintFindings, "What the linter found when it came."),
            .optional("path", \.path, "What validating its chain came to when it was imported."),
            .optional("path_detail", \.pathDetail, .longText, "Why that chain is not valid."),
        ]
    )
}

/// Who generated the key of a version.
package enum KeyOrigin: String, WireEnum { case agent, server, external }
