package import Deployment
package import Domain
package import Encoding

/// A target type that this build can deploy to: its configuration and how to construct it.
package struct TargetDescriptor: Sendable {
    package typealias Factory =
        @Sendable (JSONObject, DeploymentHost, TargetDefaults) throws(TargetConfigError) -> any TargetConnector

    package let type: TargetType
    package let title: String
    package let schema: ConfigSchema
    /// Rules that span fields; called when every field by itself is right.
    private let crossCheck: @Sendable (JSONObject, JSONPointer) -> [FieldProblem]
    private let factory: Factory

    package init(
        type: TargetType,
        title: String,
        schema: ConfigSchema,
        crossCheck: @escaping @Sendable (JSONObject, JSONPointer) -> [FieldProblem],
        factory: @escaping Factory
    ) {
        self.type = type
        self.title = title
        self.schema = schema
        self.crossCheck = crossCheck
        self.factory = factory
    }

    /// Everything that can be known to be wrong without the host: for create and update requests.
    package func problems(
        in config: JSONValue,
        at base: JSONPointer = JSONPointer.root.appending("config")
    ) -> [FieldProblem] {
        let problems = schema.problems(in: config, at: base)
        guard problems.isEmpty, case .object(let object) = config else { return problems }
        return crossCheck(object, base)
    }

    /// A connector for a complete configuration. No I/O.
    /// - Throws: ``TargetConfigError`` with every problem.
    package func makeConnector(
        _ config: JSONObject,
        host: DeploymentHost,
        defaults: TargetDefaults = TargetDefaults()
    ) throws(TargetConfigError) -> any TargetConnector {
        let problems = problems(in: .object(config))
        guard problems.isEmpty else { throw TargetConfigError(type: type, problems: problems) }
        return try factory(config, host, defaults)
    }
}

/// A configuration that a connector cannot be made from.
package struct TargetConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    package let type: TargetType
    package let problems: [FieldProblem]

    package init(type: TargetType, problems: [FieldProblem]) {
        self.type = type
        self.problems = problems
    }

    package var description: String {
        let list = problems.map { "\($0.pointer): \($0.detail)" }.joined(separator: "; ")
        return "the configuration of the \(type.rawValue) target is invalid: \(list)"
    }
}

/// What an agent's own settings say where a target's configuration is silent.
package struct TargetDefaults: Hashable, Sendable {
    /// `false` turns verification off for every target of this agent.
    package let verifies: Bool
    /// Between reload and the first look.
    package let verifyDelay: Duration
    package let verifyTimeout: Duration
    /// As `backup_retention` is written: 0 means 3, -1 none.
    package let backupRetention: Int

    package init(
        verifies: Bool = true,
        verifyDelay: Duration = .zero,
        verifyTimeout: Duration = .seconds(10),
        backupRetention: Int = 0
    ) {
        self.verifies = verifies
        self.verifyDelay = verifyDelay
        self.verifyTimeout = verifyTimeout
        self.backupRetention = backupRetention
    }
}
