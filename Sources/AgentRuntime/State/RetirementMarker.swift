import Domain
import Encoding

/// The note that the control plane retired this agent.
///
/// It outlives the process, so that a service manager that always restarts meets an agent that ends at once; only a
/// new enrolment removes it.
struct RetirementMarker: Sendable {
    static let fileName = "retired.json"

    let folder: DurableFolder

    func read() throws -> String? {
        guard let octets = try folder.read(Self.fileName) else { return nil }
        let json = try? JSONValue(parsing: octets)
        return json?["reason"]?.stringValue ?? "no reason recorded"
    }

    func set(reason: String, agent: AgentID, at now: Timestamp) throws {
        let note: JSONValue = [
            "agent_id": .string(agent.text),
            "reason": .string(reason),
            "retired_at": .integer(now.microsecondsSinceEpoch),
        ]
        try folder.write(Self.fileName, octets: note.octets)
    }

    func clear() throws { try folder.remove(Self.fileName) }
}
