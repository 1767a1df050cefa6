import APIContract
import Domain
import Encoding
import HTTPServing
import Lifecycle
import PKI
import Store

/// The CAs of trees (specification, rest-api §7.6).
struct IntermediateHandlers: Sendable {
    let lists: Lists
    let flow: HierarchyFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(IntermediateRoutes.create, create)
        handlers.on(IntermediateRoutes.request, request)
        handlers.on(IntermediateRoutes.certify, certify)
        handlers.on(IntermediateRoutes.adopt, adopt)
        handlers.on(IntermediateRoutes.discard, discard)
        handlers.on(IntermediateRoutes.list, list)
        handlers.on(IntermediateRoutes.get, get)
        handlers.on(IntermediateRoutes.update, update)
        handlers.on(IntermediateRoutes.chain, chain)
        handlers.on(IntermediateRoutes.chains, chains)
        handlers.on(IntermediateRoutes.crossSign, crossSign)
        handlers.on(IntermediateRoutes.crossRequest, crossRequest)
        handlers.on(IntermediateRoutes.withdraw, withdraw)
        handlers.on(IntermediateRoutes.renew, renew)
        handlers.on(IntermediateRoutes.retire, retire)
        handlers.on(IntermediateRoutes.reactivate, reactivate)
        handlers.on(IntermediateRoutes.revoke, revoke)
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateIntermediateCARequest = try context.request.decode()
        var draft = CADraft(issuerID: try context.request.id())
        draft.parentID = request.parentID
        draft.name = request.name
        draft.subject = request.subject.map { CADraft.Subject($0) }
        draft.rootPEM = request.rootPEM
        draft.algorithm = request.algorithm
        draft.keyDriver = request.keyDriver
        draft.keyReference = request.keyReference
        draft.ttlDays = request.ttlDays
        draft.pathLength = request.pathLength
        draft.nameConstraints = request.nameConstraints
        draft.allowedEKUs = request.allowedEKUs
        draft.policyOIDs = request.policyOIDs
        draft.isIssuing = request.isIssuing
        draft.ocspURL = request.ocspURL
        draft.metadata = request.metadata
        return try await .ceremony { [draft] in
            let node = try await flow.create(draft, by: context.authorship)
            return .json(
                IntermediateCABody(node, drain: nil), status: 201, version: node.rowVersion,
                location: "/api/v1/intermediates/\(node.id.text)")
        }
    }

    private func request(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RequestIntermediateCARequest = try context.request.decode()
        var draft = CADraft(issuerID: try context.request.id())
        draft.parentID = request.parentID
        draft.name = request.name
        draft.subject = CADraft.Subject(request.subject)
        draft.algorithm = request.algorithm
        draft.keyDriver = request.keyDriver
        draft.keyReference = request.keyReference
        draft.pathLength = request.pathLength
        draft.nameConstraints = request.nameConstraints
        draft.allowedEKUs = request.allowedEKUs
        draft.policyOIDs = request.policyOIDs
        draft.isIssuing = request.isIssuing
        draft.ocspURL = request.ocspURL
        draft.metadata = request.metadata
        return try await .ceremony { [draft] in
            let node = try await flow.request(draft, by: context.authorship)
            return .json(
                IntermediateCABody(node, drain: nil), status: 201, version: node.rowVersion,
                location: "/api/v1/intermediates/\(node.id.text)")
        }
    }

    private func certify(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CertifyIntermediateCARequest = try context.request.decode()
        return try await .ceremony {
            let node = try await flow.certify(
                try context.request.id(), with: request.certificatePEM, by: context.authorship)
            return .json(IntermediateCABody(node, drain: nil), version: node.rowVersion)
        }
    }

    private func adopt(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ImportIntermediateCARequest = try context.request.decode()
        let isRehearsal = context.query.flag("dry_run") == true
        return try await .ceremony {
            let done = try await flow.adopt(
                request.draft(try context.request.id()), isRehearsed: isRehearsal, by: context.authorship)
            return .json(
                IntermediateCAImported(done, isRehearsal: isRehearsal), status: isRehearsal ? 200 : 201,
                location: isRehearsal ? nil : "/api/v1/intermediates/\(done.node.id.text)")
        }
    }

    private func discard(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await flow.discard(try context.request.id(), by: context.authorship)
        return .noContent
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let issuer: IssuerID = try context.request.id()
        _ = try await lists.database.fetch { try IssuerStore().get(issuer, in: $0) }
        var filter = IntermediateCAFilter(issuerID: issuer)
        filter.states = context.query.values("state")
        return try await lists.answer(
            context, filter: filter, natural: (IntermediateCASort.createdAt, false),
            fetch: { try IntermediateCAStore().list($0, in: $1) }, body: { IntermediateCABody($0, drain: nil) })
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (node, drain) = try await flow.look(try context.request.id(), by: context.authorship)
        return .json(IntermediateCABody(node, drain: drain), version: node.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateIntermediateCARequest = try context.request.decode()
        let node = try await flow.setListTerms(
            of: try context.request.id(), validity: request.listValiditySeconds.update(cleared: nil) { $0 },
            interval: request.listIntervalSeconds.update(cleared: nil) { $0 },
            expecting: try context.expectedVersion(request.expectedVersion), by: context.authorship)
        return .json(IntermediateCABody(node, drain: nil), version: node.rowVersion)
    }

    private func chain(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let chain = try await flow.chain(of: try context.request.id(), by: context.authorship)
        return .json(IntermediateCAChainAnswer { $0.pemChain = chain.map(\.pem).joined() })
    }

    private func chains(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let found = try await flow.chains(of: try context.request.id(), by: context.authorship)
        return .json(
            CAChainsAnswer {
                $0.chains = found.chains.enumerated().map { number, chain in CAChainBody(number, chain) }
                $0.certificates = found.certificates.map { CACertificateBody($0) }
            })
    }

    private func crossSign(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CrossSignIntermediateCARequest = try context.request.decode()
        var draft = CrossSigningDraft()
        draft.parentID = request.parentID
        draft.certificatePEM = request.certificatePEM
        draft.chainPEM = request.chainPEM
        draft.ttlDays = request.ttlDays
        draft.pathLength = request.pathLength
        draft.nameConstraints = request.nameConstraints
        draft.allowedEKUs = request.allowedEKUs
        draft.policyOIDs = request.policyOIDs
        let kept = try await flow.crossSign(try context.request.id(), draft, by: context.authorship)
        return .json(CACertificateBody(kept), status: 201)
    }

    private func crossRequest(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request = try await flow.crossRequest(try context.request.id(), by: context.authorship)
        return .json(CrossRequestAnswer { $0.csrPEM = request.pem })
    }

    private func withdraw(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: WithdrawCACertificateRequest = try context.request.decode()
        let reason = try Self.reason(request.reason)
        let done = try await flow.withdraw(
            try context.request.id("certificate_id"), of: try context.request.id(), reason, note: request.note,
            by: context.authorship)
        return .json(
            WithdrawCACertificateAnswer {
                $0.certificate = CACertificateBody(done.certificate)
                $0.listedBy = done.listedBy
            })
    }

    private func renew(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RenewIntermediateCARequest = try context.request.decode()
        let node = try await flow.renew(
            try context.request.id(), ttlDays: request.ttlDays, with: request.certificatePEM, by: context.authorship)
        return .json(IntermediateCABody(node, drain: nil), version: node.rowVersion)
    }

    private func retire(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RetireIntermediateCARequest = try context.request.decode()
        return try await .ceremony {
            let node = try await flow.retire(
                try context.request.id(), isConfirmed: request.isConfirmed, isForced: request.isForced,
                note: request.note, by: context.authorship)
            let (_, drain) = try await flow.look(node.id, by: context.authorship)
            return .json(
                RetireIntermediateCAAnswer {
                    $0.id = node.id
                    $0.decidedBy = context.authorship.actor.id
                    $0.isConfirmed = node.state == .retired
                    $0.state = node.state
                    $0.drain = CADrainBody(drain)
                })
        }
    }

    private static func reason(_ text: String) throws(ServiceError) -> RevocationReason {
        guard let reason = RevocationReason(accepting: text) else {
            throw ServiceError(
                .validationFailed, "/reason: is no reason of RFC 5280",
                problems: [FieldProblem(pointer: "/reason", code: "invalid_value", detail: "is no reason of RFC 5280")])
        }
        return reason
    }

    private func revoke(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RevokeIntermediateCARequest = try context.request.decode()
        let done = try await flow.revoke(
            try context.request.id(), try Self.reason(request.reason), since: request.invalidityDate,
            note: request.note,
            isRehearsed: request.isRehearsal, by: context.authorship)
        return .json(
            RevokeIntermediateCAAnswer {
                $0.id = done.node.id
                $0.state = done.node.state
                $0.reason = done.reason.rawValue
                $0.isRehearsal = request.isRehearsal
                $0.authorities = done.authorities
                $0.discarded = done.discarded.map(\.text)
                $0.certificates = done.certificates
                $0.renewals = done.renewals
                $0.orders = done.orders
                $0.successors = done.successors
                $0.listedBy = done.listedBy.map(\.text)
                $0.elsewhere = done.elsewhere
            })
    }

    private func reactivate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ReactivateIntermediateCARequest = try context.request.decode()
        let node = try await flow.cancelRetirement(
            try context.request.id(), note: request.note, by: context.authorship)
        return .json(IntermediateCABody(node, drain: nil), version: node.rowVersion)
    }
}

