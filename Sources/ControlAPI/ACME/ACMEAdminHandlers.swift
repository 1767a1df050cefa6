import APIContract
import Domain
import Encoding
import HTTPServing
import Lifecycle
import Query
import Store

/// What operators see and decide of the ACME server.
struct ACMEAdminHandlers: Sendable {
    let lists: Lists
    let keys: EABFlow
    let accounts: ACMEAccountFlow
    let renewal: ACMERenewalFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(ACMEAdminRoutes.createKey, createKey)
        handlers.on(ACMEAdminRoutes.listKeys, listKeys)
        handlers.on(ACMEAdminRoutes.getKey, getKey)
        handlers.on(ACMEAdminRoutes.revokeKey, revokeKey)
        handlers.on(ACMEAdminRoutes.listAccounts, listAccounts)
        handlers.on(ACMEAdminRoutes.deactivateAccount, deactivateAccount)
        handlers.on(ACMEAdminRoutes.listOrders, listOrders)
        handlers.on(ACMEAdminRoutes.getOrder, getOrder)
        handlers.on(ACMEAdminRoutes.replace, replace)
        handlers.on(ACMEAdminRoutes.withdrawReplacement, withdrawReplacement)
    }

    private func createKey(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateEABKeyRequest = try context.request.decode()
        var draft = EABDraft(label: request.label)
        draft.profileID = request.profileID
        draft.ownerID = request.ownerID
        draft.teamID = request.teamID
        draft.allowedIdentifiers = request.allowedIdentifiers
        draft.maxAccounts = request.maxAccounts
        draft.expiresAt = request.expiresAt
        let (key, secret) = try await keys.create(draft, by: context.authorship)
        var body = EABKeyBody(key)
        body.hmacKey = secret.withText { $0 }
        return .json(body, status: 201, location: ACMEAdminRoutes.getKey.route.path.path(key.id.text))
    }

    private func listKeys(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await lists.answer(
            context, filter: EABKeyFilter(), natural: (EABKeySort.createdAt, true),
            fetch: { try EABKeyStore().list($0, in: $1) }, body: { EABKeyBody($0) })
    }

    private func getKey(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        .json(EABKeyBody(try await keys.get(context.request.id())))
    }

    private func revokeKey(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await keys.revoke(context.request.id(), by: context.authorship)
        return .noContent
    }

    private func listAccounts(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = ACMEAccountFilter()
        filter.profileIDs = context.query.ids("profile_id")
        filter.statuses = context.query.values("status")
        return try await lists.answer(
            context, filter: filter, natural: (ACMEAccountSort.createdAt, true),
            fetch: { try ACMEAccountStore().list($0, in: $1) }, body: { ACMEAccountBody($0) })
    }

    private func deactivateAccount(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        .json(ACMEAccountBody(try await accounts.revoke(context.request.id(), by: context.authorship)))
    }

    private func listOrders(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = ACMEOrderFilter()
        filter.accountIDs = context.query.ids("account_id")
        filter.profileIDs = context.query.ids("profile_id")
        filter.statuses = context.query.values("status")
        return try await lists.answer(
            context, filter: filter, natural: (ACMEOrderSort.createdAt, true),
            fetch: { try ACMEOrderStore().overviews($0, in: $1) }, body: { ACMEOrderBody($0) })
    }

    private func getOrder(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: ACMEOrderID = try context.request.id()
        let found = try await lists.database.fetch { tx in
            guard let found = try ACMEOrderStore().overview(id, in: tx) else {
                throw StoreError.notFound(.acmeOrder, id: id.text)
            }
            return found
        }
        return .json(ACMEOrderBody(found))
    }
}

extension ACMEAdminHandlers {
    private func replace(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ReplaceACMECertificatesRequest = try context.request.decode()
        var body = ACMEReplacementBody()
        body.certificates = try await renewal.ask(
            request.criteria, reason: request.reason, by: context.authorship)
        return .json(body)
    }

    private func withdrawReplacement(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ReplaceACMECertificatesRequest = try context.request.decode()
        var body = ACMEReplacementBody()
        body.certificates = try await renewal.withdraw(
            request.criteria, reason: request.reason, by: context.authorship)
        return .json(body)
    }
}

extension ReplaceACMECertificatesRequest {
    fileprivate var criteria: ACMEReplacementCriteria {
        var criteria = ACMEReplacementCriteria()
        criteria.profileID = profileID
        criteria.accountID = accountID
        criteria.issuerID = issuerID
        criteria.certificateIDs = certificateIDs
        return criteria
    }
}

extension EABKeyBody {
    fileprivate init(_ key: EABKey) {
        self.init {
            $0.id = key.id
            $0.label = key.label
            $0.profileID = key.profileID
            $0.ownerID = key.ownerID
            $0.teamID = key.teamID
            $0.allowedIdentifiers = key.allowedIdentifiers
            $0.maxAccounts = key.maxAccounts
            $0.usedCount = key.usedCount
            $0.boundAccountID = key.boundAccountID
            $0.expiresAt = key.expiresAt
            $0.revokedAt = key.revokedAt
            $0.createdBy = key.createdBy
            $0.createdAt = key.createdAt
        }
    }
}

extension ACMEAccountBody {
    fileprivate init(_ account: ACMEAccount) {
        self.init {
            $0.id = account.id
            $0.profileID = account.profileID
            $0.status = account.status.rawValue
            $0.contact = account.contact
            $0.thumbprint = account.thumbprint
            $0.ownerID = account.ownerID
            $0.teamID = account.teamID
            $0.eabKeyID = account.eabKeyID
            $0.allowedIdentifiers = account.allowedIdentifiers
            $0.createdAt = account.createdAt
            $0.updatedAt = account.updatedAt
        }
    }
}

extension ACMEOrderBody {
    fileprivate init(_ overview: ACMEOrderOverview) {
        let order = overview.order
        self.init {
            $0.id = order.id
            $0.accountID = order.accountID
            $0.profileID = order.profileID
            $0.issuerID = overview.issuerID
            $0.status = overview.status.rawValue
            $0.identifiers = order.identifiers.map { "\($0.kind.rawValue):\($0.value)" }
            $0.expiresAt = order.expiresAt
            let problem: JSONValue? = overview.status == .invalid ? order.error ?? ACMEOrder.expiry : order.error
            $0.error = problem?["detail"]?.stringValue
            $0.certificateID = order.certificateID
            $0.versionID = order.versionID
            $0.replaces = order.replaces
            $0.replacementAskedAt = order.replacementAskedAt
            $0.createdAt = order.createdAt
            $0.updatedAt = order.updatedAt
        }
    }
}
