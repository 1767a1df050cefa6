import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// Certificate profiles (specification, rest-api §7.12).
struct ProfileHandlers: Sendable {
    let lists: Lists
    let flow: ProfileFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(ProfileRoutes.list, list)
        handlers.on(ProfileRoutes.create, create)
        handlers.on(ProfileRoutes.get, get)
        handlers.on(ProfileRoutes.replace, update)
        handlers.on(ProfileRoutes.patch, update)
        handlers.on(ProfileRoutes.delete, delete)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let filter = ProfileFilter(enabled: context.query.flag("enabled"), search: context.query.text("q"))
        let clearance = context.clearance
        return try await lists.answer(
            context, filter: filter, natural: (ProfileSort.createdAt, true),
            fetch: { try ProfileStore().list($0, within: clearance, in: $1) }, body: Self.body
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateProfileRequest = try context.request.decode()
        let fields = ProfileFields(
            name: request.name,
            description: request.description,
            allowedKeys: request.allowedKeyAlgorithms.map(\.rule),
            maxTTLSeconds: request.maximumTTLSeconds,
            allowedEKUs: request.allowedEKUs,
            requiredSANPatterns: request.requiredSANPatterns,
            spiffeURIPattern: request.spiffeURIPattern,
            allowShortLived: request.allowShortLived,
            mustStaple: request.mustStaple,
            requiredCSRAttributes: request.requiredCSRAttributes,
            acmeAuthMode: request.acmeAuthMode.map(Self.stored) ?? .trustAuthenticated,
            requiresApproval: request.requiresApproval,
            enabled: request.isEnabled
        )
        return Self.answer(
            try await flow.create(id: request.id?.text, fields, by: context.authorship), status: 201)
    }

    private static func answer(_ outcome: ProfileOutcome, status: Int = 200) -> OutgoingResponse {
        switch outcome {
        case .deleted: .noContent
        case .pending(let approval): .pendingApproval(approval.id, "the change of the profile")
        case .applied(let profile):
            .json(
                body(profile), status: status, version: profile.rowVersion,
                location: status == 201 ? "/api/v1/profiles/\(profile.id.text)" : nil
            )
        }
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: ProfileID = try context.request.id()
        let profile = try await lists.database.fetch { try ProfileStore().get(id, in: $0) }
        return .json(Self.body(profile), version: profile.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateProfileRequest = try context.request.decode()
        let outcome = try await flow.update(
            try context.request.id(), expecting: try context.expectedVersion(request.expectedVersion),
            by: context.authorship
        ) { Self.apply(request, to: &$0) }
        return Self.answer(outcome)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        Self.answer(
            try await flow.delete(
                try context.request.id(), expecting: try context.expectedVersion(), by: context.authorship
            ))
    }

    private static func apply(_ request: UpdateProfileRequest, to fields: inout ProfileFields) {
        let blank = ProfileFields(name: fields.name)
        fields.name = request.name.resolved(from: fields.name)
        fields.description = request.description.resolved(from: fields.description, cleared: "")
        fields.allowedKeys = request.allowedKeyAlgorithms.update(cleared: blank.allowedKeys) { $0.map(\.rule) }
            .applied(to: fields.allowedKeys)
        fields.maxTTLSeconds = request.maximumTTLSeconds.resolved(from: fields.maxTTLSeconds, cleared: 0)
        fields.allowedEKUs = request.allowedEKUs.resolved(from: fields.allowedEKUs, cleared: blank.allowedEKUs)
        fields.requiredSANPatterns = request.requiredSANPatterns.resolved(
            from: fields.requiredSANPatterns, cleared: []
        )
        fields.spiffeURIPattern = request.spiffeURIPattern.resolved(from: fields.spiffeURIPattern, cleared: "")
        fields.allowShortLived = request.allowShortLived.resolved(from: fields.allowShortLived, cleared: false)
        fields.mustStaple = request.mustStaple.resolved(from: fields.mustStaple, cleared: false)
        fields.requiredCSRAttributes = request.requiredCSRAttributes.resolved(
            from: fields.requiredCSRAttributes, cleared: []
        )
        fields.acmeAuthMode = request.acmeAuthMode.update(cleared: blank.acmeAuthMode, stored)
            .applied(to: fields.acmeAuthMode)
        fields.requiresApproval = request.requiresApproval.resolved(from: fields.requiresApproval, cleared: false)
        fields.enabled = request.isEnabled.resolved(from: fields.enabled, cleared: true)
    }

    private static func stored(_ mode: APIContract.ACMEAuthMode) -> Store.ACMEAuthMode {
        switch mode {
        case .trustAuthenticated: .trustAuthenticated
        case .challenge: .challenge
        }
    }

    private static func body(_ profile: Profile) -> ProfileBody {
        let fields = profile.fields
        return ProfileBody {
            $0.id = profile.id
            $0.name = fields.name
            $0.description = fields.description
            $0.allowedKeyAlgorithms = fields.allowedKeys.map { KeyRuleBody($0) }
            $0.maximumTTLSeconds = fields.maxTTLSeconds
            $0.allowedEKUs = fields.allowedEKUs
            $0.requiredSANPatterns = fields.requiredSANPatterns
            $0.spiffeURIPattern = fields.spiffeURIPattern
            $0.allowShortLived = fields.allowShortLived
            $0.mustStaple = fields.mustStaple
            if !fields.requiredCSRAttributes.isEmpty { $0.requiredCSRAttributes = fields.requiredCSRAttributes }
            $0.acmeAuthMode = fields.acmeAuthMode == .challenge ? .challenge : .trustAuthenticated
            $0.requiresApproval = fields.requiresApproval
            $0.isEnabled = fields.enabled
            $0.createdAt = profile.createdAt
            $0.updatedAt = profile.updatedAt
            $0.version = profile.rowVersion
        }
    }
}
