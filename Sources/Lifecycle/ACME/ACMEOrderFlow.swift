package import Domain
package import Encoding
import PKI
import Query
package import Store

/// What a client orders (RFC 8555 §7.4).
package struct ACMEOrderRequest: Sendable {
    package let names: [ACMEName]
    /// The certificate that the new one takes the place of, as it was named (RFC 9773 §5).
    package var replaces: String?

    package init(names: [ACMEName]) { self.names = names }
}

/// An order with what hangs on it.
package struct ACMEOrderView: Sendable {
    package let order: ACMEOrder
    package let authorizations: [ACMEAuthorizationID]
}

/// An authorization with its challenges.
package struct ACMEAuthorizationView: Sendable {
    package let authorization: ACMEAuthorization
    package let challenges: [ACMEChallenge]
    /// Where time has brought it.
    package let status: ACMEAuthorizationStatus
}

/// Takes orders and shows them (protocol-servers §2.7).
package struct ACMEOrderFlow: Sendable {
    private let context: LifecycleContext
    private let plan: @Sendable () -> ACMEPlan
    private let orders = ACMEOrderStore()
    private let authorizations = ACMEAuthorizationStore()

    package init(_ context: LifecycleContext, plan: @escaping @Sendable () -> ACMEPlan) {
        self.context = context
        self.plan = plan
    }

    // MARK: Ordering

    package func create(
        _ request: ACMEOrderRequest, for account: ACMEAccount, under profile: ACMEProfile, from origin: RequestOrigin
    ) async throws -> ACMEOrderView {
        let plan = plan()
        if let terms = plan.termsURL, account.termsAgreed != terms {
            var problem = ACMEProblem(.userActionRequired, "agree to the present terms of service first: \(terms)")
            problem.links = [("terms-of-service", terms)]
            throw problem
        }
        // An account from the time before a key was asked for must not go on without one.
        guard account.eabKeyID != nil || !plan.requiresBinding(under: profile) else {
            throw ACMEProblem(
                .externalAccountRequired, "this account has no external account binding, which is required by now")
        }
        try ACMENames.check(request.names, account, profile)
        let id: ACMEOrderID = context.newID()
        let isTrusted = profile.mode == .trustAuthenticated
        let new = try request.names.map { name in try authorization(of: name, profile, plan) }
        let order = NewACMEOrder(
            id: id, accountID: account.id, identifiers: request.names, namesSHA256: ACMENames.digest(request.names),
            status: isTrusted ? .ready : .pending, expiresAt: wholeSeconds(context.time.now + plan.orderTTL),
            replaces: request.replaces)
        return try await context.write { tx in
            guard let locked = try ACMEAccountStore().lock(account.id, in: tx), locked.status == .valid else {
                throw ACMEProblem(.unauthorized, "the account has ended")
            }
            if plan.concurrentOrders > 0, try orders.countOpen(of: account.id, in: tx) >= plan.concurrentOrders {
                var problem = ACMEProblem(
                    .rateLimited, "at most \(plan.concurrentOrders) orders of an account may be open at a time")
                problem.retryAfter = .minutes(1)
                throw problem
            }
            _ = try ACMEIssuerBinding.issuer(for: profile, in: tx)
            let stored = try orders.insert(order, in: tx)
            try authorizations.insert(new, for: id, in: tx)
            try context.recorder.record(
                .acmeOrderCreated, id.text,
                details: [
                    "account_id": .string(account.id.text), "identifiers": .array(request.names.map(\.json)),
                    "profile_id": .string(profile.id.text),
                ],
                by: Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system), in: tx)
            return ACMEOrderView(order: stored, authorizations: new.map(\.id))
        }
    }

    private func authorization(
        of name: ACMEName, _ profile: ACMEProfile, _ plan: ACMEPlan
    ) throws(ACMEProblem) -> NewACMEAuthorization {
        let isTrusted = profile.mode == .trustAuthenticated
        let allowed = profile.fields.acmeChallengeTypes
        // A client that insists on a challenge finds one that is done.
        let types: [ACMEChallengeType] =
            isTrusted
            ? [name.isWildcard ? .dns01 : .http01]
            : plan.challengeTypes.filter { $0.isFit(for: name) && (allowed.isEmpty || allowed.contains($0)) }
        guard !types.isEmpty else {
            throw .about([
                ACMEProblem.Part(
                    .rejectedIdentifier, "this server has no way to validate the name", identifier: name.json)
            ])
        }
        return NewACMEAuthorization(
            id: context.newID(), identifier: name.base, isWildcard: name.isWildcard,
            status: isTrusted ? .valid : .pending,
            expiresAt: wholeSeconds(context.time.now + plan.authorizationTTL),
            token: Base64URL.encode(context.random.bytes(32)),
            challenges: types.map { (id: context.newID(), type: $0) })
    }

    /// The wire has no fractions of a second, and what a client reads is what holds.
    private func wholeSeconds(_ time: Timestamp) -> Timestamp { Timestamp(secondsSinceEpoch: time.secondsSinceEpoch) }

    // MARK: Looking

    /// An order of an account; throws 403 for any other.
    package func order(_ id: String, of account: ACMEAccount) async throws -> ACMEOrderView {
        try await context.read { tx in
            guard let id = try? ACMEOrderID(id), let order = try orders.find(id, in: tx), order.accountID == account.id
            else { throw ACMEProblem.notYours("order") }
            return ACMEOrderView(
                order: order, authorizations: try authorizations.all(of: id, in: tx).map(\.id))
        }
    }

    /// Orders of an account, newest first.
    package func orders(
        of account: ACMEAccount, after position: KeysetPosition?, limit: Int
    ) async throws -> Page<ACMEOrder> {
        var filter = ACMEOrderFilter()
        filter.accountIDs = [account.id]
        let request = ListRequest(
            filter: filter, sort: ACMEOrderSort.createdAt, isDescending: true,
            page: .keyset(after: position, limit: limit), total: .none)
        return try await context.read { tx in try orders.list(request, in: tx) }
    }

    package func authorization(_ id: String, of account: ACMEAccount) async throws -> ACMEAuthorizationView {
        try await context.read { tx in
            guard let id = try? ACMEAuthorizationID(id), let found = try authorizations.find(id, in: tx),
                found.accountID == account.id
            else { throw ACMEProblem.notYours("authorization") }
            return ACMEAuthorizationView(
                authorization: found, challenges: try authorizations.challenges(of: id, in: tx),
                status: found.status(at: tx.now))
        }
    }

    package func challenge(_ id: String, of account: ACMEAccount) async throws -> ACMEChallenge {
        try await context.read { tx in
            guard let id = try? ACMEChallengeID(id), let challenge = try authorizations.challenge(id, in: tx),
                try authorizations.find(challenge.authorizationID, in: tx)?.accountID == account.id
            else { throw ACMEProblem.notYours("challenge") }
            return challenge
        }
    }

    /// Gives an authorization up (RFC 8555 §7.5.2); its order can't be completed any more.
    package func deactivate(
        _ id: String, of account: ACMEAccount, from origin: RequestOrigin
    ) async throws -> ACMEAuthorizationView {
        let author = Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system)
        try await context.write { tx in
            guard let id = try? ACMEAuthorizationID(id), let found = try authorizations.find(id, in: tx),
                found.accountID == account.id
            else { throw ACMEProblem.notYours("authorization") }
            guard try authorizations.move(id, from: [.pending, .valid], to: .deactivated, in: tx) else { return }
            let error = ACMEProblem(.unauthorized, "an authorization was deactivated", status: 403).json()
            _ = try orders.invalidate(found.orderID, from: [.pending, .ready], error: error, in: tx)
            try context.recorder.record(.acmeAuthorizationDeactivated, id.text, by: author, in: tx)
        }
        return try await authorization(id, of: account)
    }
}

