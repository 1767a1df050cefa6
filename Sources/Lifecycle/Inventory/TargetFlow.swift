package import ConnectorKit
package import Domain
package import Encoding
import Query
package import Sealing
package import Store

/// What a client says about a new target.
package struct TargetDraft: Sendable {
    package var id: String?
    package var name: String
    package var type: String
    package var agentID: String
    package var config: JSONObject
    package var enabled: Bool

    package init(
        id: String? = nil,
        name: String,
        type: String,
        agentID: String,
        config: JSONObject,
        enabled: Bool = true
    ) {
        self.id = id
        self.name = name
        self.type = type
        self.agentID = agentID
        self.config = config
        self.enabled = enabled
    }
}

/// What a client changes of a target.
package struct TargetChange: Sendable {
    package var name: FieldUpdate<String> = .keep
    package var agentID: FieldUpdate<String> = .keep
    package var config: FieldUpdate<JSONObject> = .keep
    package var enabled: FieldUpdate<Bool> = .keep

    package init() {}
}

/// What is known of a target type: its schema, and the rules that a configuration must keep.
///
/// Handed in, because the target connectors belong to the agent and this module does not import them.
package struct TargetTypeRules: Sendable {
    package let schema: @Sendable (TargetType) throws -> ConfigSchema
    package let problems: @Sendable (TargetType, JSONObject) throws -> [FieldProblem]
    /// - Parameters:
    /// - `schema`: Throws ``ServiceError`` for a type that this build does not have.
    /// - `problems`: Everything that is wrong, with pointers below `/config`.
    package init(
        schema: @escaping @Sendable (TargetType) throws -> ConfigSchema,
        problems: @escaping @Sendable (TargetType, JSONObject) throws -> [FieldProblem]
    ) {
        self.schema = schema
        self.problems = problems
    }
}

/// Creates, changes and deletes deployment targets.
package struct TargetFlow: Sendable {
    private let context: LifecycleContext
    private let vault: ConfigVault
    private let rules: TargetTypeRules
    private let targets = TargetStore()

    package init(_ context: LifecycleContext, sealer: Sealer, rules: TargetTypeRules) {
        self.context = context
        vault = ConfigVault(sealer)
        self.rules = rules
    }

    /// - `rehearsing`: Everything is checked and answered as if it were done, and nothing is stored.
    package func create(
        _ draft: TargetDraft,
        rehearsing isRehearsal: Bool = false,
        by author: Authorship
    ) async throws -> Target {
        var problems = FieldProblems()
        let id: TargetID = draft.id.flatMap { problems.checkedID($0) } ?? context.newID()
        let name = problems.checkedName(draft.name)
        let agent: AgentID? = problems.checkedReference(draft.agentID, at: "/agent_id")
        let type = TargetType(rawValue: draft.type)
        if type == nil { problems.add("/type", "unknown_type", "is not a kind of target that certctl knows") }
        try problems.throwIfAny()
        guard let type, let agent else { throw ServiceError(.internalError, "the checks of a target are incomplete") }
        try checkConfig(draft.config, type)
        let schema = try rules.schema(type)
        let fields = sealed(draft.config, schema, id, name: name, agent: agent, enabled: draft.enabled)
        return try await context.write(rehearsing: isRehearsal) { tx in
            let target = try targets.insert(id, type: type, fields, in: tx)
            try context.recorder.record(
                .created(.target), id.text, change: .creation(of: .targets), by: author, in: tx)
            return target
        }
    }

    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    /// - `rehearsing`: As for a creation.
    package func update(
        _ id: TargetID,
        _ change: TargetChange,
        expecting version: Int?,
        rehearsing isRehearsal: Bool = false,
        by author: Authorship
    ) async throws -> Target {
        try await context.write(rehearsing: isRehearsal) { tx in
            let stored = try targets.get(id, in: tx)
            var problems = FieldProblems()
            let name = problems.checkedName(change.name.applied(to: stored.name))
            let agent: AgentID? = problems.checkedReference(
                change.agentID.applied(to: stored.agentID.text),
                at: "/agent_id"
            )
            try problems.throwIfAny()
            let schema = try rules.schema(stored.type)
            let kept = try vault.openObject(
                try targets.encryptedConfig(of: id, in: tx),
                shown: stored.config,
                for: .target(id)
            )
            var config = kept
            if case .set(let update) = change.config {
                config = schema.merged(update, keeping: kept)
                try checkConfig(config, stored.type)
            }
            let fields = sealed(
                config,
                schema,
                id,
                name: name,
                agent: agent ?? stored.agentID,
                enabled: change.enabled.applied(to: stored.enabled)
            )
            let witness = try StateChange(of: .targets, id.text, in: tx)
            let target = try targets.update(id, fields, expecting: version ?? stored.rowVersion, in: tx)
            if target.agentID != stored.agentID || target.enabled != stored.enabled {
                try moveWork(of: stored, to: target, in: tx)
            }
            try context.recorder.record(.updated(.target), id.text, change: witness, by: author, in: tx)
            return target
        }
    }

    /// Deletes a target that was never used, retires one that was. Attached certificates or open jobs are 409
    /// unless `force` is set.
    package func delete(
        _ id: TargetID,
        force: Bool,
        expecting version: Int?,
        by author: Authorship
    ) async throws -> TargetStore.Removal {
        try await context.write { tx in
            let stored = try targets.get(id, in: tx)
            let certificates = try certificates(attachedTo: id, in: tx)
            if force { try JobStore().cancelOpen(.target(id), reason: "target \(stored.name) was deleted", in: tx) }
            let witness = try StateChange(of: .targets, id.text, in: tx)
            let removal = try targets.remove(id, force: force, reason: nil, expecting: version, in: tx)
            for certificate in certificates { try RenewalPlanner().replan(certificate, in: tx) }
            try context.recorder.record(
                .deleted(.target),
                id.text,
                details: ["outcome": .string(removal.rawValue)],
                change: witness,
                by: author,
                in: tx
            )
            return removal
        }
    }

    private func certificates(attachedTo id: TargetID, in tx: any Transaction) throws -> [CertificateID] {
        try tx.rows("SELECT certificate_id FROM certificate_target_mappings WHERE target_id = \(id)")
            .map { try $0.id("certificate_id") }
    }

    /// Open deployments name the agent that does them, so they end when the target goes to another one or is switched
    /// off; the certificates are planned anew.
    private func moveWork(of stored: Target, to target: Target, in tx: any Transaction) throws {
        if target.agentID != stored.agentID || !target.enabled {
            try JobStore().cancelOpen(.target(target.id), reason: "the target changed", in: tx)
        }
        try RenewalPlanner().replan(deployedThrough: [target.id], in: tx)
    }

    private func checkConfig(_ config: JSONObject, _ type: TargetType) throws {
        let found = try rules.problems(type, config)
        guard let first = found.first else { return }
        throw ServiceError(.unprocessable, "\(first.pointer): \(first.detail)", problems: found)
    }

    private func sealed(
        _ config: JSONObject,
        _ schema: ConfigSchema,
        _ id: TargetID,
        name: String,
        agent: AgentID,
        enabled: Bool
    ) -> TargetFields {
        let shown = schema.redacted(config)
        return TargetFields(
            name: name,
            agentID: agent,
            config: .object(shown),
            encryptedConfig: shown == config ? nil : vault.seal(config, for: .target(id)),
            enabled: enabled
        )
    }
}
