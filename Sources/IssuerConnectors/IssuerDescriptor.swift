package import ConnectorKit
package import Domain
package import Encoding

/// What certctl knows about one type of issuer: its configuration and what it can do.
package struct IssuerDescriptor: Sendable {
    package let type: IssuerType
    package let title: String
    package let schema: ConfigSchema
    package let capabilities: IssuerCapabilities
    /// Rules that concern several members of a configuration at once.
    private let checkTogether: @Sendable (JSONObject) -> [FieldProblem]

    init(
        type: IssuerType,
        title: String,
        schema: ConfigSchema,
        capabilities: IssuerCapabilities,
        checkTogether: @escaping @Sendable (JSONObject) -> [FieldProblem]
    ) {
        self.type = type
        self.title = title
        self.schema = ConfigSchema(schema.fields + Self.commonFields)
        self.capabilities = capabilities
        self.checkTogether = checkTogether
    }

    /// What the configurations of all types have (specification, issuers §4).
    private static let commonFields = [
        ConfigField(
            "revoke_on_mismatch",
            .boolean,
            title: "Revoke what was not ordered",
            description:
                "Whether a certificate that breaks the profile or the order is revoked where it was issued, besides being "
                + "refused.",
            defaultValue: .bool(true)
        )
    ]

    /// Everything that is wrong with a configuration, each problem with its pointer.
    package func problems(in config: JSONObject, at base: JSONPointer) -> [FieldProblem] {
        let single = schema.problems(in: .object(config), at: base)
        return single.isEmpty ? checkTogether(config) : single
    }
}

/// The issuers of this build.
package enum IssuerCatalog {
    package static let descriptors: [IssuerDescriptor] = [GenericCAConfig.descriptor]

    /// Throws 422 for a type that certctl knows and this build does not have.
    package static func descriptor(of type: IssuerType) throws(ServiceError) -> IssuerDescriptor {
        guard let descriptor = descriptors.first(where: { $0.type == type }) else {
            let available = descriptors.map(\.type.rawValue).joined(separator: ", ")
            throw ServiceError(
                .unprocessable,
                "issuers of type \(type.rawValue) are not available in this build; available: \(available)",
                problems: [FieldProblem(pointer: "/type", code: "not_available", detail: "available: \(available)")]
            )
        }
        return descriptor
    }

    package static func capabilities(of type: IssuerType) throws(ServiceError) -> IssuerCapabilities {
        try descriptor(of: type).capabilities
    }

    /// The connector of an issuer. Loads or creates CA material through `authorities`.
    package static func makeConnector(
        _ issuer: IssuerID,
        type: IssuerType,
        config: JSONObject,
        authorities: AuthorityAccess,
        time: TimeSource
    ) async throws -> any IssuerConnector {
        let descriptor = try descriptor(of: type)
        let problems = descriptor.problems(in: config, at: JSONPointer.root.appending("config"))
        guard problems.isEmpty else {
            throw IssuerError(
                .validation,
                "the configuration of issuer \(issuer.text) is not valid: \(problems.map(\.detail).joined(separator: "; "))",
                help: "correct it with certctl issuers update"
            )
        }
        return try await LocalCAConnector.make(
            for: issuer,
            config: try GenericCAConfig(config),
            authorities: authorities,
            time: time
        )
    }
}
