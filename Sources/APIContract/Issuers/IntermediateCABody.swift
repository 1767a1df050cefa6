package import Domain
package import Encoding

/// A CA of a tree as the API shows it (specification, rest-api §7.6).
package struct IntermediateCABody: WireValue {
    package var id = AuthorityID.unset
    package var issuerID = IssuerID.unset
    package var parentID: AuthorityID?
    package var name = ""
    package var subject = ""
    package var state = CAState.active
    package var certPEM: String?
    package var csrPEM: String?
    package var keyAlgorithm = ""
    package var keyDriver: String?
    package var keyReference: String?
    package var serialNumber: String?
    package var spkiSHA256 = ""
    package var notBefore: Timestamp?
    package var notAfter: Timestamp?
    package var pathLength: Int?
    package var nameConstraints: JSONValue?
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []
    package var isIssuing = false
    package var ocspURL: String?
    package var listValiditySeconds: Int?
    package var listIntervalSeconds: Int?
    package var metadata: [String: String]?
    package var drain: CADrainBody?
    package var retiringAt: Timestamp?
    package var retiredAt: Timestamp?
    package var keyReleasedAt: Timestamp?
    package var revokedAt: Timestamp?
    package var revocationReason: String?
    package var predecessorID: AuthorityID?
    package var stagedAt: Timestamp?
    package var activationAt: Timestamp?
    package var isActivationAutomatic: Bool?
    package var activatedAt: Timestamp?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCA", "A root, intermediate or issuing CA of a tree.",
        [
            .required("id", \.id, "Identifier; also in the addresses of its lists and answers."),
            .required("owning_issuer_id", \.issuerID, "The issuer whose tree it is in."),
            .optional("parent_ca_id", \.parentID, "Who signed it; absent on a root."),
            .required("name", \.name, .name, "Unique in its tree."),
            .required("subject", \.subject, .text(0...4096, example: "CN=Issuing TLS 1,O=Example"), "RFC 4514 text."),
            .required(
                "state", \.state,
                "A pending CA waits for its certificate; a staged one is published and waits to take the place of another; a retiring one signs nothing new; a retired one has ended; a revoked one is "
                    + "no good any more."),
            .optional("cert_pem", \.certPEM, .pem, "Its certificate; absent while it is pending."),
            .optional("csr_pem", \.csrPEM, .pem, "What its parent is to sign, or signed, elsewhere."),
            .required("key_algorithm", \.keyAlgorithm, .text(1...32, example: "ECDSA-P256"), "Kind of its key."),
            .optional(
                "key_driver", \.keyDriver, .text(1...32, example: "database"), "Where its key is; absent offline."),
            .optional(
                "key_driver_id", \.keyReference, .text(1...2048, example: "dbkey-1"), "By what name; never the key."),
            .optional("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("spki_sha256", \.spkiSHA256, .fingerprint, "Of its public key."),
            .optional("not_before", \.notBefore, "Start of validity; absent while it is pending."),
            .optional("not_after", \.notAfter, "End of validity; absent while it is pending."),
            .optional("path_len_constraint", \.pathLength, "How many CAs may follow below; absent for any number."),
            .optional("name_constraints", \.nameConstraints, "What it may certify."),
            .defaulted("allowed_ekus", \.allowedEKUs, "Purposes that it may certify; empty for every one."),
            .defaulted("policy_oids", \.policyOIDs, "Its certificate policies; empty for any."),
            .required("issuing", \.isIssuing, "Whether it signs certificates of somebody who is no CA."),
            .optional(
                "ocsp_responder_url", \.ocspURL, .text(1...2048, example: "http://ocsp.example.com"),
                "Written into what it signs in place of this server's own address."),
            .optional(
                "crl_validity_seconds", \.listValiditySeconds, CAListMembers.validity,
                "How long its revocation lists are good; absent for what the issuer says."),
            .optional(
                "crl_interval_seconds", \.listIntervalSeconds, CAListMembers.interval,
                "How often they are made anew; absent for what the issuer says."),
            .optional("metadata", \.metadata, "Whatever its owner noted."),
            .optional("drain", \.drain, "What keeps a retiring CA from ending."),
            .optional("retiring_at", \.retiringAt, "Since when it signs nothing new."),
            .optional("retired_at", \.retiredAt, "When it ended."),
            .optional("key_released_at", \.keyReleasedAt, "When its key was destroyed, or left to whoever made it."),
            .optional("revoked_at", \.revokedAt, "When it was revoked."),
            .optional("revocation_reason", \.revocationReason, RevocationMembers.reason, "Why."),
            .optional("succeeds_ca_id", \.predecessorID, "In whose place it is, or will be."),
            .optional("staged_at", \.stagedAt, "Since when it is published, so that clients know it before it signs."),
            .optional("activation_at", \.activationAt, "Not before then does it take the place."),
            .optional(
                "activation_automatic", \.isActivationAutomatic,
                "Whether it takes the place by itself, when every known target trusts it."),
            .optional("activated_at", \.activatedAt, "Since when it has the place."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version."),
        ]
    )
}

/// What hangs on a CA.
package struct CADrainBody: WireValue {
    package var children = 0
    package var certificates = 0
    package var orders = 0
    package var lastEnd: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "CADrain", "What keeps a CA from ending.",
        [
            .required("children", \.children, "CAs below it that have not ended."),
            .required("certificates", \.certificates, "Certificates neither expired nor revoked for good."),
            .required("orders", \.orders, "Orders without an outcome."),
            .optional("last_end", \.lastEnd, "When the last of the certificates expires."),
        ]
    )
}

