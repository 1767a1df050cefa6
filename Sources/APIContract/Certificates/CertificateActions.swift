package import Domain

/// `POST /api/v1/certificates/{id}/renew`; the body may be absent.
package struct RenewRequest: WireValue {
    package var force = false

    package init() {}

    package static let contract = Contract<Self>(
        "RenewCertificate", "Options of a renewal.",
        [.defaulted("force", \.force, "Renew although a renewal is in progress.")]
    )
}

/// The answer to a renewal.
package struct RenewAnswer: WireValue {
    package var status = "renewal_triggered"
    package var jobID: JobID?
    package var jobStatus: JobStatus?
    package var approvalID: ApprovalID?

    package init() {}

    package static let contract = Contract<Self>(
        "RenewAccepted", "The renewal job was opened.",
        [
            .required("status", \.status, .choice(["renewal_triggered"]), "Always the same."),
            .optional("job_id", \.jobID, "The job to follow."),
            .optional("job_status", \.jobStatus, "Where the job starts."),
            .optional("approval_id", \.approvalID, "What a second person has to decide about first."),
        ]
    )
}

/// `POST /api/v1/certificates/{id}/deploy`; the body may be absent.
package struct DeployRequest: WireValue {
    package var targetID: TargetID?
    package var force = false

    package init() {}

    package static let contract = Contract<Self>(
        "DeployCertificate", "Options of a deployment.",
        [
            .optional("target_id", \.targetID, "One target; all attached ones when absent."),
            .defaulted(
                "force", \.force,
                "Write and reload although the target already has the files; also what is not valid now."
            ),
        ]
    )
}

/// The answer to a deployment.
package struct DeployAnswer: WireValue {
    package var status = "deployment_triggered"
    package var jobs: [DeployedJob] = []

    package init() {}

    package static let contract = Contract<Self>(
        "DeployAccepted", "The deployment jobs were opened.",
        [
            .required("status", \.status, .choice(["deployment_triggered"]), "Always the same."),
            .defaulted("jobs", \.jobs, "One job for each target."),
        ]
    )
}

/// A job that a deployment opened.
package struct DeployedJob: WireValue {
    package var jobID = JobID.unset
    package var targetID = TargetID.unset
    package var status = JobStatus.pending

    package init() {}

    package static let contract = Contract<Self>(
        "DeployedJob", "A deployment job.",
        [
            .required("job_id", \.jobID, "The job to follow."),
            .required("target_id", \.targetID, "Where it deploys."),
            .required("status", \.status, "Where the job starts."),
        ]
    )
}

/// `POST /api/v1/certificates/{id}/csr`.
package struct SubmitCSRRequest: WireValue {
    package var csrPEM = ""

    package init() {}

    package static let contract = Contract<Self>(
        "SubmitCSR", "A PKCS#10 request made elsewhere.",
        [.required("csr_pem", \.csrPEM, CertificateMembers.csr, "PEM CERTIFICATE REQUEST.")]
    )
}

/// 202: the issuer did not answer at once.
package struct CSRAcceptedAnswer: WireValue {
    package var status = "issuance_pending"
    package var jobID = JobID.unset
    package var jobStatus = JobStatus.pending
    package var approvalID: ApprovalID?

    package init() {}

    package static let contract = Contract<Self>(
        "CSRAccepted", "The issuance job that now holds the request.",
        [
            .required("status", \.status, .choice(["issuance_pending"]), "Always the same."),
            .required("job_id", \.jobID, "The job to follow."),
            .required("job_status", \.jobStatus, "Where the job stands."),
            .optional("approval_id", \.approvalID, "What a second person has to decide about first."),
        ]
    )
}