extension ACMEChallengeType {
    /// A wildcard is proved in its zone; an address has none (RFC 8555 §7.1.3, RFC 8738 §7).
    func isFit(for name: ACMEName) -> Bool {
        switch self {
        case .http01, .tlsALPN01: !name.isWildcard
        case .dns01, .dnsAccount01, .dnsPersist01: name.kind == .dns
        }
    }
}

extension ACMEOrder {
    /// Where time has brought it: what ran out is so at once, not only when somebody sweeps.
    package func status(at now: Timestamp) -> ACMEOrderStatus {
        (status == .pending || status == .ready) && expiresAt <= now ? .invalid : status
    }

    /// Why an order came to nothing by time alone.
    package static let expiry = ACMEProblem(.malformed, "the order expired").json()
}

/// Which issuer stands behind a profile (protocol-servers §1.5).
enum ACMEIssuerBinding {
    /// That of the profile, else the only enabled one; throws when there is none, or when nobody said which.
    static func issuer(for profile: ACMEProfile, in tx: any Transaction) throws -> IssuerID {
        if let chosen = profile.fields.issuerID {
            guard try IssuerStore().find(chosen, in: tx)?.enabled ?? false else {
                throw ACMEProblem(
                    .serverInternal, "the issuer of this profile is disabled; tell the operator of this server")
            }
            return chosen
        }
        let enabled = try tx.rows("SELECT id FROM issuers WHERE enabled ORDER BY id LIMIT 2")
        guard enabled.count == 1, let only = enabled.first else {
            throw ACMEProblem(
                .serverInternal,
                enabled.isEmpty
                    ? "no issuer is enabled behind this profile; tell the operator of this server"
                    : "the profile names no issuer and several are enabled; tell the operator of this server")
        }
        return try only.id("id")
    }
}
