package import Domain
package import Encoding

/// `POST /api/v1/agents/{id}/csr`.
package struct AgentCSRRequest: WireValue {
    package var csrPEM = ""
    package var certificateID: CertificateID?
    package var jobID: JobID?

    package init() {}

    package static let contract = Contract<Self>(
        "AgentCSR", "A PKCS#10 request made by the agent.",
        [
            .required("csr_pem", \.csrPEM, CertificateMembers.csr, "PEM CERTIFICATE REQUEST."),
            .optional("certificate_id", \.certificateID, "The certificate it is for."),
            .optional("job_id", \.jobID, "The job that waits for it."),
        ]
    )
}

/// 202: the request was signed, or taken over by an issuer that answers later.
package struct AgentCSRAnswer: WireValue {
    package var status = AgentCSRStatus.signed
    package var versionID: VersionID?
    package var fingerprintSHA256: String?
    package var certificatePEM: String?

    package init() {}

    package static let contract = Contract<Self>(
        "AgentCSRAccepted", "What became of the request.",
        [
            .required("status", \.status, "Signed, or accepted for later."),
            .optional("version_id", \.versionID, "The issued version."),
            .optional("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the leaf."),
            .optional("certificate_pem", \.certificatePEM, .pem, "Leaf first."),
        ]
    )
}

package enum AgentCSRStatus: String, WireEnum {
    case signed = "csr_signed"
    case accepted = "csr_accepted"
}

/// A certificate that exists already, whose key the agent has put into its slot.
package struct AgentAdoptionRequest: WireValue {
    package var pem = ""
    package var csrPEM = ""

    package init() {}

    package static let contract = Contract<Self>(
        "AgentAdoption", "A certificate whose key the agent has.",
        [
            .required("pem", \.pem, .pem, "The certificate first, then its chain, in PEM."),
            .required(
                "csr_pem", \.csrPEM, CertificateMembers.csr, "A request that its key signed, as proof of possession."),
        ]
    )
}

/// The version that an adopted certificate is.
package struct AgentAdoptionAnswer: WireValue {
    package var versionID = VersionID.unset
    package var fingerprintSHA256 = ""
    package var notAfter = Timestamp(secondsSinceEpoch: 0)

    package init() {}

    package static let contract = Contract<Self>(
        "AgentAdopted", "The version that an adopted certificate is.",
        [
            .required("version_id", \.versionID, "The version."),
            .required("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the certificate."),
            .required("not_after", \.notAfter, "When it ends."),
        ]
    )
}

/// `GET /api/v1/agents/{id}/certificates/{cert_id}`.
package struct AgentCertificateAnswer: WireValue {
    package var certificatePEM = ""
    package var leafPEM = ""
    package var chainPEM = ""
    package var trustPEM: String?
    package var versionID = VersionID.unset
    package var serialNumber = ""
    package var fingerprintSHA256 = ""
    package var notAfter = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "AgentCertificate", "A version for the agent that deploys it.",
        [
            .required("certificate_pem", \.certificatePEM, .pem, "Leaf first."),
            .required("leaf_pem", \.leafPEM, .pem, "The leaf alone."),
            .defaulted("chain_pem", \.chainPEM, .text(0...65_536, example: ""), "The rest."),
            .optional(
                "trust_pem", \.trustPEM, .text(1...1_048_576),
                "The CAs of the issuer's tree, for targets that have a file of them; absent when the issuer is no tree."
            ),
            .required("version_id", \.versionID, "Which version."),
            .required("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the leaf."),
            .required("not_after", \.notAfter, "End of validity."),
        ]
    )
}

/// `POST /api/v1/agents/{id}/jobs/{job_id}/status`.
package struct JobStatusReport: WireValue {
    package var status = JobStatus.running
    package var error: String?
    package var errorCode: String?
    package var errorClass: JobErrorClass?
    package var fingerprint: String?
    package var durationMilliseconds: Int?
    package var logExcerpt: String?
    package var result: JSONObject?
    package var attempt: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "JobStatusReport", "How a job went.",
        [
            .required("status", \.status, .choice(["Running", "Completed", "Failed"]), "New state."),
            .optional("error", \.error, .text(0...8192, example: ""), "What failed, in words."),
            .optional("error_code", \.errorCode, .text(0...64, example: "validate_failed"), "Stable reason."),
            .optional("error_class", \.errorClass, "Whether another attempt can help."),
            .optional("fingerprint", \.fingerprint, .fingerprint, "What the endpoint serves now."),
            .optional("duration_ms", \.durationMilliseconds, "How long it took."),
            .optional("log_excerpt", \.logExcerpt, .text(0...8192, example: ""), "Output of the commands."),
            .optional("result", \.result, "The deployment result in full."),
            .optional("attempt", \.attempt, "The attempt it is about; a stale one is refused."),
        ]
    )
}

/// `{"status":"…"}`: the whole answer of several actions.
package struct StatusAnswer: WireValue {
    package var status = ""

    package init() {}
    package init(_ status: String) { self.status = status }

    package static let contract = Contract<Self>(
        "Status", "What was done.", [.required("status", \.status, .text(1...64, example: "updated"), "Fixed word.")]
    )
}
