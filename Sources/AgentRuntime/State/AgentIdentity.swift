import Domain
import Encoding

/// Who this agent is to its control plane.
struct AgentIdentity: Sendable {
    let agent: AgentID
    let name: String
    /// The base URL at which the agent enrolled.
    let server: String
    let apiKey: Secret
    let enrolledAt: Timestamp
}

/// A file of the state directory that cannot be used.
struct StateFileError: Error, Hashable, Sendable, CustomStringConvertible {
    let file: String
    let reason: String

    var description: String { "\(file): \(reason)" }
}

/// The identity on disk, readable by its owner alone.
struct IdentityStore: Sendable {
    static let fileName = "identity.json"

    let folder: DurableFolder

    /// `nil` before enrolment.
    func load() throws -> AgentIdentity? {
        guard let octets = try folder.readSecret(Self.fileName) else { return nil }
        let path = folder.path(of: Self.fileName)
        guard let json = try? JSONValue(parsing: octets) else {
            throw StateFileError(file: path, reason: "is not JSON; restore it or enrol again with --force")
        }
        guard let agent = json["agent_id"]?.stringValue.flatMap({ try? AgentID($0) }),
            let name = json["name"]?.stringValue,
            let server = json["server"]?.stringValue,
            let apiKey = json["api_key"]?.stringValue, !apiKey.isEmpty,
            let enrolledAt = json["enrolled_at"]?.integerValue
        else {
            throw StateFileError(file: path, reason: "lacks a member; restore it or enrol again with --force")
        }
        return AgentIdentity(
            agent: agent,
            name: name,
            server: server,
            apiKey: Secret(apiKey),
            enrolledAt: Timestamp(microsecondsSinceEpoch: enrolledAt)
        )
    }

    /// Replaces the identity; durable when this returns.
    func save(_ identity: AgentIdentity) throws {
        let octets = identity.apiKey.withText { apiKey -> [UInt8] in
            let json: JSONValue = [
                "agent_id": .string(identity.agent.text),
                "name": .string(identity.name),
                "server": .string(identity.server),
                "api_key": .string(apiKey),
                "enrolled_at": .integer(identity.enrolledAt.microsecondsSinceEpoch),
            ]
            return json.octets
        }
        try folder.write(Self.fileName, octets: octets)
    }
}
