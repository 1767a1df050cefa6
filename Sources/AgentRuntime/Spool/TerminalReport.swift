import Deployment
import Domain
import Encoding

/// The end of one attempt of one job, kept on disk until the control plane acknowledged it.
struct TerminalReport: Hashable, Sendable {
    enum Outcome: Hashable, Sendable, CustomStringConvertible {
        case completed
        /// The code is `nil` when the vocabulary has no word for it.
        case failed(DeploymentErrorCode?, message: String)

        var isCompleted: Bool { self == .completed }

        var description: String {
            switch self {
            case .completed: "completed"
            case .failed(let code, let message): "failed: \(code.map { "\($0.rawValue): " } ?? "")\(message)"
            }
        }
    }

    let job: JobID
    let attempt: Int
    let outcome: Outcome
    /// What a deployment did and observed, and on which target.
    let installation: Installation?
    /// What the test of a target found.
    let findings: JSONObject?
    let finishedAt: Timestamp

    struct Installation: Hashable, Sendable {
        let target: TargetID
        let result: DeploymentResult
    }

    init(
        job: JobID,
        attempt: Int,
        outcome: Outcome,
        installation: Installation? = nil,
        findings: JSONObject? = nil,
        finishedAt: Timestamp
    ) {
        self.job = job
        self.attempt = attempt
        self.outcome = outcome
        self.installation = installation
        self.findings = findings
        self.finishedAt = finishedAt
    }
}

extension TerminalReport {
    /// The form on disk.
    var json: JSONValue {
        var json: JSONValue = [
            "job_id": .string(job.text),
            "attempt": JSONValue(attempt),
            "finished_at": .integer(finishedAt.microsecondsSinceEpoch),
        ]
        switch outcome {
        case .completed: json["status"] = .string(JobStatus.completed.rawValue)
        case .failed(let code, let message):
            json["status"] = .string(JobStatus.failed.rawValue)
            json["error_code"] = code.map { .string($0.rawValue) }
            json["error"] = .string(message)
        }
        json["target_id"] = installation.map { .string($0.target.text) }
        json["result"] = installation.map(\.result.json)
        json["findings"] = findings.map { .object($0) }
        return json
    }

    /// Reads the form on disk; `nil` when it is not one.
    init?(json: JSONValue) {
        guard let job = json["job_id"]?.stringValue.flatMap({ try? JobID($0) }),
            let attempt = json["attempt"]?.integerValue,
            let finishedAt = json["finished_at"]?.integerValue,
            let outcome = Outcome(json: json)
        else { return nil }
        var installation: Installation?
        if let target = json["target_id"]?.stringValue.flatMap({ try? TargetID($0) }),
            let result = json["result"].flatMap({ DeploymentResult(json: $0) })
        {
            installation = Installation(target: target, result: result)
        }
        self.init(
            job: job,
            attempt: Int(attempt),
            outcome: outcome,
            installation: installation,
            findings: json["findings"]?.objectValue,
            finishedAt: Timestamp(microsecondsSinceEpoch: finishedAt)
        )
    }
}

extension TerminalReport.Outcome {
    fileprivate init?(json: JSONValue) {
        switch json["status"]?.stringValue {
        case JobStatus.completed.rawValue: self = .completed
        case JobStatus.failed.rawValue:
            guard let message = json["error"]?.stringValue else { return nil }
            let code = json["error_code"]?.stringValue.flatMap { DeploymentErrorCode(rawValue: $0) }
            self = .failed(code, message: message)
        default: return nil
        }
    }
}
