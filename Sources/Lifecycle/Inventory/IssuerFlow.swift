package import ConnectorKit
package import Domain
import EmbeddedCA
package import Encoding
import IssuerConnectors
import Query
package import Sealing
package import Store

/// What a client says about a new issuer.
package struct IssuerDraft: Sendable {
    package var id: String?
    package var name: String
    /// Canonical, lower-case or historical spelling.
    package var type: String
    package var config: JSONObject
    package var enabled: Bool
    package var hierarchyMode = HierarchyMode.single

    package init(id: String? = nil, name: String, type: String, config: JSONObject = [:], enabled: Bool = true) {
        self.id = id
        self.name = name
        self.type = type
        self.config = config
        self.enabled = enabled
    }
}

/// What a client changes of an issuer.
package struct IssuerChange: Sendable {
    package var name: FieldUpdate<String> = .keep
    /// Accepted only when it says what is stored already.
    package var type: FieldUpdate<String> = .keep
    package var config: FieldUpdate<JSONObject> = .keep
    package var enabled: FieldUpdate<Bool> = .keep
    package var hierarchyMode: FieldUpdate<HierarchyMode> = .keep

    package init() {}
}

/// Creates, changes, tests and deletes issuers.
package struct IssuerFlow: Sendable {
    private let context: LifecycleContext
    private let vault: ConfigVault
    private let registry: IssuerRegistry
    private let issuers = IssuerStore()

    package init(_ context: LifecycleContext, sealer: Sealer, registry: IssuerRegistry) {
        self.context = context
        vault = ConfigVault(sealer)
        self.registry = registry
    }

    /// - `rehearsing`: Everything is checked and answered as if it were done, and nothing is stored.
    package func create(
        _ draft: IssuerDraft,
        source: ConfigSource = .database,
        rehearsing isRehearsal: Bool = false,
        by author: Authorship
    ) async throws -> Issuer {
        var problems = FieldProblems()
        let id: IssuerID = draft.id.flatMap { problems.checkedID($0) } ?? context.newID()
        let name = problems.checkedName(draft.name)
        let type = IssuerType(accepting: draft.type)
        if type == nil { problems.add("/type", "unknown_type", "is not a kind of issuer that certctl knows") }
        try problems.throwIfAny()
        guard let type else { throw ServiceError(.internalError, "the checks of an issuer are incomplete") }
        let descriptor = try IssuerCatalog.descriptor(of: type)
        try Self.check(draft.config, descriptor)
        try Self.check(draft.hierarchyMode, type, draft.config)
        guard Issuer.usualCAID(draft.hierarchyMode, .object(draft.config)) == nil else {
            throw Self.refusal("/config/issuing_ca_id", "a new tree has no CA yet; create them, then name one of them")
        }
        // A tree has no key of its own.
        if draft.hierarchyMode != .tree { try await registry.examine(type, draft.config) }
        var fields = sealed(draft.config, descriptor.schema, id, name: name, enabled: draft.enabled)
        fields.hierarchyMode = draft.hierarchyMode
        let insertion = fields
        return try await context.write(rehearsing: isRehearsal) { tx in
            let issuer = try issuers.insert(id, type: type, insertion, source: source, in: tx)
            try context.recorder.record(
                .created(.issuer),
                id.text,
                details: ["type": .string(type.rawValue)],
                change: .creation(of: .issuers),
                by: author,
                in: tx
            )
            return issuer
        }
    }

    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    /// - `rehearsing`: As for a creation.
    package func update(
        _ id: IssuerID,
        _ change: IssuerChange,
        expecting version: Int?,
        rehearsing isRehearsal: Bool = false,
        by author: Authorship
    ) async throws -> Issuer {
        if case .set(let config) = change.config { try await examine(config, of: id) }
        return try await context.write(rehearsing: isRehearsal) { tx in
            let stored = try issuers.get(id, in: tx)
            if case .set(let text) = change.type, IssuerType(accepting: text) != stored.type {
                throw ServiceError(.invalidState, "the type of an issuer never changes; create another issuer")
            }
            var problems = FieldProblems()
            let name = problems.checkedName(change.name.applied(to: stored.name))
            try problems.throwIfAny()
            let descriptor = try IssuerCatalog.descriptor(of: stored.type)
            let kept = try vault.openObject(
                try issuers.encryptedConfig(of: id, in: tx),
                shown: stored.config,
                for: .issuer(id)
            )
            var config = kept
            if case .set(let update) = change.config {
                config = descriptor.schema.merged(update, keeping: kept)
                try Self.check(config, descriptor)
                try Self.checkKey(config, kept, of: stored, in: tx)
            }
            let mode = change.hierarchyMode.applied(to: stored.hierarchyMode)
            try Self.check(mode, stored.type, config)
            if let usual = Issuer.usualCAID(mode, .object(config)) {
                try ChosenAuthority.check(
                    usual, of: id, isNew: usual != Issuer.usualCAID(stored.hierarchyMode, .object(kept)),
                    at: "/config/issuing_ca_id", in: tx)
            }
            if mode != stored.hierarchyMode, try issuers.hasHistory(id, in: tx) {
                throw ServiceError(
                    .invalidState,
                    "the issuer \(id.text) has a CA or has issued, so it stays \(stored.hierarchyMode.rawValue); "
                        + "create another issuer")
            }
            let enabled = change.enabled.applied(to: stored.enabled)
            var fields = sealed(config, descriptor.schema, id, name: name, enabled: enabled)
            fields.hierarchyMode = mode
            let witness = try StateChange(of: .issuers, id.text, in: tx)
            let issuer = try issuers.update(id, fields, expecting: version ?? stored.rowVersion, in: tx)
            if config != kept || mode != stored.hierarchyMode { try issuers.recordTest(id, .untested, in: tx) }
            try context.recorder.record(
                .updated(.issuer),
                id.text,
                details: ["changed": JSONValue(Self.changed(from: kept, to: config, name, enabled, mode, stored))],
                change: witness,
                by: author,
                in: tx
            )
            return try issuers.get(issuer.id, in: tx)
        }
    }

    /// Before a key elsewhere is named: whether it is there. One that was named before may be away for the moment.
    private func examine(_ update: JSONObject, of id: IssuerID) async throws {
        let stored = try await context.read { tx in
            (issuer: try issuers.get(id, in: tx), sealed: try issuers.encryptedConfig(of: id, in: tx))
        }
        let kept = try vault.openObject(stored.sealed, shown: stored.issuer.config, for: .issuer(id))
        let descriptor = try IssuerCatalog.descriptor(of: stored.issuer.type)
        let config = descriptor.schema.merged(update, keeping: kept)
        try Self.check(config, descriptor)
        guard Self.keyFields.contains(where: { config[$0] != kept[$0] }) else { return }
        try await registry.examine(stored.issuer.type, config)
    }

    private static let keyFields = ["key_driver", "key_ref", "key_passphrase", "ca_cert_path"]

    /// A CA that was made keeps its key for ever: its certificate says which one it is.
    private static func checkKey(
        _ config: JSONObject, _ kept: JSONObject, of issuer: Issuer, in tx: any Transaction
    ) throws {
        guard issuer.type == .genericCA else { return }
        let (old, new) = (try GenericCAConfig(kept).material, try GenericCAConfig(config).material)
        switch new {
        // Another certificate, whose key is its own.
        case .files, .heldBelow: return
        case .generated, .held: break
        }
        guard old.heldKey?.reference != new.heldKey?.reference,
            let authority = try AuthorityStore().find(issuer.id, in: tx)
        else { return }
        throw ServiceError(
            .invalidState,
            "the CA of issuer \(issuer.id.text) was made with a key of driver \(authority.keyDriver) and keeps it; "
                + "another key is another CA: create another issuer")
    }

    package func delete(_ id: IssuerID, expecting version: Int?, by author: Authorship) async throws {
        try await context.write { tx in
            let witness = try StateChange(of: .issuers, id.text, in: tx)
            try issuers.delete(id, expecting: version, in: tx)
            try context.removeGrants(in: .issuer(id), by: author, in: tx)
            try context.recorder.record(.deleted(.issuer), id.text, change: witness, by: author, in: tx)
        }
        registry.remove(id)
    }

    /// Looks whether the issuer could issue now, and notes the result. Throws 404 for an unknown one.
    package func test(_ id: IssuerID, by author: Authorship) async throws -> [ConnectionCheck] {
        let issuer = try await context.read { tx in try issuers.get(id, in: tx) }
        var checks: [ConnectionCheck]
        do {
            let connector = try await registry.connector(for: id, revision: issuer.configRevision)
            checks = await connector.testConnection()
        } catch let error as IssuerError {
            checks = [ConnectionCheck(name: "load", isOK: false, detail: "\(error.message). \(error.help)")]
        }
        let isOK = checks.allSatisfy(\.isOK)
        try await context.write { tx in
            try issuers.recordTest(id, isOK ? .success : .failed, in: tx)
            try context.recorder.record(
                isOK ? .issuerTestSucceeded : .issuerTestFailed,
                id.text,
                details: ["issuer_type": .string(issuer.type.rawValue)],
                by: author,
                in: tx
            )
        }
        return checks
    }

    private static func check(_ config: JSONObject, _ descriptor: IssuerDescriptor) throws(ServiceError) {
        let found = descriptor.problems(in: config, at: JSONPointer.root.appending("config"))
        guard let first = found.first else { return }
        throw ServiceError(.unprocessable, "\(first.pointer): \(first.detail)", problems: found)
    }

    private func sealed(
        _ config: JSONObject,
        _ schema: ConfigSchema,
        _ id: IssuerID,
        name: String,
        enabled: Bool
    ) -> IssuerFields {
        let shown = schema.redacted(config)
        return IssuerFields(
            name: name,
            config: .object(shown),
            encryptedConfig: shown == config ? nil : vault.seal(config, for: .issuer(id)),
            enabled: enabled
        )
    }

    private static func refusal(_ pointer: String, _ detail: String) -> ServiceError {
        ServiceError(
            .unprocessable, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: "unexpected", detail: detail)])
    }

    /// Names of what changed, never values.
    private static func changed(
        from old: JSONObject,
        to new: JSONObject,
        _ name: String,
        _ enabled: Bool,
        _ mode: HierarchyMode,
        _ stored: Issuer
    ) -> [String] {
        var names = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.map { "config.\($0)" }.sorted()
        if name != stored.name { names.append("name") }
        if enabled != stored.enabled { names.append("enabled") }
        if mode != stored.hierarchyMode { names.append("hierarchy_mode") }
        return names
    }

    /// A tree of CAs is something of the built-in authority, and has no use for what describes a single one.
    private static func check(
        _ mode: HierarchyMode, _ type: IssuerType, _ config: JSONObject
    ) throws(ServiceError) {
        guard mode == .tree else {
            guard config["issuing_ca_id"]?.stringValue?.isEmpty ?? true else {
                throw refusal("/config/issuing_ca_id", "only a tree has CAs to choose from")
            }
            guard config["preferred_roots"]?.arrayValue?.isEmpty ?? true else {
                throw refusal("/config/preferred_roots", "only a tree has several chains")
            }
            return
        }
        let problems =
            type == .genericCA
            ? GenericCAConfig.problemsOfTree(config)
            : [
                FieldProblem(
                    pointer: "/hierarchy_mode", code: "unsupported",
                    detail: "only issuers of type \(IssuerType.genericCA.rawValue) are trees")
            ]
        guard let first = problems.first else { return }
        throw ServiceError(.unprocessable, "\(first.pointer): \(first.detail)", problems: problems)
    }
}
