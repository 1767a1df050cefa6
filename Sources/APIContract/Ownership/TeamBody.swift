package import Domain

/// A team as the API shows it (specification, rest-api §7.15).
package struct TeamBody: WireValue {
    package var id = TeamID.unset
    package var name = ""
    package var description = ""
    package var certificateCount: Int?
    package var ownerCount: Int?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "Team", "People who share responsibility for certificates.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique name."),
            .defaulted("description", \.description, .longText, "For people."),
            .optional("certificate_count", \.certificateCount, "Certificates of the team."),
            .optional("owner_count", \.ownerCount, "Owners in the team."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

/// `POST /api/v1/teams`.
package struct CreateTeamRequest: WireValue {
    package var id: TeamID?
    package var name = ""
    package var description = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CreateTeam", "A team to add.",
        [
            .optional("id", \.id, "Chosen identifier."),
            .required("name", \.name, .name, "Unique name."),
            .defaulted("description", \.description, .longText, "For people."),
        ]
    )
}

/// `PUT` and `PATCH` of a team.
package struct UpdateTeamRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var description = FieldUpdate<String>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateTeam", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, "Unique name."),
            .update("description", \.description, .longText, clearable: true, "For people."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
