package import Domain
package import Encoding

/// A job as the API shows it (specification, rest-api §7.10).
package struct JobBody: WireValue {
    package var id = JobID.unset
    package var type = JobType.issuance
    package var certificateID: CertificateID?
    package var targetID: TargetID?
    package var agentID: AgentID?
    package var status = JobStatus.pending
    package var attempts = 0
    package var maximumAttempts = 3
    package var lastError: String?
    package var errorClass: JobErrorClass?
    package var scheduledAt = Timestamp.epoch
    package var startedAt: Timestamp?
    package var completedAt: Timestamp?
    package var createdAt = Timestamp.epoch
    package var verificationStatus = ""
    package var verifiedAt: Timestamp?
    package var verificationError: String?
    package var verificationFingerprint: String?
    package var verificationPath: PathOutcome?
    package var verificationPathDetail: String?
    package var trigger: JobTrigger?
    package var versionID: VersionID?
    package var leaseExpiresAt: Timestamp?
    package var deploymentResult: JSONObject?
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "Job", "A piece of work with attempts and a lease.",
        [
            .required("id", \.id, "Identifier."),
            .required("type", \.type, "What it does."),
            .optional("certificate_id", \.certificateID, "The certificate it is about; none for the test of a target."),
            .optional("target_id", \.targetID, "Where it deploys."),
            .optional("agent_id", \.agentID, "Who works on it."),
            .required("status", \.status, "Where it stands."),
            .required("attempts", \.attempts, "Attempts so far."),
            .required("max_attempts", \.maximumAttempts, "Attempts allowed."),
            .optional("last_error", \.lastError, .text(0...8192, example: ""), "Why the last attempt failed."),
            .optional("error_class", \.errorClass, "Kind of that failure."),
            .required("scheduled_at", \.scheduledAt, "Earliest start."),
            .optional("started_at", \.startedAt, "Start of the last attempt."),
            .optional("completed_at", \.completedAt, "When it ended."),
            .required("created_at", \.createdAt, "Creation."),
            .defaulted("verification_status", \.verificationStatus, JobMembers.verification, "Look at the endpoint."),
            .optional("verified_at", \.verifiedAt, "When it was looked at."),
            .optional("verification_error", \.verificationError, .longText, "Why that failed."),
            .optional("verification_fingerprint", \.verificationFingerprint, .fingerprint, "What it served."),
            .optional("verification_path", \.verificationPath, "What validating the served chain came to."),
            .optional("verification_path_detail", \.verificationPathDetail, .longText, "Why it is not valid."),
            .optional("trigger", \.trigger, "What opened it."),
            .optional("version_id", \.versionID, "Version it issued or deploys."),
            .optional("lease_expires_at", \.leaseExpiresAt, "End of the present claim."),
            .optional("deployment_result", \.deploymentResult, "What the agent reported."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

enum JobMembers {
    static let verification = Schema.choice([""] + VerificationStatus.allCases.map(\.rawValue))
}

/// `POST /api/v1/jobs/{id}/verify`. Fingerprints may be empty when `error` says why.
package struct VerifyJobRequest: WireValue {
    package var targetID = TargetID.unset
    package var expectedFingerprint = ""
    package var actualFingerprint = ""
    package var isVerified = false
    package var error: String?
    package var servedPEM: String?
    package var serverName: String?

    package init() {}

    package static let contract = Contract<Self>(
        "VerifyJob", "What an endpoint was seen to serve.",
        [
            .required("target_id", \.targetID, "Where it was looked."),
            .defaulted("expected_fingerprint", \.expectedFingerprint, .fingerprint, "What was deployed."),
            .defaulted("actual_fingerprint", \.actualFingerprint, .fingerprint, "What was served."),
            .defaulted("verified", \.isVerified, "Whether they are the same."),
            .optional("error", \.error, .longText, "Why nothing was seen."),
            .optional("served_pem", \.servedPEM, .pem, "The chain that was served, leaf first; it is validated here."),
            .optional(
                "server_name", \.serverName, .text(1...253, example: "www.example.com"),
                "The name that was asked for."),
        ]
    )
}

/// The short answer to a verification.
package struct VerifyJobAnswer: WireValue {
    package var jobID = JobID.unset
    package var isVerified = false
    package var verifiedAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "JobVerified", "The verification was stored.",
        [
            .required("job_id", \.jobID, "The job."),
            .required("verified", \.isVerified, "Outcome."),
            .required("verified_at", \.verifiedAt, "When."),
        ]
    )
}

/// `GET /api/v1/jobs/{id}/verification`.
package struct VerificationBody: WireValue {
    package var jobID = JobID.unset
    package var targetID = ""
    package var expectedFingerprint = ""
    package var actualFingerprint = ""
    package var isVerified = false
    package var verifiedAt: Timestamp?
    package var error: String?
    package var status = ""
    package var path: PathOutcome?
    package var pathDetail: String?

    package init() {}

    package static let contract = Contract<Self>(
        "VerificationResult", "What an endpoint was seen to serve.",
        [
            .required("job_id", \.jobID, "The job."),
            .required("target_id", \.targetID, .text(0...128, example: "t-nginx-1"), "Where it was looked."),
            .required("expected_fingerprint", \.expectedFingerprint, .fingerprint, "What was deployed."),
            .required("actual_fingerprint", \.actualFingerprint, .fingerprint, "What was served."),
            .required("verified", \.isVerified, "Whether they are the same."),
            .optional("verified_at", \.verifiedAt, "When; absent before the first look."),
            .optional("error", \.error, .longText, "Why nothing was seen."),
            .defaulted("status", \.status, JobMembers.verification, "Outcome as a word."),
            .optional("path", \.path, "What validating the served chain came to; absent when it was not sent."),
            .optional("path_detail", \.pathDetail, .longText, "Why it is not valid."),
        ]
    )
}