extension CADraft.Subject {
    fileprivate init(_ body: CASubjectBody) {
        self.init()
        commonName = body.commonName
        organization = body.organization
        organizationalUnit = body.organizationalUnit
        country = body.country
        locality = body.locality
        province = body.province
    }
}

extension CADrainBody {
    fileprivate init(_ drain: CADrain) {
        self.init {
            $0.children = drain.children
            $0.certificates = drain.leaves
            $0.orders = drain.orders
            $0.lastEnd = drain.lastEnd
        }
    }
}

extension IntermediateCABody {
    init(_ node: IntermediateCA, drain: CADrain?) {
        self.init {
            $0.id = node.id
            $0.issuerID = node.issuerID
            $0.parentID = node.parentID
            $0.name = node.name
            $0.subject = node.subject
            $0.state = node.state
            $0.certPEM = node.certPEM
            $0.csrPEM = node.csrPEM
            $0.keyAlgorithm = node.keyAlgorithm
            $0.keyDriver = node.keyDriver
            $0.keyReference = node.keyReference
            $0.serialNumber = node.serialNumber
            $0.spkiSHA256 = node.spkiSHA256
            $0.notBefore = node.notBefore
            $0.notAfter = node.notAfter
            $0.pathLength = node.pathLength
            $0.nameConstraints = node.nameConstraints.arrayValue?.isEmpty == true ? nil : node.nameConstraints
            $0.allowedEKUs = node.allowedEKUs
            $0.policyOIDs = node.policyOIDs
            $0.isIssuing = node.isIssuing
            $0.ocspURL = node.ocspURL
            $0.listValiditySeconds = node.listValiditySeconds
            $0.listIntervalSeconds = node.listIntervalSeconds
            $0.metadata = node.metadata.isEmpty ? nil : node.metadata
            $0.drain = drain.map { CADrainBody($0) }
            $0.retiringAt = node.retiringAt
            $0.retiredAt = node.retiredAt
            $0.keyReleasedAt = node.keyReleasedAt
            $0.revokedAt = node.revokedAt
            $0.revocationReason = node.revocationReason?.rawValue
            $0.predecessorID = node.predecessorID
            $0.stagedAt = node.stagedAt
            $0.activationAt = node.activationAt
            $0.isActivationAutomatic = node.isActivationAutomatic ? true : nil
            $0.activatedAt = node.activatedAt
            $0.createdAt = node.createdAt
            $0.updatedAt = node.updatedAt
            $0.version = node.rowVersion
        }
    }
}

extension CAChainBody {
    fileprivate init(_ number: Int, _ chain: [X509Certificate]) {
        self.init {
            $0.number = number
            $0.root = chain.last?.subject.description ?? ""
            $0.notAfter = chain.map(\.notAfter).min() ?? .epoch
            $0.pemChain = chain.map(\.pem).joined()
        }
    }
}

extension CACertificateBody {
    fileprivate init(_ kept: CACertificate) {
        self.init {
            $0.id = kept.id
            $0.authorityID = kept.authorityID
            $0.parentID = kept.parentID
            $0.issuer = kept.issuerSubject
            $0.serialNumber = kept.serialNumber
            $0.notBefore = kept.notBefore
            $0.notAfter = kept.notAfter
            $0.certPEM = kept.certPEM
            $0.withdrawnAt = kept.withdrawnAt
            $0.withdrawalReason = kept.withdrawalReason?.rawValue
            $0.createdAt = kept.createdAt
        }
    }
}
