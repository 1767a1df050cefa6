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
                "Where its key is made: `database`, or `pkcs11` with key_driver_id."),
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
