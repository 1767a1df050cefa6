package import Domain
package import Encoding

/// `POST /api/v1/issuers/{id}/intermediates/csr`.
package struct RequestIntermediateCARequest: WireValue {
    package var name = ""
    package var parentID = AuthorityID.unset
    package var subject = CASubjectBody()
    package var algorithm: String?
    package var keyDriver: String?
    package var keyReference: String?
    package var pathLength: Int?
    package var nameConstraints: JSONValue?
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []
    package var isIssuing: Bool?
    package var ocspURL: String?
    package var metadata: [String: String] = [:]

    package init() {}

    package static let contract = Contract<Self>(
        "RequestIntermediateCA", "A CA to be signed where the key of its parent is.",
        [
            .required("name", \.name, .name, "Unique in its tree."),
            .required("parent_ca_id", \.parentID, "Who is to sign it."),
            .required("subject", \.subject, "Its name."),
            .optional(
                "algorithm", \.algorithm, .text(1...32, example: "ECDSA-P384"),
                "Kind of its key; ECDSA-P256 when absent."),
            .optional(
                "key_driver", \.keyDriver, .text(1...32, example: "database"),
                "Where its key is made: `database`, or `exec`, `file`, `pkcs11` with key_driver_id."),
            .optional(
                "key_driver_id", \.keyReference, .text(1...2048, example: "pkcs11:token=ca;object=issuing-1"),
                "The key to make in a token."),
            .optional("path_len_constraint", \.pathLength, "How many CAs may follow below it."),
            .optional("name_constraints", \.nameConstraints, "As of a CA that is signed here."),
            .defaulted("allowed_ekus", \.allowedEKUs, "Purposes that it may certify; empty for those of its parent."),
            .defaulted("policy_oids", \.policyOIDs, "Its certificate policies."),
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

/// `POST /api/v1/intermediates/{id}/certificate`.
package struct CertifyIntermediateCARequest: WireValue {
    package var certificatePEM = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CertifyIntermediateCA", "The certificate of a pending CA.",
        [.required("certificate_pem", \.certificatePEM, .pem, "Its certificate alone.")]
    )
}

/// `POST /api/v1/intermediates/{id}/cross-sign`.
package struct CrossSignIntermediateCARequest: WireValue {
    package var parentID: AuthorityID?
    package var certificatePEM: String?
    package var chainPEM: String?
    package var ttlDays = 0
    package var pathLength: Int?
    package var nameConstraints: JSONValue?
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []

    package init() {}

    package static let contract = Contract<Self>(
        "CrossSignIntermediateCA", "A further certificate of a CA: the same name and key, another parent.",
        [
            .optional(
                "parent_ca_id", \.parentID, "Who signs it, of this tree or another; or signed it, with certificate_pem."
            ),
            .optional(
                "certificate_pem", \.certificatePEM, .pem, "The certificate alone, when it was signed elsewhere."),
            .optional(
                "chain_pem", \.chainPEM, .pem,
                "With certificate_pem and without parent_ca_id: whoever signed it, those above, and the root last."),
            .defaulted(
                "ttl_days", \.ttlDays, "Life time; 0 for as long as the certificate it has. Never beyond the parent's."),
            .optional("path_len_constraint", \.pathLength, "How many CAs may follow below; when absent, as it has."),
            .optional(
                "name_constraints", \.nameConstraints, "What it may certify by this parent; when absent, as it has."),
            .defaulted("allowed_ekus", \.allowedEKUs, "Purposes by this parent; empty for those that it has."),
            .defaulted("policy_oids", \.policyOIDs, "Policies by this parent; empty for those that it has."),
        ]
    )
}

/// A further certificate of a CA.
package struct CACertificateBody: WireValue {
    package var id = CACertificateID.unset
    package var authorityID = AuthorityID.unset
    package var parentID: AuthorityID?
    package var issuer = ""
    package var serialNumber = ""
    package var notBefore = Timestamp.epoch
    package var notAfter = Timestamp.epoch
    package var certPEM = ""
    package var withdrawnAt: Timestamp?
    package var withdrawalReason: String?
    package var createdAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "CACertificate", "A further certificate of a CA.",
        [
            .required("id", \.id, "Identifier."),
            .required("ca_id", \.authorityID, "Whose it is."),
            .optional("parent_ca_id", \.parentID, "Who signed it; absent for somebody who is in no tree here."),
            .required(
                "issuer", \.issuer, .text(0...4096, example: "CN=Other Root,O=Example"), "Name of whoever signed it."),
            .required("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("not_before", \.notBefore, "Start of validity."),
            .required("not_after", \.notAfter, "End of validity."),
            .required("cert_pem", \.certPEM, .pem, "The certificate."),
            .optional("withdrawn_at", \.withdrawnAt, "Since when it is in no chain any more."),
            .optional("withdrawal_reason", \.withdrawalReason, RevocationMembers.reason, "Why."),
            .required("created_at", \.createdAt, "When it came."),
        ]
    )
}

/// `POST /api/v1/intermediates/{id}/certificates/{certificate_id}/withdraw`; the body may be absent.
package struct WithdrawCACertificateRequest: WireValue {
    package var reason = "unspecified"
    package var note: String?

    package init() {}

    package static let contract = Contract<Self>(
        "WithdrawCACertificate", "Why a further certificate ends before its time.",
        [
            .defaulted(
                "reason", \.reason, RevocationMembers.reason, "As of other revocations, without holds and compromises."),
            .optional("note", \.note, .text(0...2048), "For the audit trail."),
        ]
    )
}

/// The answer to a withdrawal.
package struct WithdrawCACertificateAnswer: WireValue {
    package var certificate = CACertificateBody()
    package var listedBy: AuthorityID?

    package init() {}

    package static let contract = Contract<Self>(
        "CACertificateWithdrawn", "A certificate that is in no chain any more.",
        [
            .required("certificate", \.certificate, "The certificate."),
            .optional(
                "listed_by", \.listedBy,
                "On whose revocation list it is; absent when whoever signed it has the key elsewhere, and revokes it there."
            ),
        ]
    )
}

/// `POST /api/v1/intermediates/{id}/renew`.
package struct RenewIntermediateCARequest: WireValue {
    package var ttlDays = 0
    package var certificatePEM: String?

    package init() {}

    package static let contract = Contract<Self>(
        "RenewIntermediateCA", "A certificate of a CA that holds longer than the one it has.",
        [
            .defaulted(
                "ttl_days", \.ttlDays,
                "Life time; 0 for that of the certificate it has. Never beyond the parent's."),
            .optional(
                "certificate_pem", \.certificatePEM, .pem,
                "The certificate alone, when the parent's key is elsewhere: of the same terms as the one it has."),
        ]
    )
}

/// `POST /api/v1/intermediates/{id}/csr`.
package struct CrossRequestAnswer: WireValue {
    package var csrPEM = ""

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCARequestAnswer", "A request for a further certificate of a CA.",
        [.required("csr_pem", \.csrPEM, .pem, "What somebody elsewhere is to sign.")]
    )
}

/// One way from a CA to a root.
package struct CAChainBody: WireValue {
    package var number = 0
    package var root = ""
    package var notAfter = Timestamp.epoch
    package var pemChain = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CAChain", "One way from a CA to a root.",
        [
            .required("number", \.number, "0 by its own parents; from 1 the others that are valid now."),
            .required("root", \.root, .text(0...4096, example: "CN=Corp Root,O=Example"), "Name of the root."),
            .required("not_after", \.notAfter, "When the first of its certificates ends."),
            .required("pem_chain", \.pemChain, .pem, "The CA first, the root last."),
        ]
    )
}

/// `GET /api/v1/intermediates/{id}/chains`.
package struct CAChainsAnswer: WireValue {
    package var chains: [CAChainBody] = []
    package var certificates: [CACertificateBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "CAChains", "The ways from a CA to every root that it has one to.",
        [
            .required("chains", \.chains, "The chains; the first is what certificates are delivered with by default."),
            .required("certificates", \.certificates, "The further certificates of the CA, those that ended too."),
        ]
    )
}