/// Whose CA one is.
package struct CASubjectBody: WireValue {
    package var commonName = ""
    package var organization: [String] = []
    package var organizationalUnit: [String] = []
    package var country: [String] = []
    package var locality: [String] = []
    package var province: [String] = []

    package init() {}

    package static let contract = Contract<Self>(
        "CASubject", "The name of a CA.",
        [
            .required("common_name", \.commonName, .text(1...256, example: "Issuing TLS 1"), "At most 64 characters."),
            .defaulted("organization", \.organization, "O."),
            .defaulted("organizational_unit", \.organizationalUnit, "OU."),
            .defaulted("country", \.country, "C: two letters."),
            .defaulted("locality", \.locality, "L."),
            .defaulted("province", \.province, "ST."),
        ]
    )
}

/// `POST /api/v1/issuers/{id}/intermediates`.
package struct CreateIntermediateCARequest: WireValue {
    package var name = ""
    package var parentID: AuthorityID?
    package var rootPEM: String?
    package var subject: CASubjectBody?
    package var algorithm: String?
    package var keyDriver: String?
    package var keyReference: String?
    package var ttlDays = 0
    package var pathLength: Int?
    package var nameConstraints: JSONValue?
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []
    package var isIssuing: Bool?
    package var ocspURL: String?
    package var metadata: [String: String] = [:]

    package init() {}

    package static let contract = Contract<Self>(
        "CreateIntermediateCA", "A CA to create below another, or a root to make or to register.",
        [
            .required("name", \.name, .name, "Unique in its tree."),
            .optional("parent_ca_id", \.parentID, "Who signs it; absent for a root."),
            .optional("root_cert_pem", \.rootPEM, .pem, "A root that exists, self-signed."),
            .optional("subject", \.subject, "Of a CA that is made here."),
            .optional(
                "algorithm", \.algorithm, .text(1...32, example: "ECDSA-P384"),
                "Kind of its key; ECDSA-P256 when absent."),
            .optional(
                "key_driver", \.keyDriver, .text(1...32, example: "database"),
                "Where its key is made: `database`, or `exec`, `file`, `pkcs11` with key_driver_id."),
            .optional(
                "key_driver_id", \.keyReference, .text(1...2048, example: "pkcs11:token=ca;object=issuing-1"),
                "The key to make in a token; or the key of a registered root, in a token or a file of the server. A root "
                    + "that is registered without it is offline."),
            .defaulted("ttl_days", \.ttlDays, "Life time; 0 for five years, of a root ten. Never beyond the parent's."),
            .optional("path_len_constraint", \.pathLength, "How many CAs may follow below it."),
            .optional(
                "name_constraints", \.nameConstraints,
                "`{\"permitted\":{\"dns\":[],\"ip\":[],\"email\":[],\"uri\":[],\"directory\":[]},\"excluded\":{…}}`, or a "
                    + "list of `{\"permitted\":[],\"excluded\":[]}` of DNS names."),
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

/// `POST /api/v1/intermediates/{id}/retire`.
package struct RetireIntermediateCARequest: WireValue {
    package var note: String?
    package var isConfirmed = false
    package var isForced = false

    package init() {}

    package static let contract = Contract<Self>(
        "RetireIntermediateCA", "The first step, or with confirm the last.",
        [
            .optional("note", \.note, .longText, "For the audit trail."),
            .defaulted("confirm", \.isConfirmed, "Ends a CA that is retiring."),
            .defaulted(
                "force", \.isForced,
                "With confirm and a note: ends it although certificates are good or CAs below retire. A second person agrees first."
            ),
        ]
    )
}

/// The answer to a step of a retirement.
package struct RetireIntermediateCAAnswer: WireValue {
    package var id = AuthorityID.unset
    package var decidedBy = ""
    package var isConfirmed = false
    package var state = CAState.retiring
    package var drain = CADrainBody()

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCARetirement", "A step of a retirement.",
        [
            .required("id", \.id, "The CA."),
            .required("decided_by", \.decidedBy, .text(0...255, example: "alice"), "Who took the step."),
            .required("confirmed", \.isConfirmed, "Whether it was the last."),
            .required("state", \.state, "What the CA is by now."),
            .required("drain", \.drain, "What hangs on it."),
        ]
    )
}

/// `GET /api/v1/intermediates/{id}/chain` as JSON.
package struct IntermediateCAChainAnswer: WireValue {
    package var pemChain = ""

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCAChain", "A CA and those above it.",
        [.required("pem_chain", \.pemChain, .pem, "The CA first, the root last.")]
    )
}

/// `POST /api/v1/intermediates/{id}/reactivate`.
package struct ReactivateIntermediateCARequest: WireValue {
    package var note: String?

    package init() {}

    package static let contract = Contract<Self>(
        "ReactivateIntermediateCA", "Why a retirement is called off.",
        [.optional("note", \.note, .longText, "For the audit trail.")]
    )
}
