package import Domain
package import Encoding

/// An issuer as the API shows it (specification, rest-api §7.5): secrets of its configuration are masked.
package struct IssuerBody: WireValue {
    package var id = IssuerID.unset
    package var name = ""
    package var type = IssuerType.genericCA
    package var config = JSONObject()
    package var isEnabled = true
    package var lastTestedAt: Timestamp?
    package var testStatus: ConnectionTestStatus?
    package var source: ConfigSource?
    package var hierarchyMode: HierarchyMode?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "Issuer", "A certification authority that certctl orders from.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique name."),
            .required("type", \.type, "Kind of authority."),
            .defaulted("config", \.config, "Configuration of its type; secrets masked."),
            .required("enabled", \.isEnabled, "Whether it takes orders."),
            .optional("last_tested_at", \.lastTestedAt, "Last connection test."),
            .optional("test_status", \.testStatus, "Result of that test."),
            .optional("source", \.source, "Who owns the row."),
            .optional("hierarchy_mode", \.hierarchyMode, "One certificate, or a tree of CAs."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

package enum HierarchyMode: String, WireEnum { case single, tree }

/// `POST /api/v1/issuers`.
package struct CreateIssuerRequest: WireValue {
    package var id: IssuerID?
    package var name = ""
    package var type = IssuerType.genericCA
    package var config = JSONObject()
    package var isEnabled = true
    package var hierarchyMode = HierarchyMode.single

    package init() {}

    package static let contract = Contract<Self>(
        "CreateIssuer", "An issuer to add.",
        [
            .optional("id", \.id, "Chosen identifier."),
            .required("name", \.name, .name, "Unique name."),
            .required("type", \.type, "Kind of authority; older spellings are accepted."),
            .defaulted("config", \.config, "Configuration of its type."),
            .defaulted("enabled", \.isEnabled, "Whether it takes orders."),
            .defaulted(
                "hierarchy_mode", \.hierarchyMode,
                "`tree`, for a local CA alone: roots, intermediates and issuing CAs, created as intermediates."),
        ]
    )
}

/// `PUT` and `PATCH` of an issuer; the type never changes.
package struct UpdateIssuerRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var type = FieldUpdate<IssuerType>.keep
    package var config = FieldUpdate<JSONObject>.keep
    package var isEnabled = FieldUpdate<Bool>.keep
    package var hierarchyMode = FieldUpdate<HierarchyMode>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateIssuer", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, "Unique name."),
            .update("type", \.type, "Must equal the stored type."),
            .update("config", \.config, "A member \"********\" keeps the stored secret."),
            .update("enabled", \.isEnabled, "Whether it takes orders."),
            .update(
                "hierarchy_mode", \.hierarchyMode,
                "Changes only while the issuer has no CA and has issued nothing."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}

/// The answer to a successful connection test of an issuer.
package struct IssuerTestAnswer: WireValue {
    package var status = "connection_successful"
    package var checks: [ConnectionCheck] = []

    package init() {}

    package static let contract = Contract<Self>(
        "IssuerTest", "The issuer answered.",
        [
            .required("status", \.status, .choice(["connection_successful"]), "Always the same."),
            .defaulted("checks", \.checks, "What was tried."),
        ]
    )
}

/// One step of a connection test.
package struct ConnectionCheck: WireValue, Hashable {
    package var name = ""
    package var isOK = false
    package var detail = ""
    package var durationMilliseconds = 0

    package init() {}

    package static let contract = Contract<Self>(
        "ConnectionCheck", "One step of a connection test.",
        [
            .required("name", \.name, .text(1...4096, example: "configuration"), "Which step, field or path."),
            .required("ok", \.isOK, "Whether it passed."),
            .defaulted("detail", \.detail, .longText, "What was found; never a secret."),
            .defaulted("duration_ms", \.durationMilliseconds, "How long it took."),
        ]
    )
}

/// `GET /api/v1/issuers/{id}/ca-certificates` and `GET /api/v1/ca/control-plane` as JSON.
package struct CACertificatesAnswer: WireValue {
    package var pemChain = ""
    package var fingerprintSHA256 = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CACertificates", "Certificates of an authority.",
        [
            .required("pem_chain", \.pemChain, .pem, "Issuing certificate first, root last."),
            .required("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the first certificate."),
        ]
    )
}

/// A kind of issuer or target with the shape of its configuration.
package struct ConnectorTypeBody: WireValue {
    package var type = ""
    package var title = ""
    package var configSchema = JSONObject()
    package var secretMembers: [String] = []
    package var capabilities = JSONObject()

    package init() {}

    package static let contract = Contract<Self>(
        "ConnectorType", "A kind of connector; clients build forms from it.",
        [
            .required("type", \.type, .text(1...64, example: "NGINX"), "The name in the member `type`."),
            .defaulted("title", \.title, .text(0...255, example: "nginx"), "The name for people."),
            .required("config_schema", \.configSchema, "JSON Schema of the member `config`."),
            .defaulted("secret_members", \.secretMembers, "Pointers of the members that are masked."),
            .defaulted("capabilities", \.capabilities, "What the connector can do."),
        ]
    )
}
