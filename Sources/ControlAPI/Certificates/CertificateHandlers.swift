import APIContract
import Domain
import HTTPServing
import Lifecycle
import Query
import Store

/// Managed certificates (specification, rest-api §7.1).
struct CertificateHandlers: Sendable {
    let lists: Lists
    let time: TimeSource
    let flow: CertificateFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(CertificateRoutes.list, list)
        handlers.on(ProfileRoutes.certificates, listOfProfile)
        handlers.on(CertificateRoutes.create, create)
        handlers.on(CertificateRoutes.get, get)
        handlers.on(CertificateRoutes.replace, update)
        handlers.on(CertificateRoutes.patch, update)
        handlers.on(CertificateRoutes.archive, archive)
        handlers.on(CertificateRoutes.unarchive, unarchive)
        handlers.on(CertificateRoutes.attachTarget, attach)
        handlers.on(CertificateRoutes.detachTarget, detach)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await list(context, CertificateFilter(context.query)) { _ in }
    }

    private func listOfProfile(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: ProfileID = try context.request.id()
        var filter = CertificateFilter(context.query)
        filter.profileIDs = [id]
        // A profile without certificates is an empty page, one that does not exist is not.
        return try await list(context, filter) { _ = try ProfileStore().get(id, in: $0) }
    }

    /// - `examine`: Looks, in the transaction of the list, whether there can be one.
    private func list(
        _ context: AuthenticatedContext, _ filter: CertificateFilter,
        examine: @escaping @Sendable (any Transaction) throws -> Void
    ) async throws -> OutgoingResponse {
        // Page mode keeps the order of earlier clients; cursor mode shows the newest first.
        let isCursor = if case .cursor = context.query.pageRequest { true } else { false }
        let (now, clearance) = (time.now, context.clearance)
        return try await lists.answer(
            context, filter: filter, natural: (CertificateSort.createdAt, isCursor),
            fetch: {
                try examine($1)
                return try CertificateStore().list($0, within: clearance, in: $1)
            },
            body: { CertificateBody($0, at: now) }
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateCertificateRequest = try context.request.decode()
        var draft = CertificateDraft(
            name: request.name,
            commonName: request.commonName,
            subjectAltNames: request.subjectAltNames,
            ownerID: request.ownerID.text,
            teamID: request.teamID.text,
            issuerID: request.issuerID.text,
            renewalPolicyID: request.renewalPolicyID.text
        )
        draft.id = request.id?.text
        draft.environment = request.environment
        draft.profileID = request.profileID?.text
        draft.targetIDs = request.targetIDs.map(\.text)
        draft.tags = request.tags
        draft.issue = request.issue
        let created = try await flow.create(draft, by: context.authorship)
        let id = created.certificate.id
        var body = try await body(id, within: context.clearance)
        body.jobID = created.renewal?.jobs.first?.id
        return .json(body, status: 201, version: body.version, location: "/api/v1/certificates/\(id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let body = try await body(try context.request.id(), within: context.clearance)
        return .json(body, version: body.version)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: CertificateID = try context.request.id()
        let request: UpdateCertificateRequest = try context.request.decode()
        var change = CertificateChange()
        change.name = request.name.update
        change.commonName = request.commonName.update
        change.subjectAltNames = request.subjectAltNames.update(cleared: [])
        change.environment = request.environment.update(cleared: "")
        change.ownerID = request.ownerID.textUpdate()
        change.teamID = request.teamID.textUpdate()
        change.issuerID = request.issuerID.textUpdate()
        change.renewalPolicyID = request.renewalPolicyID.textUpdate()
        change.profileID = request.profileID.update(cleared: nil) { $0.text }
        change.targetIDs = request.targetIDs.update(cleared: []) { $0.map(\.text) }
        change.tags = request.tags.update(cleared: [:])
        _ = try await flow.update(
            id, change, expecting: try context.expectedVersion(request.expectedVersion), by: context.authorship
        )
        let body = try await body(id, within: context.clearance)
        return .json(body, version: body.version)
    }

    private func archive(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await flow.archive(
            try context.request.id(), expecting: try context.expectedVersion(), by: context.authorship
        )
        return .noContent
    }

    private func unarchive(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: CertificateID = try context.request.id()
        _ = try await flow.unarchive(id, by: context.authorship)
        let body = try await body(id, within: context.clearance)
        return .json(body, version: body.version)
    }

    private func attach(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        _ = try await flow.attach(
            try context.request.id("target_id"), to: try context.request.id(), by: context.authorship
        )
        return .noContent
    }

    private func detach(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        _ = try await flow.detach(
            try context.request.id("target_id"), from: try context.request.id(), by: context.authorship
        )
        return .noContent
    }

    private func body(_ id: CertificateID, within clearance: Clearance) async throws -> CertificateBody {
        let (listing, revocations) = try await lists.database.fetch { tx in
            let listing = try CertificateStore().listing(id, within: clearance, in: tx)
            return (listing, try RevocationStore().all(of: id, in: tx))
        }
        var body = CertificateBody(listing, at: time.now)
        if let worst = revocations.worstNotified {
            body.upstreamRevocation = worst.notification.rawValue
            body.upstreamRevocationError = worst.notifyError
        }
        return body
    }
}

extension [Revocation] {
    /// Of those of which an issuer had to be told, the one of which it knows least.
    fileprivate var worstNotified: Revocation? {
        for state in [RevocationNotification.refused, .pending, .expired, .done] {
            if let revocation = first(where: { $0.notification == state }) { return revocation }
        }
        return nil
    }
}

extension CertificateFilter {
    init(_ query: QueryValues) {
        self.init()
        statuses = query.values("status")
        environments = query.texts("environment")
        ownerIDs = query.ids("owner_id")
        teamIDs = query.ids("team_id")
        issuerIDs = query.ids("issuer_id")
        profileIDs = query.ids("profile_id")
        certificateIDs = query.ids("certificate_ids")
        targetIDs = query.ids("target_id")
        agentIDs = query.ids("agent_id")
        expiresBefore = query.time("expires_before")
        expiresAfter = query.time("expires_after")
        createdBefore = query.time("created_before")
        createdAfter = query.time("created_after")
        updatedBefore = query.time("updated_before")
        updatedAfter = query.time("updated_after")
        tags = query.prefixed("tag.").map { Tag(key: $0.key, value: $0.value) }
        search = query.text("q")
        subjectAltName = query.text("san")
        serialNumber = query.text("serial")
        fingerprint = query.text("fingerprint")
        includesArchived = query.flag("include_archived") ?? true
    }
}

extension CertificateBody {
    init(_ listing: CertificateListing, at now: Timestamp) {
        let certificate = listing.certificate
        self.init {
            $0.id = certificate.id
            $0.name = certificate.fields.name
            $0.commonName = certificate.fields.commonName
            $0.subjectAltNames = certificate.fields.subjectAltNames
            $0.environment = certificate.fields.environment
            $0.ownerID = certificate.fields.ownerID
            $0.teamID = certificate.fields.teamID
            $0.issuerID = certificate.fields.issuerID
            $0.renewalPolicyID = certificate.fields.renewalPolicyID
            $0.profileID = certificate.fields.profileID
            $0.targetIDs = listing.targetIDs
            $0.status = certificate.status
            $0.expiresAt = ExpiryTime(certificate.expiresAt)
            $0.tags = certificate.fields.tags
            $0.lastRenewalAt = certificate.lastRenewalAt
            $0.lastDeploymentAt = certificate.lastDeploymentAt
            $0.revokedAt = certificate.revokedAt
            $0.revocationReason = certificate.revocationReason
            $0.source = certificate.source
            $0.createdAt = certificate.createdAt
            $0.updatedAt = certificate.updatedAt
            $0.version = certificate.rowVersion
            if let expiresAt = certificate.expiresAt {
                $0.daysRemaining = Int((expiresAt.secondsSinceEpoch - now.secondsSinceEpoch).flooredDays)
            }
            $0.deploymentSummary = DeploymentSummary {
                $0.targets = listing.deployments.targets
                $0.deployed = listing.deployments.deployed
                $0.failed = listing.deployments.failed
            }
        }
        guard let current = listing.current else { return }
        serialNumber = current.serialNumber
        fingerprintSHA256 = current.fingerprintSHA256
        keyAlgorithm = current.keyAlgorithm
        keySize = current.keySize
        notBefore = current.notBefore
        issuedAt = current.issuedAt
    }
}

extension Int64 {
    /// Whole days of this many seconds, rounded toward the past.
    fileprivate var flooredDays: Int64 {
        let (days, rest) = quotientAndRemainder(dividingBy: 86_400)
        return rest < 0 ? days - 1 : days
    }
}
