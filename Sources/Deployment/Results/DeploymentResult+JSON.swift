import Domain
package import Encoding

extension DeploymentResult {
    package var json: JSONValue {
        var metadata = metadata
        metadata["duration_ms"] = "\(duration.wholeMicroseconds / 1000)"
        metadata["idempotent"] = isIdempotent ? "true" : "false"
        if let failedStage { metadata["stage"] = failedStage.rawValue }
        var object: JSONObject = [
            "success": .bool(isSuccess),
            "target_address": .string(targetAddress),
            "deployment_id": .string(deploymentID),
            "message": .string(message),
            "deployed_at": .string(deployedAt.rfc3339),
            "metadata": .object(
                JSONObject(
                    metadata.sorted { $0.key < $1.key }.map { JSONObject.Member(key: $0.key, value: .string($0.value)) }
                )
            ),
            "phases": .array(phases.map(\.json)),
            "changed_files": JSONValue(changedFiles),
            "backup_paths": JSONValue(backupPaths),
            "rolled_back": .bool(isRolledBack),
            "manual_action_required": .bool(needsManualAction),
            "verification": verification.json,
        ]
        if !trusted.isEmpty { object["trusted"] = JSONValue(trusted) }
        if let errorCode { object["error_code"] = .string(errorCode.rawValue) }
        return .object(object)
    }

    /// Reads what ``json`` wrote; `nil` when a member is missing or of another kind.
    package init?(json: JSONValue) {
        guard let isSuccess = json["success"]?.boolValue, let message = json["message"]?.stringValue,
            let deployedAt = json["deployed_at"]?.stringValue.flatMap({ try? Timestamp(rfc3339: $0) }),
            let verification = json["verification"].flatMap(VerificationReport.init(json:))
        else { return nil }
        self.init(startedAt: deployedAt, verification: verification)
        self.isSuccess = isSuccess
        self.message = message
        errorCode = json["error_code"]?.stringValue.flatMap(DeploymentErrorCode.init(rawValue:))
        targetAddress = json["target_address"]?.stringValue ?? ""
        deploymentID = json["deployment_id"]?.stringValue ?? ""
        phases = (json["phases"]?.arrayValue ?? []).compactMap(Phase.init(json:))
        changedFiles = (json["changed_files"]?.arrayValue ?? []).compactMap(\.stringValue)
        backupPaths = (json["backup_paths"]?.arrayValue ?? []).compactMap(\.stringValue)
        trusted = (json["trusted"]?.arrayValue ?? []).compactMap(\.stringValue)
        isRolledBack = json["rolled_back"]?.boolValue ?? false
        needsManualAction = json["manual_action_required"]?.boolValue ?? false
        for member in json["metadata"]?.objectValue ?? [:] {
            if let text = member.value.stringValue { metadata[member.key] = text }
        }
        isIdempotent = metadata.removeValue(forKey: "idempotent") == "true"
        failedStage = metadata.removeValue(forKey: "stage").flatMap(DeploymentStage.init(rawValue:))
        duration = .milliseconds(metadata.removeValue(forKey: "duration_ms").flatMap { Int64($0) } ?? 0)
    }
}

extension DeploymentResult.Phase {
    var json: JSONValue {
        [
            "name": .string(stage.rawValue), "start": .string(start.rfc3339), "ms": JSONValue(milliseconds),
            "outcome": .string(outcome),
        ]
    }

    init?(json: JSONValue) {
        guard let stage = json["name"]?.stringValue.flatMap(DeploymentStage.init(rawValue:)),
            let start = json["start"]?.stringValue.flatMap({ try? Timestamp(rfc3339: $0) }),
            let milliseconds = json["ms"]?.integerValue, let outcome = json["outcome"]?.stringValue
        else { return nil }
        self.init(stage: stage, start: start, milliseconds: Int(milliseconds), outcome: outcome)
    }
}
