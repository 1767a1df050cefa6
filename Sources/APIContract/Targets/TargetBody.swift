package import Domain
package import Encoding

/// A deployment target as the API shows it (specification, rest-api §7.7).
package struct TargetBody: WireValue {
    package var id = TargetID.unset
    package var name = ""
    package var type = TargetType.nginx
    package var agentID = AgentID.unset
    package var config = JSONObject()
    package var isEnabled = true
    package var lastTestedAt: Timestamp?
    package var testStatus: ConnectionTestStatus?
    package var source: ConfigSource?
    package var retiredAt: Timestamp?
    package var retiredReason: String?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "DeploymentTarget", "A consumer that an agent deploys certificates to.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique on its agent."),
            .required("type", \.type, "Kind of consumer."),
            .required("agent_id", \.agentID, "The agent that deploys."),
            .defaulted("config", \.config, "Configuration of its type; secrets masked."),
            .required("enabled", \.isEnabled, "Whether it is deployed to."),
            .optional("last_tested_at", \.lastTestedAt, "Last test."),
            .optional("test_status", \.testStatus, "Result of that test."),
            .optional("source", \.source, "Who owns the row."),
            .optional("retired_at", \.retiredAt, "When it was retired."),
            .optional("retired_reason", \.retiredReason, .longText, "Why."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

/// `POST /api/v1/targets`.
package struct CreateTargetRequest: WireValue {
    package var id: TargetID?
    package var name = ""
    package var type = TargetType.nginx
    package var agentID = AgentID.unset
    package var config = JSONObject()
    package var isEnabled = true

    package init() {}

    package static let contract = Contract<Self>(
        "CreateTarget", "A target to add.",
        [
            .optional("id", \.id, "Chosen identifier."),
            .required("name", \.name, .name, "Unique on its agent."),
            .required("type", \.type, "Kind of consumer."),
            .required("agent_id", \.agentID, "The agent that deploys."),
            .defaulted("config", \.config, "Configuration of its type."),
            .defaulted("enabled", \.isEnabled, "Whether it is deployed to."),
        ]
    )
}

/// `PUT` and `PATCH` of a target; the type never changes.
package struct UpdateTargetRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var type = FieldUpdate<TargetType>.keep
    package var agentID = FieldUpdate<AgentID>.keep
    package var config = FieldUpdate<JSONObject>.keep
    package var isEnabled = FieldUpdate<Bool>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateTarget", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, "Unique on its agent."),
            .update("type", \.type, "Must equal the stored type."),
            .update("agent_id", \.agentID, "The agent that deploys."),
            .update("config", \.config, "A member \"********\" keeps the stored secret."),
            .update("enabled", \.isEnabled, "Whether it is deployed to."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}

/// The answer to a test of a target.
package struct TargetTestAnswer: WireValue {
    package var status = ConnectionTestStatus.untested
    package var message = ""
    package var checks: [ConnectionCheck] = []

    package init() {}

    package static let contract = Contract<Self>(
        "TargetTest", "Whether the target can be deployed to.",
        [
            .required("status", \.status, "Result."),
            .defaulted("message", \.message, .longText, "What was found."),
            .defaulted("checks", \.checks, "What was tried."),
        ]
    )
}
