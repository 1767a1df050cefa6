package import Domain

/// `POST /api/v1/agents/enrollment-tokens`.
package struct CreateEnrollmentTokenRequest: WireValue {
    package var agentName: String?
    package var expiresInSeconds = 3600
    package var maximumUses = 1

    package init() {}

    package static let contract = Contract<Self>(
        "CreateEnrollmentToken", "A credential for first contact.",
        [
            .optional(
                "agent_name", \.agentName, .text(1...128, example: "edge-1"), "Only an agent of this name may use it."),
            .defaulted("ttl_seconds", \.expiresInSeconds, .integer(60...604_800), "Life of the token."),
            .defaulted("max_uses", \.maximumUses, .integer(1...1000), "How many agents it enrols."),
        ]
    )
}

/// An enrolment token; the token itself only in the answer to its creation.
package struct EnrollmentTokenBody: WireValue {
    package var id = EnrollmentTokenID.unset
    package var agentName: String?
    package var token: String?
    package var maximumUses = 1
    package var uses = 0
    package var createdBy = ""
    package var createdAt = Timestamp.epoch
    package var expiresAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "EnrollmentToken", "A credential for first contact.",
        [
            .required("id", \.id, "Identifier."),
            .optional("agent_name", \.agentName, "Only an agent of this name may use it."),
            .optional("token", \.token, "Shown once, at creation."),
            .required("max_uses", \.maximumUses, "How many agents it enrols."),
            .required("uses", \.uses, "How many it has enrolled."),
            .defaulted("created_by", \.createdBy, "Actor."),
            .required("created_at", \.createdAt, "Creation."),
            .required("expires_at", \.expiresAt, "End of life."),
        ]
    )
}
