package import Domain
package import Encoding

/// An entry of the audit trail (specification, rest-api §7.16).
package struct AuditEventBody: WireValue {
    package var id = AuditEventID.unset
    package var actor = ""
    package var actorType = ActorType.system
    package var action = ""
    package var resourceType = ""
    package var resourceID = ""
    package var details = JSONObject()
    package var timestamp = Timestamp.epoch
    package var eventCategory: AuditCategory?
    package var requestID: String?
    package var clientIP: String?
    package var channel: String?
    package var outcome: String?
    package var reason: String?
    package var credentialID: String?
    package var sequence: Int?
    package var previousHash: String?
    package var rowHash: String?

    package init() {}

    package static let contract = Contract<Self>(
        "AuditEvent", "Something that was done, and by whom.",
        [
            .required("id", \.id, "Identifier."),
            .required("actor", \.actor, .text(0...255, example: "ops"), "Who."),
            .required("actor_type", \.actorType, "What kind of actor."),
            .required("action", \.action, .text(1...128, example: "certificate_created"), "What."),
            .required("resource_type", \.resourceType, .text(0...64, example: "certificate"), "On what kind."),
            .required("resource_id", \.resourceID, .text(0...255, example: "mc-api-prod"), "On which one."),
            .defaulted("details", \.details, "Facts of the action; never a secret."),
            .required("timestamp", \.timestamp, "When."),
            .optional("event_category", \.eventCategory, "Area."),
            .optional("request_id", \.requestID, "The request that did it."),
            .optional("client_ip", \.clientIP, "Where that came from."),
            .optional("channel", \.channel, "cli, mcp, web, agent or api."),
            .optional("outcome", \.outcome, "success, denied or error."),
            .optional("reason", \.reason, "Why it ended so."),
            .optional("credential_id", \.credentialID, "The API key that was used."),
            .optional("seq", \.sequence, "Place in the sealed log; absent until it is sealed."),
            .optional("prev_hash", \.previousHash, "Hash chain before this entry; empty for the first."),
            .optional("row_hash", \.rowHash, "Hash chain with this entry."),
        ]
    )
}

package enum AuditCategory: String, WireEnum {
    case certificateLifecycle = "cert_lifecycle"
    case auth
    case config
}
