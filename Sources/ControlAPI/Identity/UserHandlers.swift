import APIContract
import Access
import Domain
import HTTPServing
import Sealing
import Store

/// The people who sign in, and their local accounts (specification, rest-api §7.29-§7.31).
struct UserHandlers: Sendable {
    let signIn: SignInServices

    func register(in handlers: inout HandlerTable) {
        handlers.on(SignInRoutes.listUsers, list)
        handlers.on(SignInRoutes.deactivateUser, deactivate)
        handlers.on(SignInRoutes.reactivateUser, reactivate)
        handlers.on(SignInRoutes.listBreakglass, credentials)
        handlers.on(SignInRoutes.setBreakglass, set)
        handlers.on(SignInRoutes.unlockBreakglass, unlock)
        handlers.on(SignInRoutes.removeBreakglass, remove)
        handlers.on(SignInRoutes.runtimeConfig) { [signIn] _ in
            .json(RuntimeConfigAnswer { $0.config = signIn.runtimeConfig() })
        }
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let users = try await signIn.users.all(by: context.authorship)
        return .json(UsersAnswer { $0.users = users.map { UserBody($0) } })
    }

    private func deactivate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await signIn.users.deactivate(
            try context.request.id(), by: context.principal, within: context.authorship)
        return .noContent
    }

    private func reactivate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await signIn.users.reactivate(try context.request.id(), by: context.authorship)
        return .noContent
    }

    private func credentials(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let found = try await signIn.localUsers.credentials()
        return .json(
            BreakglassCredentialsAnswer {
                $0.credentials = found.map { BreakglassCredentialBody($0) }
            })
    }

    private func set(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: SetBreakglassRequest = try context.request.decode()
        var draft = LocalUserDraft(actorID: request.actorID, password: Secret(request.password))
        draft.displayName = request.displayName
        draft.email = request.email
        draft.roles = request.roles
        draft.hasSecondFactor = request.wantsSecondFactor
        let user = try await signIn.localUsers.set(draft, by: context.principal, within: context.authorship)
        return .json(BreakglassSetAnswer(user), status: 201)
    }

    private func unlock(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await signIn.localUsers.unlock(context.request.parameter("actor_id"), by: context.authorship)
        return .noContent
    }

    private func remove(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await signIn.localUsers.remove(context.request.parameter("actor_id"), by: context.authorship)
        return .noContent
    }
}

extension UserBody {
    fileprivate init(_ user: User) {
        self.init {
            $0.id = user.id
            $0.tenantID = user.tenantID
            $0.email = user.email
            $0.displayName = user.displayName
            $0.lastLoginAt = user.lastLoginAt
            $0.createdAt = user.createdAt
            $0.deactivatedAt = user.deactivatedAt
        }
    }
}

extension BreakglassCredentialBody {
    fileprivate init(_ credential: BreakglassCredential) {
        self.init {
            $0.actorID = credential.actorID
            $0.createdAt = credential.createdAt
            $0.lastPasswordChangeAt = credential.lastPasswordChangeAt
            $0.failureCount = credential.failureCount
            $0.lockedUntil = credential.lockedUntil
            $0.lastFailureAt = credential.lastFailureAt
            $0.hasSecondFactor = credential.sealedTOTPSecret != nil
        }
    }
}

extension BreakglassSetAnswer {
    fileprivate init(_ user: LocalUser) {
        self.init {
            $0.actorID = user.credential.actorID
            $0.createdAt = user.credential.createdAt
            guard let factor = user.secondFactor else { return }
            let secret = factor.base32.withText { $0 }
            $0.totpSecret = secret
            $0.totpURI = "otpauth://totp/certctl:\(user.credential.actorID.text)?secret=\(secret)&issuer=certctl"
        }
    }
}
