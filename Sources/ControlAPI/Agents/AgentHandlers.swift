import APIContract
import Access
import Domain
import HTTPServing
import Lifecycle
import Sealing
import Store

/// Agents as operators see them, and their enrolment (specification, rest-api §7.8).
struct AgentHandlers: Sendable {
    private static let mostTokens = 500

    let lists: Lists
    let store: AgentStore
    let enrollment: EnrollmentFlow
    let retirement: RetireFlow
    let rotation: AgentKeyFlow
    let authenticator: Authenticator
    /// From where proofs of names are looked at, as the settings say now.
    let perspectives: @Sendable () -> [ACMEPerspective]

    func register(in handlers: inout HandlerTable) {
        handlers.on(AgentRoutes.list) { try await list($0, retirement: nil) }
        handlers.on(AgentRoutes.retired) { try await list($0, retirement: .retired) }
        handlers.on(AgentRoutes.register, enrol)
        handlers.on(AgentRoutes.get, get)
        handlers.on(AgentRoutes.retire, retire)
        handlers.on(AgentRoutes.rotateKey, rotateKey)
        handlers.on(AgentRoutes.listTokens, listTokens)
        handlers.on(AgentRoutes.createToken, createToken)
        handlers.on(AgentRoutes.deleteToken, deleteToken)
    }

    private func list(
        _ context: AuthenticatedContext,
        retirement: AgentFilter.Retirement?
    ) async throws -> OutgoingResponse {
        var filter = AgentFilter()
        filter.statuses = context.query.values("status")
        filter.operatingSystems = context.query.texts("os")
        filter.architectures = context.query.texts("architecture")
        filter.versions = context.query.texts("version")
        filter.retirement = retirement ?? (context.query.flag("include_retired") == true ? .any : .active)
        filter.search = context.query.text("q")
        let natural: AgentSort = retirement == .retired ? .retiredAt : .registeredAt
        return try await lists.answer(
            context, filter: filter, natural: (natural, true), fetch: { [store] in try store.list($0, in: $1) },
            body: { [perspectives = perspectives()] in AgentBody($0, at: perspectives) }
        )
    }

    private func enrol(_ context: EnrolmentContext) async throws -> OutgoingResponse {
        let request: RegisterAgentRequest = try context.request.decode()
        let draft = AgentDraft(
            id: request.id?.text,
            name: request.name,
            hostname: request.hostname,
            metadata: AgentMetadata(
                hostname: request.hostname, os: request.os, architecture: request.architecture,
                ipAddress: request.ipAddress, version: request.softwareVersion, capabilities: request.capabilities
            )
        )
        let authority: EnrollmentAuthority =
            switch context.credential {
            case .principal(let principal): .principal(principal)
            case .token(let token): .token(token)
            }
        let registered = try await enrollment.register(draft, by: authority, origin: context.request.origin)
        let answer = RegisterAgentAnswer {
            $0.agent = AgentBody(registered.agent, at: perspectives())
            $0.apiKey = registered.apiKey.withText { $0 }
        }
        return .json(answer, status: 201, location: "/api/v1/agents/\(registered.agent.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: AgentID = try context.request.id()
        let agent = try await lists.database.fetch { [store] in try store.get(id, in: $0) }
        return .json(AgentBody(agent, at: perspectives()), version: agent.rowVersion)
    }

    private func retire(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let answer = try await retirement.retire(
            try context.request.id(), force: context.query.flag("force") ?? false, reason: context.query.text("reason"),
            expecting: try context.expectedVersion(), by: context.authorship
        )
        authenticator.invalidate()
        switch answer {
        case .alreadyRetired: return .noContent
        case .retired(let time, let cascaded, let before):
            return .json(
                RetireAgentAnswer {
                    $0.retiredAt = time
                    $0.cascaded = cascaded
                    $0.counts = before.counts
                }
            )
        }
    }

    private func rotateKey(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let rotated = try await rotation.rotate(try context.request.id(), by: context.authorship)
        return .json(
            AgentKeyAnswer {
                $0.apiKey = rotated.key.withText { $0 }
                $0.previousValidUntil = rotated.previousValidUntil
            }
        )
    }

    private func listTokens(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let tokens = try await lists.database.fetch { try EnrollmentTokenStore().list(limit: Self.mostTokens, in: $0) }
        return .json(PageEnvelope(all: tokens.map { EnrollmentTokenBody($0) }))
    }

    private func createToken(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateEnrollmentTokenRequest = try context.request.decode()
        let issued = try await enrollment.createToken(
            agentName: request.agentName, agentID: nil, lifetime: .seconds(request.expiresInSeconds),
            maxUses: request.maximumUses, by: context.authorship
        )
        var body = EnrollmentTokenBody(issued.record)
        body.token = issued.value.withText { $0 }
        return .json(body, status: 201)
    }

    private func deleteToken(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await enrollment.revokeToken(try context.request.id("token_id"), by: context.authorship)
        return .noContent
    }
}

extension AgentBody {
    init(_ agent: Agent, at perspectives: [ACMEPerspective]) {
        self.init {
            $0.id = agent.id
            $0.name = agent.name
            $0.hostname = agent.hostname
            $0.status = agent.status
            $0.lastHeartbeatAt = agent.lastHeartbeatAt
            $0.registeredAt = agent.registeredAt
            $0.os = agent.os
            $0.architecture = agent.architecture
            $0.ipAddress = agent.ipAddress
            $0.softwareVersion = agent.version
            $0.capabilities = agent.capabilities
            $0.vantage = ACMEPerspective.vantage(in: agent.capabilities)
            $0.perspectives = perspectives.filter { $0.isAt(agent.id, named: agent.name) }.map(\.name)
            $0.lastError = agent.lastError
            $0.retiredAt = agent.retiredAt
            $0.retiredReason = agent.retiredReason
            $0.rowVersion = agent.rowVersion
        }
    }
}

extension EnrollmentTokenBody {
    init(_ record: EnrollmentTokenRecord) {
        self.init {
            $0.id = record.id
            $0.agentName = record.agentName
            $0.maximumUses = record.maxUses
            $0.uses = record.uses
            $0.createdBy = record.createdBy.id
            $0.createdAt = record.createdAt
            $0.expiresAt = record.expiresAt
        }
    }
}
