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

    package init(names: [ACMEName], replaces: String? = nil) {
        self.names = names
        self.replaces = replaces
    }
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
    private let proofs = ACMEProofStore()

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
        let fresh = try request.names.map { name in try authorization(of: name, profile, plan) }
        return try await context.write { tx in
            guard let locked = try ACMEAccountStore().lock(account.id, in: tx), locked.status == .valid else {
                throw ACMEProblem(.unauthorized, "the account has ended")
            }
            // The account is locked: of two orders that replace the same certificate, the second sees the first.
            if let replaced = request.replaces {
                try ACMERenewalFlow.reserve(replaced, for: account.id, recorder: context.recorder, in: tx)
            }
            if plan.concurrentOrders > 0, try orders.countOpen(of: account.id, in: tx) >= plan.concurrentOrders {
                var problem = ACMEProblem(
                    .rateLimited, "at most \(plan.concurrentOrders) orders of an account may be open at a time")
                problem.retryAfter = .minutes(1)
                throw problem
            }
            _ = try ACMEIssuerBinding.issuer(for: profile, in: tx)
            var new = fresh
            if !isTrusted {
                try checkFailures(request.names, of: account.id, plan, in: tx)
                new = try reusing(fresh, of: account.id, plan, in: tx)
            }
            let order = NewACMEOrder(
                id: id, accountID: account.id, identifiers: request.names,
                namesSHA256: ACMENames.digest(request.names),
                status: new.allSatisfy { $0.status == .valid } ? .ready : .pending,
                // It ends with the first of its authorizations (RFC 8555 §7.1.6).
                expiresAt: new.map(\.expiresAt).reduce(wholeSeconds(context.time.now + plan.orderTTL), min),
                replaces: request.replaces)
            var details: JSONObject = [
                "account_id": .string(account.id.text), "identifiers": .array(request.names.map(\.json)),
                "profile_id": .string(profile.id.text),
            ]
            details["replaces"] = request.replaces.map { .string($0) }
            let stored = try orders.insert(order, in: tx)
            try authorizations.insert(new, for: id, in: tx)
            try context.recorder.record(
                .acmeOrderCreated, id.text,
                details: details,
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

    /// Whoever fails again and again to prove a name waits (protocol-servers §2.13).
    private func checkFailures(
        _ names: [ACMEName], of account: ACMEAccountID, _ plan: ACMEPlan, in tx: any Transaction
    ) throws {
        guard plan.failuresPerHour > 0 else { return }
        let failures = try proofs.failures(
            of: account, since: tx.now - .hours(1), orderedSince: tx.now - .hours(1) - plan.orderTTL, in: tx)
        var ends: [Timestamp] = []
        let parts: [ACMEProblem.Part] = names.compactMap { name in
            let times = failures.filter { $0.name == name.base }.map(\.at)
            guard times.count >= plan.failuresPerHour else { return nil }
            ends.append(times[times.count - plan.failuresPerHour] + .hours(1))
            return ACMEProblem.Part(
                .rateLimited, "\(name.base.value) was not proved \(times.count) times within an hour; wait",
                identifier: name.json)
        }
        guard let end = ends.max() else { return }
        var problem = ACMEProblem.about(parts)
        problem.retryAfter = max(end - tx.now, .seconds(1))
        throw problem
    }

    /// A proof that ends sooner is asked for again, for its end would be that of the order.
    private static let timeToFinalize = Duration.seconds(10)

    /// What the account has proved lately need not be proved again (RFC 8555 §7.4). It ends when it would have ended.
    private func reusing(
        _ fresh: [NewACMEAuthorization], of account: ACMEAccountID, _ plan: ACMEPlan, in tx: any Transaction
    ) throws -> [NewACMEAuthorization] {
        guard plan.authorizationReuse > .zero else { return fresh }
        let known = try proofs.reusable(by: account, since: tx.now - plan.authorizationReuse, in: tx)
        return fresh.map { new in
            let proof = known.first { proof in
                proof.name == new.identifier && proof.isWildcard == new.isWildcard
                    && new.challenges.contains { $0.type == proof.method }
            }
            guard let proof else { return new }
            let end = min(proof.expiresAt, wholeSeconds(proof.provedAt + plan.authorizationReuse))
            guard end > tx.now + Self.timeToFinalize else { return new }
            return NewACMEAuthorization(
                id: new.id, identifier: new.identifier, isWildcard: new.isWildcard, status: .valid, expiresAt: end,
                token: proof.token, challenges: new.challenges.filter { $0.type == proof.method },
                provedAt: proof.provedAt)
        }
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

    /// Gives an authorization up (RFC 8555 §7.5.2), and with it those of other orders that rest on the same proof; their
    /// orders can't be completed any more.
    package func deactivate(
        _ id: String, of account: ACMEAccount, from origin: RequestOrigin
    ) async throws -> ACMEAuthorizationView {
        let author = Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system)
        try await context.write { tx in
            guard let id = try? ACMEAuthorizationID(id), let found = try authorizations.find(id, in: tx),
                found.accountID == account.id
            else { throw ACMEProblem.notYours("authorization") }
            let error = ACMEProblem(.unauthorized, "an authorization was deactivated", status: 403).json()
            for shared in try proofs.sharing(id, of: account.id, in: tx) {
                guard try authorizations.move(shared.id, from: [.pending, .valid], to: .deactivated, in: tx) else {
                    continue
                }
                _ = try orders.invalidate(shared.order, from: [.pending, .ready], error: error, in: tx)
                try context.recorder.record(.acmeAuthorizationDeactivated, shared.id.text, by: author, in: tx)
            }
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
