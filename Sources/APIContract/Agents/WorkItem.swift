package import Domain
package import Encoding

/// One piece of work for an agent (specification, targets §1.6).
package struct WorkItem: WireValue {
    package var id = JobID.unset
    package var type = JobType.deployment
    package var certificateID: CertificateID?
    package var commonName: String?
    package var subjectAltNames: [String]?
    package var targetID: TargetID?
    package var targetType: TargetType?
    /// Complete and with its secrets; only for the owning agent.
    package var targetConfig: JSONObject?
    package var status = JobStatus.running
    package var operation: WorkOperation?
    package var attempt: Int?
    package var leaseExpiresAt: Timestamp?
    package var versionID: VersionID?
    package var fingerprintSHA256: String?
    package var force: Bool?
    package var keySpec: KeySpecBody?
    package var subject: JSONObject?
    package var ext: WorkExtensions?
    package var deadline: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "WorkItem", "A job for an agent.",
        [
            .required("id", \.id, "The job."),
            .required("type", \.type, "What kind of job."),
            .optional("certificate_id", \.certificateID, "The certificate it is about; none for the test of a target."),
            .optional("common_name", \.commonName, "For a job that awaits a CSR."),
            .optional("sans", \.subjectAltNames, "For a job that awaits a CSR."),
            .optional("target_id", \.targetID, "Where to deploy."),
            .optional("target_type", \.targetType, "Kind of consumer."),
            .optional("target_config", \.targetConfig, "Complete configuration of the target."),
            .required("status", \.status, "Where the job stands."),
            .optional("operation", \.operation, "What to do."),
            .optional("attempt", \.attempt, "Counts from 1."),
            .optional("lease_expires_at", \.leaseExpiresAt, "The claim ends then unless a heartbeat extends it."),
            .optional("version_id", \.versionID, "Version to deploy."),
            .optional("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the version to deploy."),
            .optional(
                "force", \.force, "Write and reload although the target has the files, also what is not valid now."
            ),
            .optional("key_spec", \.keySpec, "Key to generate."),
            .optional("subject", \.subject, "Further attributes of the subject."),
            .optional("ext", \.ext, "Extensions to request."),
            .optional("deadline", \.deadline, "Later results are refused."),
        ]
    )
}

package enum WorkOperation: String, WireEnum { case deploy, plan, verify, test, rollback, csr }

/// The key an agent is to generate.
package struct KeySpecBody: WireValue, Hashable {
    package var algorithm = KeyAlgorithm.ecdsa
    package var size = 256

    package init() {}

    package static let contract = Contract<Self>(
        "KeySpec", "Family and size of a key.",
        [
            .required("algorithm", \.algorithm, "Family."),
            .required("size", \.size, "Bits."),
        ]
    )
}

/// Extensions an agent is to request in its CSR.
package struct WorkExtensions: WireValue, Hashable {
    package var mustStaple = false
    package var extendedKeyUsages: [String] = []

    package init() {}

    package static let contract = Contract<Self>(
        "WorkExtensions", "Extensions to request.",
        [
            .defaulted("must_staple", \.mustStaple, "RFC 7633."),
            .defaulted("ekus", \.extendedKeyUsages, "Extended key usages, by name or dotted identifier."),
        ]
    )
}

/// `GET /api/v1/agents/{id}/work`.
package struct WorkAnswer: WireValue {
    package var jobs: [WorkItem] = []
    package var count = 0

    package init() {}

    package init(jobs: [WorkItem]) {
        self.jobs = jobs
        count = jobs.count
    }

    package static let contract = Contract<Self>(
        "Work", "Claimed deployments and tests, and jobs that await a CSR.",
        [
            .required("jobs", \.jobs, "Deployments and tests first, oldest first."),
            .required("count", \.count, "How many."),
        ]
    )
}
