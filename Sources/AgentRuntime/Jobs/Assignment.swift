import Deployment
import Domain
import Encoding
import PKI

/// Work of this agent, checked: what the control plane sent after every identifier, name and setting was parsed.
enum Assignment: Sendable {
    case csr(CSRAssignment)
    case deployment(DeploymentAssignment)
    case test(TestAssignment)

    var job: JobID {
        switch self {
        case .csr(let work): work.job
        case .deployment(let work): work.job
        case .test(let work): work.job
        }
    }

    /// The control plane's count of claims, at least one; reports are idempotent by job and attempt.
    var attempt: Int {
        switch self {
        case .csr(let work): work.attempt
        case .deployment(let work): work.attempt
        case .test(let work): work.attempt
        }
    }

    /// What two assignments must not hold at the same time.
    var exclusivity: Exclusivity {
        switch self {
        case .csr(let work): .keySlot(work.certificate)
        case .deployment(let work): .target(work.target)
        case .test(let work): .target(work.target)
        }
    }

    enum Exclusivity: Hashable, Sendable {
        case keySlot(CertificateID)
        case target(TargetID)
    }
}

/// A certificate that waits for a key of this host and its signing request.
struct CSRAssignment: Sendable {
    let job: JobID
    let attempt: Int
    let certificate: CertificateID
    let commonName: String
    let subjectAltNames: [SubjectAltName]
    let keySpec: KeySpec
    let mustStaple: Bool
    let extendedKeyUsages: [ExtendedKeyUsage]
}

/// A version of a certificate to install on one target, claimed under a lease.
struct DeploymentAssignment: Sendable {
    let job: JobID
    let attempt: Int
    let certificate: CertificateID
    let target: TargetID
    let targetType: TargetType
    /// The complete configuration; may hold secrets, so it is never logged.
    let config: JSONObject
    /// The version to install; `nil` means the latest one.
    let version: VersionID?
    /// SHA-256 of the leaf to install, lower-case hexadecimal, when the control plane named it.
    let fingerprint: String?
    /// Write and reload although the target has the files, and install what is not valid now.
    let isForced: Bool
    let leaseExpiresAt: Timestamp?
    /// The work item as delivered, for the claim on disk.
    let item: JSONValue
}

/// A target whose host is to be looked at: could a deployment succeed?
struct TestAssignment: Sendable {
    let job: JobID
    let attempt: Int
    let target: TargetID
    let targetType: TargetType
    /// The complete configuration; may hold secrets, so it is never logged.
    let config: JSONObject
}

/// A failure of a job, as it is reported: what happened, on what, and what to do.
struct JobFailure: Error, Sendable {
    /// `nil` when the vocabulary has no word for it.
    let code: DeploymentErrorCode?
    let message: String
}
