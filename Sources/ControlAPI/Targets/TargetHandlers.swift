import APIContract
import ConnectorKit
import Domain
import Encoding
import HTTPServing
import Lifecycle
import Query
import Store
import TargetConnectors

/// Deployment targets (specification, rest-api §7.7).
struct TargetHandlers: Sendable {
    let lists: Lists
    let flow: TargetFlow
    let tests: TargetTestFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(TargetRoutes.list, list)
        handlers.on(TargetRoutes.create, create)
        handlers.on(TargetRoutes.get, get)
        handlers.on(TargetRoutes.replace, update)
        handlers.on(TargetRoutes.patch, update)
        handlers.on(TargetRoutes.delete, delete)
        handlers.on(TargetRoutes.test, test)
        handlers.on(TargetRoutes.types, types)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = TargetFilter()
        filter.agentIDs = context.query.ids("agent_id")
        filter.types = context.query.values("type")
        filter.enabled = context.query.flag("enabled")
        filter.certificateID = context.query.text("certificate_id").map { CertificateID(stored: $0) }
        filter.includesRetired = context.query.flag("include_retired") ?? true
        filter.search = context.query.text("q")
        return try await lists.answer(
            context, filter: filter, natural: (TargetSort.createdAt, true),
            fetch: { try TargetStore().list($0, in: $1) }, body: { TargetBody($0) }
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateTargetRequest = try context.request.decode()
        let draft = TargetDraft(
            id: request.id?.text, name: request.name, type: request.type.rawValue, agentID: request.agentID.text,
            config: request.config, enabled: request.isEnabled
        )
        let isRehearsal = context.query.flag("dry_run") ?? false
        let target = try await flow.create(draft, rehearsing: isRehearsal, by: context.authorship)
        if isRehearsal { return .json(TargetBody(target)) }
        return .json(
            TargetBody(target), status: 201, version: target.rowVersion, location: "/api/v1/targets/\(target.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: TargetID = try context.request.id()
        let target = try await lists.database.fetch { try TargetStore().get(id, in: $0) }
        return .json(TargetBody(target), version: target.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: TargetID = try context.request.id()
        let request: UpdateTargetRequest = try context.request.decode()
        if case .set(let type) = request.type {
            let stored = try await lists.database.fetch { try TargetStore().get(id, in: $0) }
            guard stored.type == type else {
                throw ServiceError(.invalidState, "the type of a target cannot change; create another target")
            }
        }
        var change = TargetChange()
        change.name = request.name.update
        change.agentID = request.agentID.textUpdate()
        change.config = request.config.update
        change.enabled = request.isEnabled.update
        let target = try await flow.update(
            id, change, expecting: try context.expectedVersion(request.expectedVersion),
            rehearsing: context.query.flag("dry_run") ?? false, by: context.authorship
        )
        return .json(TargetBody(target), version: target.rowVersion)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        _ = try await flow.delete(
            try context.request.id(), force: context.query.flag("force") ?? false,
            expecting: try context.expectedVersion(), by: context.authorship
        )
        return .noContent
    }

    private func test(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let outcome = try await tests.test(try context.request.id(), by: context.authorship)
        let answer = TargetTestAnswer {
            $0.status = outcome.status
            $0.message = outcome.message
            $0.checks = outcome.checks.map { check in
                APIContract.ConnectionCheck {
                    $0.name = check.name
                    $0.isOK = check.isOK
                    $0.detail = check.detail
                }
            }
        }
        return .json(answer)
    }

    private func types(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let bodies = TargetCatalog.all.map { descriptor in
            ConnectorTypeBody {
                $0.type = descriptor.type.rawValue
                $0.title = descriptor.title
                $0.configSchema = descriptor.schema.jsonSchema.objectValue ?? [:]
                $0.secretMembers = descriptor.schema.fields.filter(\.isSecret).map(\.name)
            }
        }
        return .json(PageEnvelope(all: bodies))
    }
}

extension TargetBody {
    init(_ target: Target) {
        self.init {
            $0.id = target.id
            $0.name = target.name
            $0.type = target.type
            $0.agentID = target.agentID
            $0.config = target.config.objectValue ?? [:]
            $0.isEnabled = target.enabled
            $0.lastTestedAt = target.lastTestedAt
            $0.testStatus = target.testStatus
            $0.source = target.source
            $0.retiredAt = target.retiredAt
            $0.retiredReason = target.retiredReason
            $0.createdAt = target.createdAt
            $0.updatedAt = target.updatedAt
            $0.version = target.rowVersion
        }
    }
}
