import APIContract
import Access
import Domain
import Encoding
package import HTTPServing
import HTTPTypes
import Lifecycle
package import Sealing
import Store

/// The ACME protocol: what is common to all its operations (RFC 8555 §6, §7.1).
package struct ACMEHandlers: Sendable {
    let services: ACMEServices
    let cursors: CursorCodec
    private let remembered = ComplaintMemory()

    package init(_ services: ACMEServices, sealer: Sealer) {
        self.services = services
        cursors = CursorCodec(sealer: sealer)
    }

    /// One request, with what it is about.
    struct Call: Sendable {
        let context: PublicContext
        let place: ACMEPlace
        let profile: ACMEProfile
        /// The body, if it is a signed request at all. Nothing of it is verified yet.
        let jws: FlattenedJWS?
        /// The account that it names as its signer.
        let namedAccount: ACMEAccount?
        /// Who signed it, where that was verified together with reading profile and account.
        let verified: ACMEGate.Verified?
        let notes: ACMECallNotes

        func parameter(_ name: String) -> String { context.request.parameter(name) }
        var origin: RequestOrigin { context.origin }
    }

    /// How an operation is answered and counted.
    private struct Conduct: Sendable {
        /// For metrics.
        let operation: String
        var linksIndex = true
        var givesNonce = true
        /// Whether somebody asks for an account by it.
        var isApplication = false
        var success: ACMEEvent?
        var failure: ACMEEvent?
    }

    package func register(in table: inout HandlerTable) {
        on(
            ACMERoutes.directory, in: &table,
            // RFC 8555 §6.5 wants nonces of answers to POST alone, and acme-client for Ruby stumbles over one here.
            Conduct(
                operation: "directory", linksIndex: false, givesNonce: false, success: .directory,
                failure: .directoryFailures),
            directory)
        on(
            ACMERoutes.newNonce, in: &table,
            Conduct(operation: "new_nonce", success: .newNonce, failure: .newNonceFailures), newNonce)
        on(
            ACMERoutes.newAccount, in: &table,
            Conduct(operation: "new_account", isApplication: true, failure: .newAccountFailures), newAccount)
        on(ACMERoutes.account, in: &table, Conduct(operation: "account", failure: .updateAccountFailures), account)
        on(ACMERoutes.accountOrders, in: &table, Conduct(operation: "account_orders"), accountOrders)
        on(
            ACMERoutes.keyChange, in: &table,
            Conduct(operation: "key_change", success: .keyChange, failure: .keyChangeFailures), keyChange)
        on(
            ACMERoutes.newOrder, in: &table,
            Conduct(operation: "new_order", success: .newOrder, failure: .newOrderFailures), newOrder)
        on(ACMERoutes.order, in: &table, Conduct(operation: "order"), order)
        on(
            ACMERoutes.finalize, in: &table,
            Conduct(operation: "finalize_order", success: .finalizeOrder, failure: .finalizeOrderFailures), finalize)
        on(
            ACMERoutes.authorization, in: &table, Conduct(operation: "authz", success: .authzRead), authorization)
        on(
            ACMERoutes.challenge, in: &table,
            Conduct(operation: "challenge", success: .challengeRespond, failure: .challengeRespondFailures), challenge)
        on(
            ACMERoutes.certificate, in: &table,
            Conduct(operation: "cert_download", success: .certDownload, failure: .certDownloadFailures), certificate)
        on(
            ACMERoutes.alternate, in: &table,
            Conduct(operation: "cert_download", success: .certDownload, failure: .certDownloadFailures), alternate)
        on(
            ACMERoutes.revoke, in: &table,
            Conduct(operation: "revoke_cert", success: .revokeCert, failure: .revokeCertFailures), revoke)
        on(
            ACMERoutes.renewalInfo, in: &table,
            Conduct(
                operation: "renewal_info", givesNonce: false, success: .renewalInfo, failure: .renewalInfoFailures),
            renewalInfo)
        on(
            ACMERoutes.newAuthorization, in: &table,
            Conduct(operation: "new_authz", success: .newAuthz, failure: .newAuthzFailures), newAuthorization)
    }

    private func on(
        _ operation: ACMERoutes.Operation, in table: inout HandlerTable, _ conduct: Conduct,
        _ handler: @escaping @Sendable (Call) async throws -> OutgoingResponse
    ) {
        for route in [operation.canonical, operation.shorthand] {
            table.on(route) { context in try await answer(context, conduct, handler) }
        }
    }

    private func answer(
        _ context: PublicContext, _ conduct: Conduct,
        _ handler: @Sendable (Call) async throws -> OutgoingResponse
    ) async throws -> OutgoingResponse {
        let place = place(
            path: context.path, authority: context.authority, fields: context.fields,
            peer: context.connection.peerAddress)
        var response: OutgoingResponse
        let start = ContinuousClock.now
        let notes = ACMECallNotes()
        defer { services.observe(conduct.operation, ContinuousClock.now - start) }
        var applied: ProfileID?
        do {
            let call = try await self.call(context, at: place, notes)
            if conduct.isApplication { applied = call.profile.id }
            response = try await handler(call)
            if let event = conduct.success { services.count(event) }
        } catch let problem as ACMEProblem {
            if let event = conduct.failure { services.count(event) }
            response = refusal(problem, requestID: context.request.id)
            if let profile = applied, problem.rejectsApplicant { response.refusedSubject = .acmeAccount(profile) }
        } catch let error as ServiceError where error.code != .internalError {
            if let event = conduct.failure { services.count(event) }
            response = refusal(ACMEProblem(error), requestID: context.request.id)
        } catch {
            // The pipeline writes the cause to the log, and says nothing of it.
            if let event = conduct.failure { services.count(event) }
            throw error
        }
        finish(&response, place, conduct)
        response.logFields = notes.fields
        return response
    }

    private func finish(_ response: inout OutgoingResponse, _ place: ACMEPlace, _ conduct: Conduct) {
        if conduct.linksIndex {
            response.fields.append(HTTPField(name: .link, value: "<\(place.directory)>;rel=\"index\""))
        }
        if conduct.givesNonce { response.fields[.replayNonce] = services.nonces.issue() }
        if response.fields[.cacheControl] == nil { response.fields[.cacheControl] = "no-store" }
    }

    // MARK: Problems

    private func refusal(_ problem: ACMEProblem, requestID: String) -> OutgoingResponse {
        var response = OutgoingResponse.octets(
            problem.status, "application/problem+json", problem.json(instance: requestID).octets)
        if let wait = problem.retryAfter {
            response.fields[.retryAfter] = String(max(1, Int(wait.inSeconds.rounded(.up))))
        }
        if let location = problem.location { response.fields[.location] = location }
        // RFC 8555 §6.6: where a person can read about limits.
        if problem.kind == .rateLimited, let website = services.plan().website {
            response.fields.append(HTTPField(name: .link, value: "<\(website)>;rel=\"help\""))
        }
        for link in problem.links {
            response.fields.append(HTTPField(name: .link, value: "<\(link.address)>;rel=\"\(link.relation)\""))
        }
        response.refusalReason = "acme_\(problem.kind.rawValue)"
        return response
    }

    /// What the pipeline refuses before a handler, in the form of the protocol.
    package func rendering(_ refusal: PipelineRefusal) -> OutgoingResponse {
        let kind: ACMEProblem.Kind =
            switch refusal.status {
            case 429: .rateLimited
            case 500...: .serverInternal
            default: .malformed
            }
        var response = self.refusal(
            ACMEProblem(kind, refusal.detail, status: refusal.status), requestID: refusal.requestID)
        // The pipeline tells the audit trail by itself.
        response.refusalReason = nil
        let place = place(
            path: refusal.path, authority: refusal.authority, fields: refusal.fields, peer: refusal.peerAddress)
        finish(&response, place, Conduct(operation: ""))
        return response
    }

    // MARK: What a request is about

    private func place(path: String, authority: String?, fields: HTTPFields, peer: String) -> ACMEPlace {
        ACMEPlace(
            origin: ACMEPlace.origin(
                named: services.publicURL(), authority: authority, fields: fields,
                isTrustedPeer: services.isTrustedProxy(peer)),
            family: ACMEPlace.family(of: path))
    }

    /// The request with its profile and the account that it names, read together.
    private func call(
        _ context: PublicContext, at place: ACMEPlace, _ notes: ACMECallNotes
    ) async throws -> Call {
        if context.route.path.parameters.contains("order_id"),
            let order = try? ACMEOrderID(context.request.parameter("order_id"))
        {
            notes.note(order: order)
        }
        let jws = try? FlattenedJWS(octets: context.request.body)
        let named = jws?.header["kid"]?.stringValue.flatMap(place.account(named:))
        let id = try profileID(context)
        if let jws, let named, let standing = services.accounts.standing(of: named, under: id),
            let verified = try await gate.verify(jws, of: context.request, at: place, by: standing)
        {
            notes.note(profile: id)
            notes.note(account: named)
            return Call(
                context: context, place: place, profile: standing.profile, jws: jws, namedAccount: standing.account,
                verified: verified, notes: notes)
        }
        let (profile, account) = try await services.accounts.profile(id, with: named)
        guard let profile else { throw Self.noProfile }
        notes.note(profile: profile.id)
        return Call(
            context: context, place: place, profile: profile, jws: jws, namedAccount: account, verified: nil,
            notes: notes)
    }

    private func profileID(_ context: PublicContext) throws -> ProfileID {
        if context.route.path.parameters.contains("profile_id") {
            guard let named = try? ProfileID(context.request.parameter("profile_id")) else { throw Self.noProfile }
            return named
        }
        guard let fallback = services.plan().defaultProfile else {
            throw ACMEProblem(
                .userActionRequired,
                "this server has no default profile; use the directory of yours: /acme/profile/PROFILE/directory")
        }
        return fallback
    }

    private static let noProfile = ACMEProblem(.malformed, "there is no such profile", status: 404)

    /// For the readiness probe: what is wrong with the directories of profiles; nothing while the database does not tell.
    func complaints() async -> [String: String] {
        let now = services.time.now
        if let known = remembered.at(now) { return known }
        let found = (try? await services.accounts.complaints()) ?? [:]
        let named = Dictionary(uniqueKeysWithValues: found.map { ("protocols.acme.\($0.key.text)", $0.value) })
        remembered.keep(named, at: now)
        return named
    }

    // MARK: Directory and nonces

    private func directory(_ call: Call) async throws -> OutgoingResponse {
        var response = OutgoingResponse.json(
            value: ACMEObjects.directory(
                call.place, services.plan(), call.profile,
                choices: try await services.accounts.choices(under: call.profile)))
        response.fields[.cacheControl] = "public, max-age=0, no-cache"
        response.fields[.accessControlAllowOrigin] = "*"
        return response
    }

    private func newNonce(_ call: Call) async throws -> OutgoingResponse { .empty(call.context.isHead ? 200 : 204) }

    // MARK: Limits

    /// Counts an attempt; throws when there were too many.
    func take(_ name: String, allowing limit: Int, of subject: String) async throws {
        guard limit > 0 else { return }
        let verdict = try await services.limiter.take(
            LimitPolicy(name, allowing: limit, per: .hours(1)), subject, at: services.time.now)
        guard !verdict.isAllowed else { return }
        var problem = ACMEProblem(.rateLimited, "too many requests of this kind within an hour; wait")
        problem.retryAfter = verdict.retryAfter
        throw problem
    }
}

extension ACMEProblem {
    /// Whether somebody who asked for an account is not to have one: no question for a known account, no stale nonce, and no
    /// fault of the server.
    fileprivate var rejectsApplicant: Bool { ![.accountDoesNotExist, .badNonce, .serverInternal].contains(kind) }
}
