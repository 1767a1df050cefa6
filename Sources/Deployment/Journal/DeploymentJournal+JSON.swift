import Domain
import Encoding
import HostEffects
import Outbound

extension DeploymentJournal {
    private static let version: Int64 = 1

    var json: JSONValue {
        var object: JSONObject = [
            "version": .integer(Self.version),
            "job_id": .string(jobID.text),
            "target_id": .string(targetID.text),
            "started_at": .string(startedAt.rfc3339),
            "stamp": .string("\(stamp)"),
            "phase": .string(phase.rawValue),
            "files": .array(files.map(\.json)),
            "command_timeout_us": .integer(commandTimeout.wholeMicroseconds),
            "served_fingerprints": JSONValue(servedFingerprints),
            "observed_before": .object(
                JSONObject(
                    observedBefore.sorted { $0.key < $1.key }
                        .map { JSONObject.Member(key: $0.key, value: .string($0.value)) }
                )
            ),
            "kept_backups": JSONValue(keptBackups),
            "verification": verification.json,
        ]
        if let validate { object["validate"] = JSONValue(validate) }
        if let reload { object["reload"] = JSONValue(reload) }
        return .object(object)
    }

    /// `nil` when the text is not a journal of this version.
    init?(json: JSONValue) {
        guard json["version"]?.integerValue == Self.version, let job = json["job_id"]?.stringValue,
            let target = json["target_id"]?.stringValue, let jobID = try? JobID(job),
            let targetID = try? TargetID(target),
            let startedAt = json["started_at"]?.stringValue.flatMap({ try? Timestamp(rfc3339: $0) }),
            let stamp = json["stamp"]?.stringValue.flatMap({ Int64($0) }),
            let phase = json["phase"]?.stringValue.flatMap(Phase.init(rawValue:)),
            let files = json["files"]?.arrayValue?.compactMap(File.init(json:)),
            files.count == json["files"]?.arrayValue?.count,
            let timeout = json["command_timeout_us"]?.integerValue,
            let verification = json["verification"].flatMap(VerificationChoice.init(json:))
        else { return nil }
        self.jobID = jobID
        self.targetID = targetID
        self.startedAt = startedAt
        self.stamp = stamp
        self.phase = phase
        self.files = files
        self.verification = verification
        commandTimeout = .microseconds(timeout)
        validate = json["validate"]?.arrayValue?.compactMap(\.stringValue)
        reload = json["reload"]?.arrayValue?.compactMap(\.stringValue)
        servedFingerprints = (json["served_fingerprints"]?.arrayValue ?? []).compactMap(\.stringValue)
        var observed: [String: String] = [:]
        for member in json["observed_before"]?.objectValue ?? [:] { observed[member.key] = member.value.stringValue }
        observedBefore = observed
        keptBackups = json["kept_backups"]?.integerValue.map { Int($0) } ?? 0
    }
}

extension DeploymentJournal.File {
    var json: JSONValue {
        var object: JSONObject = [
            "role": .string(role.rawValue), "destination": .string(destination), "temporary": .string(temporary),
            "digest": .string(digest), "attributes": attributes.json,
        ]
        if let previous {
            object["previous"] = [
                "digest": .string(previous.digest), "attributes": previous.attributes.json,
                "backup": .string(previous.backup),
            ]
        }
        return .object(object)
    }

    init?(json: JSONValue) {
        guard let role = json["role"]?.stringValue.flatMap(FileRole.init(rawValue:)),
            let destination = json["destination"]?.stringValue, let temporary = json["temporary"]?.stringValue,
            let digest = json["digest"]?.stringValue,
            let attributes = json["attributes"].flatMap(FileAttributes.init(json:))
        else { return nil }
        var previous: DeploymentJournal.Previous?
        if let old = json["previous"] {
            guard let digest = old["digest"]?.stringValue, let backup = old["backup"]?.stringValue,
                let attributes = old["attributes"].flatMap(FileAttributes.init(json:))
            else { return nil }
            previous = DeploymentJournal.Previous(digest: digest, attributes: attributes, backup: backup)
        }
        self.init(
            role: role,
            destination: destination,
            temporary: temporary,
            digest: digest,
            attributes: attributes,
            previous: previous
        )
    }
}

extension FileAttributes {
    fileprivate var json: JSONValue {
        ["mode": .string(octalMode), "uid": .integer(Int64(userID)), "gid": .integer(Int64(groupID))]
    }

    fileprivate init?(json: JSONValue) {
        guard let mode = json["mode"]?.stringValue.flatMap({ UInt32($0, radix: 8) }),
            let userID = json["uid"]?.integerValue, let groupID = json["gid"]?.integerValue
        else { return nil }
        self.init(mode: mode, userID: UInt32(clamping: userID), groupID: UInt32(clamping: groupID))
    }
}

extension VerificationChoice {
    fileprivate var json: JSONValue {
        switch self {
        case .skip(let reason): return ["skip": .string(reason)]
        case .probe(let plan):
            var object: JSONObject = [
                "host": .string(plan.endpoint.host), "port": JSONValue(plan.endpoint.port),
                "timeout_us": .integer(plan.timeout.wholeMicroseconds), "attempts": JSONValue(plan.attempts),
                "backoff_us": .integer(plan.backoff.wholeMicroseconds),
                "longest_backoff_us": .integer(plan.longestBackoff.wholeMicroseconds),
                "delay_us": .integer(plan.delay.wholeMicroseconds),
            ]
            if let name = plan.endpoint.serverName { object["server_name"] = .string(name) }
            return .object(object)
        }
    }

    fileprivate init?(json: JSONValue) {
        if let reason = json["skip"]?.stringValue {
            self = .skip(reason: reason)
            return
        }
        guard let host = json["host"]?.stringValue, let port = json["port"]?.integerValue,
            let timeout = json["timeout_us"]?.integerValue, let attempts = json["attempts"]?.integerValue,
            let backoff = json["backoff_us"]?.integerValue, let longest = json["longest_backoff_us"]?.integerValue,
            let delay = json["delay_us"]?.integerValue
        else { return nil }
        self = .probe(
            VerificationPlan(
                endpoint: TLSEndpoint(host: host, port: Int(port), serverName: json["server_name"]?.stringValue),
                timeout: .microseconds(timeout),
                attempts: Int(attempts),
                backoff: .microseconds(backoff),
                longestBackoff: .microseconds(longest),
                delay: .microseconds(delay)
            )
        )
    }
}
