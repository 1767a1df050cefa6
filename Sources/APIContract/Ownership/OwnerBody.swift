package import Domain

/// An owner as the API shows it (specification, rest-api §7.15).
package struct OwnerBody: WireValue {
    package var id = OwnerID.unset
    package var name = ""
    package var email = ""
    package var teamID: TeamID?
    package var certificateCount: Int?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "Owner", "A person responsible for certificates.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique name."),
            .defaulted("email", \.email, .text(0...254, example: "alice@example.com"), "Where alerts go."),
            .optional("team_id", \.teamID, "Their team."),
            .optional("certificate_count", \.certificateCount, "Certificates they own."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

enum OwnerMembers {
    static let email = Schema.form(.mailAddress, example: "alice@example.com")
}

/// `POST /api/v1/owners`.
package struct CreateOwnerRequest: WireValue {
    package var id: OwnerID?
    package var name = ""
    package var email: String?
    package var teamID: TeamID?

    package init() {}

    package static let contract = Contract<Self>(
        "CreateOwner", "An owner to add.",
        [
            .optional("id", \.id, "Chosen identifier."),
            .required("name", \.name, .name, "Unique name."),
            .optional("email", \.email, OwnerMembers.email, "Where alerts go."),
            .optional("team_id", \.teamID, "Their team."),
        ]
    )
}

/// `PUT` and `PATCH` of an owner.
package struct UpdateOwnerRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var email = FieldUpdate<String>.keep
    package var teamID = FieldUpdate<TeamID>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateOwner", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, "Unique name."),
            .update("email", \.email, OwnerMembers.email, clearable: true, "Where alerts go."),
            .update("team_id", \.teamID, clearable: true, "Their team."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
