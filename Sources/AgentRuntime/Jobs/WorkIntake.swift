import APIContract
import Deployment
import Domain
import Encoding
import PKI

/// Turns what the control plane sent into assignments. Nothing of an item is trusted before it was parsed here.
enum WorkIntake {
    enum Verdict: Sendable {
        case work(Assignment)
        /// A deployment without a target: done by definition.
        case nothingToDo(JobID, attempt: Int)
        /// Not for agents, or not for this one.
        case ignored(String)
        /// Wrong, and of an identifier that cannot even be named in a report.
        case unreportable(String)
        /// Wrong, and reported as a failure of the job.
        case refused(JobID, attempt: Int, JobFailure)
    }

    /// What a redacted setting looks like; a configuration that holds it would be written to disk as it is.
    static let redaction = "********"

    static func assess(_ item: JSONValue) -> Verdict {
        guard let text = item["id"]?.stringValue, let job = try? JobID(text) else {
            return .unreportable("a work item has no valid identifier")
        }
        let attempt = max(1, Int(item["attempt"]?.integerValue ?? 1))
        let isDeployment = item["type"]?.stringValue == JobType.deployment.rawValue
        let awaitsCSR = item["status"]?.stringValue == JobStatus.awaitingCSR.rawValue
        let isTest =
            item["type"]?.stringValue == JobType.validation.rawValue
            && item["operation"]?.stringValue == WorkOperation.test.rawValue
        guard isDeployment || awaitsCSR || isTest else {
            return .ignored("job \(job) is neither a deployment nor a test, nor awaits a CSR")
        }
        do throws(JobFailure) {
            if isTest { return .work(.test(try test(item, job: job, attempt: attempt))) }
            return awaitsCSR
                ? .work(.csr(try csr(item, job: job, attempt: attempt)))
                : try deployment(item, job: job, attempt: attempt)
        } catch {
            return .refused(job, attempt: attempt, error)
        }
    }

    private static func csr(_ item: JSONValue, job: JobID, attempt: Int) throws(JobFailure) -> CSRAssignment {
        let work = try decode(item)
        guard let commonName = work.commonName, !commonName.isEmpty else {
            throw invalid("the certificate has no common name")
        }
        return CSRAssignment(
            job: job,
            attempt: attempt,
            certificate: try certificate(item),
            commonName: commonName,
            subjectAltNames: try names(work.subjectAltNames ?? []),
            keySpec: try keySpec(work.keySpec),
            mustStaple: work.ext?.mustStaple ?? false,
            extendedKeyUsages: try usages(work.ext?.extendedKeyUsages ?? [])
        )
    }

    private static func deployment(_ item: JSONValue, job: JobID, attempt: Int) throws(JobFailure) -> Verdict {
        guard let typeName = item["target_type"]?.stringValue, !typeName.isEmpty else {
            return .nothingToDo(job, attempt: attempt)
        }
        let type = try targetType(typeName)
        let work = try decode(item)
        guard work.operation == nil || work.operation == .deploy else {
            throw invalid("this agent does not support the operation “\(work.operation?.rawValue ?? "")”")
        }
        let (target, config) = try target(item, work)
        let assignment = DeploymentAssignment(
            job: job,
            attempt: attempt,
            certificate: try certificate(item),
            target: target,
            targetType: type,
            config: config,
            version: try version(item),
            fingerprint: work.fingerprintSHA256?.lowercased(),
            isForced: work.force ?? false,
            leaseExpiresAt: work.leaseExpiresAt,
            item: item
        )
        return .work(.deployment(assignment))
    }

    private static func test(_ item: JSONValue, job: JobID, attempt: Int) throws(JobFailure) -> TestAssignment {
        let type = try targetType(item["target_type"]?.stringValue ?? "")
        let (target, config) = try target(item, try decode(item))
        return TestAssignment(job: job, attempt: attempt, target: target, targetType: type, config: config)
    }

    private static func targetType(_ name: String) throws(JobFailure) -> TargetType {
        guard let type = TargetType(rawValue: name) else {
            throw invalid("connector init failed: this agent knows no target type “\(printable(name))”")
        }
        return type
    }

    private static func target(
        _ item: JSONValue,
        _ work: WorkItem
    ) throws(JobFailure) -> (target: TargetID, config: JSONObject) {
        guard let text = item["target_id"]?.stringValue, let target = try? TargetID(text) else {
            throw invalid("the work item has no valid target_id")
        }
        let config = work.targetConfig ?? JSONObject()
        if let pointer = redactedSetting(in: .object(config)) {
            throw invalid("the setting \(pointer) of the target is redacted; the agent needs all of the configuration")
        }
        return (target, config)
    }

    private static func decode(_ item: JSONValue) throws(JobFailure) -> WorkItem {
        guard let work = WorkItem(wire: item) else {
            throw invalid("the work item has a member of another form than the interface says")
        }
        return work
    }

    /// Identifiers become names of files and parts of paths: the form is checked again on this side.
    private static func certificate(_ item: JSONValue) throws(JobFailure) -> CertificateID {
        guard let text = item["certificate_id"]?.stringValue, let id = try? CertificateID(text) else {
            throw invalid("the certificate_id is missing or cannot name a directory")
        }
        return id
    }

    private static func version(_ item: JSONValue) throws(JobFailure) -> VersionID? {
        guard let text = item["version_id"]?.stringValue, !text.isEmpty else { return nil }
        guard let id = try? VersionID(text) else { throw invalid("the version_id cannot name a file") }
        return id
    }

    private static func names(_ texts: [String]) throws(JobFailure) -> [SubjectAltName] {
        var names: [SubjectAltName] = []
        for text in texts {
            do {
                names.append(try SubjectAltName(classifying: text))
            } catch {
                throw invalid("the name “\(printable(text))” cannot be certified: \(error)")
            }
        }
        return names
    }

    private static func keySpec(_ body: KeySpecBody?) throws(JobFailure) -> KeySpec {
        guard let body else { return .ecdsaP256 }
        let spec = KeySpec.allCases.first { $0.algorithm == body.algorithm && $0.size == body.size }
        guard let spec else {
            throw invalid("this agent cannot generate a key of \(body.algorithm.rawValue) with \(body.size) bits")
        }
        return spec
    }

    private static func usages(_ names: [String]) throws(JobFailure) -> [ExtendedKeyUsage] {
        var usages: [ExtendedKeyUsage] = []
        for name in names {
            guard let usage = ExtendedKeyUsage(rawValue: name) else {
                throw invalid("this agent cannot request the extended key usage “\(printable(name))”")
            }
            usages.append(usage)
        }
        return usages
    }

    /// The JSON pointer of the first redacted setting.
    private static func redactedSetting(in value: JSONValue, at pointer: String = "") -> String? {
        switch value {
        case .string(let text): text == redaction ? pointer : nil
        case .array(let elements):
            elements.enumerated().lazy.compactMap { redactedSetting(in: $1, at: "\(pointer)/\($0)") }.first
        case .object(let object):
            object.lazy.compactMap { redactedSetting(in: $0.value, at: "\(pointer)/\($0.key)") }.first
        case .null, .bool, .integer, .number: nil
        }
    }

    private static func invalid(_ message: String) -> JobFailure { JobFailure(code: .configInvalid, message: message) }

    /// Text of others, cut and without control characters, for messages.
    private static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.lazy.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(128)
        return String(String.UnicodeScalarView(scalars))
    }
}
