import APIContract
import ConnectorKit
import Crypto
import Domain
import Encoding
import HTTPServing
import IssuerConnectors
import Lifecycle
import PKI
import Store

/// Issuers (specification, rest-api §7.5).
struct IssuerHandlers: Sendable {
    let lists: Lists
    let flow: IssuerFlow
    let registry: IssuerRegistry

    func register(in handlers: inout HandlerTable) {
        handlers.on(IssuerRoutes.list, list)
        handlers.on(IssuerRoutes.create, create)
        handlers.on(IssuerRoutes.get, get)
        handlers.on(IssuerRoutes.replace, update)
        handlers.on(IssuerRoutes.patch, update)
        handlers.on(IssuerRoutes.delete, delete)
        handlers.on(IssuerRoutes.test, test)
        handlers.on(IssuerRoutes.caCertificates, authorities)
        handlers.on(IssuerRoutes.types, types)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = IssuerFilter()
        filter.types = context.query.texts("type").compactMap { IssuerType(accepting: $0) }
        filter.enabled = context.query.flag("enabled")
        filter.search = context.query.text("q")
        let clearance = context.clearance
        return try await lists.answer(
            context, filter: filter, natural: (IssuerSort.createdAt, true),
            fetch: { try IssuerStore().list($0, within: clearance, in: $1) }, body: { IssuerBody($0) }
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateIssuerRequest = try context.request.decode()
        var draft = IssuerDraft(
            id: request.id?.text, name: request.name, type: request.type.rawValue, config: request.config,
            enabled: request.isEnabled
        )
        draft.hierarchyMode = Store.HierarchyMode(request.hierarchyMode)
        let isRehearsal = context.query.flag("dry_run") ?? false
        let issuer = try await flow.create(draft, rehearsing: isRehearsal, by: context.authorship)
        if isRehearsal { return .json(IssuerBody(issuer)) }
        return .json(
            IssuerBody(issuer), status: 201, version: issuer.rowVersion, location: "/api/v1/issuers/\(issuer.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let issuer = try await issuer(try context.request.id())
        return .json(IssuerBody(issuer), version: issuer.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateIssuerRequest = try context.request.decode()
        var change = IssuerChange()
        change.name = request.name.update
        change.type = request.type.update(cleared: "") { $0.rawValue }
        change.config = request.config.update
        change.enabled = request.isEnabled.update
        change.hierarchyMode = request.hierarchyMode.update(cleared: .single) { Store.HierarchyMode($0) }
        let issuer = try await flow.update(
            try context.request.id(), change, expecting: try context.expectedVersion(request.expectedVersion),
            rehearsing: context.query.flag("dry_run") ?? false, by: context.authorship
        )
        return .json(IssuerBody(issuer), version: issuer.rowVersion)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await flow.delete(
            try context.request.id(), expecting: try context.expectedVersion(), by: context.authorship
        )
        return .noContent
    }

    /// 200 when every check passes; 502 with the same list when one does not.
    private func test(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let checks = try await flow.test(try context.request.id(), by: context.authorship)
        let isSuccess = checks.allSatisfy(\.isOK)
        let answer = IssuerTestAnswer {
            $0.status = isSuccess ? "connection_successful" : "connection_failed"
            $0.checks = checks.map { check in
                APIContract.ConnectionCheck {
                    $0.name = check.name
                    $0.isOK = check.isOK
                    $0.detail = check.detail
                }
            }
        }
        return .json(answer, status: isSuccess ? 200 : 502)
    }

    private func authorities(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let issuer = try await issuer(try context.request.id())
        let chain: [X509Certificate]
        do {
            let connector = try await registry.connector(for: issuer.id, revision: issuer.configRevision)
            chain = try await connector.authorityChain()
        } catch let error as IssuerError {
            throw ServiceError(.upstreamFailed, "\(error.message). \(error.help)", retryAfter: error.retryAfter)
        }
        let answer = CACertificatesAnswer {
            $0.pemChain = chain.map(\.pem).joined()
            $0.fingerprintSHA256 = chain.first?.fingerprintSHA256 ?? ""
        }
        return .json(answer)
    }

    private func types(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let bodies = IssuerCatalog.descriptors.map { descriptor in
            ConnectorTypeBody {
                $0.type = descriptor.type.rawValue
                $0.title = descriptor.title
                $0.configSchema = descriptor.schema.jsonSchema.objectValue ?? [:]
                $0.secretMembers = descriptor.schema.fields.filter(\.isSecret).map(\.name)
                $0.capabilities = descriptor.capabilities.json
            }
        }
        return .json(PageEnvelope(all: bodies))
    }

    private func issuer(_ id: IssuerID) async throws -> Issuer {
        try await lists.database.fetch { try IssuerStore().get(id, in: $0) }
    }
}

extension IssuerBody {
    init(_ issuer: Issuer) {
        self.init {
            $0.id = issuer.id
            $0.name = issuer.name
            $0.type = issuer.type
            $0.config = issuer.config.objectValue ?? [:]
            $0.isEnabled = issuer.enabled
            $0.lastTestedAt = issuer.lastTestedAt
            $0.testStatus = issuer.testStatus
            $0.source = issuer.source
            $0.hierarchyMode = APIContract.HierarchyMode(rawValue: issuer.hierarchyMode.rawValue)
            $0.createdAt = issuer.createdAt
            $0.updatedAt = issuer.updatedAt
            $0.version = issuer.rowVersion
        }
    }
}

extension Store.HierarchyMode {
    fileprivate init(_ mode: APIContract.HierarchyMode) {
        self = mode == .tree ? .tree : .single
    }
}
