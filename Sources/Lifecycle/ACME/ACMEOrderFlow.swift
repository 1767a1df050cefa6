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
    /// When that one ends.
    package var replacedEnd: Timestamp?
    /// When the certificate is to begin and to end.
    package var notBefore: Timestamp?
    package var notAfter: Timestamp?

    package init(names: [ACMEName]) { self.names = names }
}

/// An order with what hangs on it.
package struct ACMEOrderView: Sendable {
    package let order: ACMEOrder
    package let authorizations: [ACMEAuthorizationID]
    /// After how long asking again may tell something new of one that is being issued.
    package var pause = Duration.seconds(2)
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
    let context: LifecycleContext
    private let plan: @Sendable () -> ACMEPlan
    let orders = ACMEOrderStore()
    let authorizations = ACMEAuthorizationStore()
    let proofs = ACMEProofStore()

    package init(_ context: LifecycleContext, plan: @escaping @Sendable () -> ACMEPlan) {
        self.context = context
        self.plan = plan
    }

    // MARK: Ordering

    package func create(
        _ request: ACMEOrderRequest, for account: ACMEAccount, under profile: ACMEProfile, from origin: RequestOrigin
    ) async throws -> ACMEOrderView {
        let plan = plan()
        try admit(account, under: profile, plan)
        try ACMENames.check(request.names, account, profile)
        try ACMEPeriod.check(request, under: profile, now: context.time.now, orderTTL: plan.orderTTL)
        let id: ACMEOrderID = context.newID()
        let isTrusted = profile.mode == .trustAuthenticated
        let fresh = try request.names.map { name in try authorization(of: name, profile, plan) }
        return try await context.write { tx in
            try lock(account, in: tx)
            // The account is locked: of two orders that replace the same certificate, the second sees the first.
            if let replaced = request.replaces {
                try ACMERenewalFlow.reserve(replaced, for: account.id, recorder: context.recorder, in: tx)
            }
            if plan.concurrentOrders > 0, try orders.countOpen(of: account.id, in: tx) >= plan.concurrentOrders {
                var problem = ACMEProblem(
                    .rateLimited, "at most \(plan.concurrentOrders) orders of an account may be open at a time")
                problem.retryAfter = Self.pause(until: try orders.firstEnd(of: account.id, in: tx), now: tx.now)
                throw problem
            }
            let issuer = try ACMEIssuerBinding.issuer(for: profile, in: tx)
            try ACMEPeriod.check(request, by: issuer, in: tx)
            var new = fresh
            if !isTrusted {
                try checkFailures(request.names, of: account.id, under: profile, plan, in: tx)
                new = try reusing(fresh, of: account.id, under: profile, plan, in: tx)
            }
            var order = NewACMEOrder(
                id: id, accountID: account.id, profileID: profile.id, identifiers: request.names,
                namesSHA256: ACMENames.digest(request.names),
                status: new.allSatisfy { $0.status == .valid } ? .ready : .pending,
                // It ends with the first of its authorizations (RFC 8555 §7.1.6).
                expiresAt: new.map(\.expiresAt).reduce(wholeSeconds(context.time.now + plan.orderTTL), min))
            order.notBefore = request.notBefore
            order.notAfter = request.notAfter
            order.replaces = request.replaces
            order.replacedEnd = request.replacedEnd
            var details: JSONObject = [
                "account_id": .string(account.id.text), "identifiers": .array(request.names.map(\.json)),
                "profile_id": .string(profile.id.text),
            ]
            details["replaces"] = request.replaces.map { .string($0) }
            let stored = try orders.insert(order, in: tx)
            try authorizations.insert(new, for: id, of: account.id, in: tx)
            try context.recorder.record(
                .acmeOrderCreated, id.text,
                details: details,
                by: Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system), in: tx)
            return ACMEOrderView(order: stored, authorizations: new.map(\.id))
        }
    }

    /// Takes an authorization ahead of any order (RFC 8555 §7.4.1). Once proved, it counts for orders until it ends; whoever
    /// asks again meanwhile gets the same one.
    package func authorize(
        _ name: ACMEName, for account: ACMEAccount, under profile: ACMEProfile, from origin: RequestOrigin
    ) async throws -> (view: ACMEAuthorizationView, isNew: Bool) {
        let plan = plan()
        try admit(account, under: profile, plan)
        guard !name.isWildcard else {
            throw ACMEProblem.about([
                ACMEProblem.Part(
                    .rejectedIdentifier, "a wildcard can't be authorized ahead of an order (RFC 8555 §7.4.1)",
                    identifier: name.json)
            ])
        }
        try ACMENames.check([name], account, profile)
        let new = try authorization(of: name, profile, plan)
        let author = Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system)
        let known = try await context.write { tx -> ACMEAuthorizationID? in
            try lock(account, in: tx)
            if let known = try authorizations.ahead(of: account.id, for: name, in: tx) { return known.id }
            if plan.concurrentOrders > 0, try authorizations.countAhead(of: account.id, in: tx) >= plan.concurrentOrders
            {
                var problem = ACMEProblem(
                    .rateLimited, "at most \(plan.concurrentOrders) authorizations of an account may wait at a time")
                problem.retryAfter = Self.pause(
                    until: try authorizations.firstEndAhead(of: account.id, in: tx), now: tx.now)
                throw problem
            }
            try checkFailures([name], of: account.id, under: profile, plan, in: tx)
            try authorizations.insert([new], for: nil, of: account.id, in: tx)
            try context.recorder.record(
                .acmeAuthorizationCreated, new.id.text,
                details: [
                    "account_id": .string(account.id.text), "identifier": name.json,
                    "profile_id": .string(profile.id.text),
                ],
                by: author, in: tx)
            return nil
        }
        return (try await authorization((known ?? new.id).text, of: account), known == nil)
    }

    /// Throws unless an account may order at all.
    private func admit(_ account: ACMEAccount, under profile: ACMEProfile, _ plan: ACMEPlan) throws(ACMEProblem) {
        if let terms = plan.termsURL, account.termsAgreed != terms {
            throw .terms(terms, "agree to the present terms of service first")
        }
        // An account from the time before a key was asked for must not go on without one.
        guard account.eabKeyID != nil || !plan.requiresBinding(under: profile) else {
            throw ACMEProblem(
                .externalAccountRequired, "this account has no external account binding, which is required by now")
        }
    }

    /// Until the first of what is open ends by itself. It may be finished sooner, so nobody is sent away for long.
    private static func pause(until end: Timestamp?, now: Timestamp) -> Duration {
        min(max((end ?? now) - now, .seconds(1)), .hours(1))
    }

    private func lock(_ account: ACMEAccount, in tx: any Transaction) throws {
        guard let locked = try ACMEAccountStore().lock(account.id, in: tx), locked.status == .valid else {
            throw ACMEProblem(.unauthorized, "the account has ended")
        }
    }

    private func authorization(
        of name: ACMEName, _ profile: ACMEProfile, _ plan: ACMEPlan
    ) throws(ACMEProblem) -> NewACMEAuthorization {
        let isTrusted = profile.mode == .trustAuthenticated
        // A client that insists on a challenge finds one that is done.
        let types: [ACMEChallengeType] =
            isTrusted
            ? [name.isWildcard ? .dns01 : .http01]
            : plan.challengeTypes(under: profile).filter { $0.isFit(for: name) }
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

    /// Whoever fails again and again to prove a name waits, and so do those that never proved one that nobody can prove
    /// (protocol-servers §2.13): each failure is a visit to whoever has the name. What is counted is in the database, and so counts
    /// for all replicas.
    private func checkFailures(
        _ names: [ACMEName], of account: ACMEAccountID, under profile: ACMEProfile, _ plan: ACMEPlan,
        in tx: any Transaction
    ) throws {
        let hourAgo = tx.now - .hours(1)
        let own =
            plan.failuresPerHour > 0
            ? try proofs.failures(
                of: account, since: hourAgo, askedSince: hourAgo - max(plan.orderTTL, plan.authorizationTTL), in: tx)
            : []
        var ends: [Timestamp] = []
        let parts: [ACMEProblem.Part] = try names.compactMap { name in
            var times = own.filter { $0.name == name.base }.map(\.at)
            var limit = plan.failuresPerHour
            if limit <= 0 || times.count < limit, plan.nameFailuresPerHour > 0 {
                // Failures of strangers hold up nobody who has proved the name.
                times = try proofs.failures(to: name.base, under: profile.id, since: hourAgo, in: tx)
                limit = plan.nameFailuresPerHour
                if times.count >= limit, try proofs.hasProved(name.base, account, in: tx) { return nil }
            }
            guard limit > 0, times.count >= limit else { return nil }
            ends.append(times[times.count - limit] + .hours(1))
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
        _ fresh: [NewACMEAuthorization], of account: ACMEAccountID, under profile: ACMEProfile, _ plan: ACMEPlan,
        in tx: any Transaction
    ) throws -> [NewACMEAuthorization] {
        let since = plan.authorizationReuse > .zero ? tx.now - plan.authorizationReuse : nil
        let witnesses = plan.witnesses(under: profile.fields)
        // What fewer or others confirmed under another profile is no proof here.
        let known = try proofs.reusable(by: account, since: since, in: tx).filter { proof in
            guard proof.profileID != profile.id else { return true }
            guard let other = try ProfileStore().find(proof.profileID, in: tx) else { return false }
            return plan.witnesses(under: other.fields) == witnesses
        }
        return fresh.map { new in
            let proof = known.first { proof in
                proof.name == new.identifier && proof.isWildcard == new.isWildcard
                    && new.challenges.contains { $0.type == proof.method }
            }
            guard let proof else { return new }
            // One that was asked for ahead counts as long as it lasts: that is its point.
            let limit = proof.isAhead ? proof.expiresAt : wholeSeconds(proof.provedAt + plan.authorizationReuse)
            let end = min(proof.expiresAt, limit)
            guard end > tx.now + Self.timeToFinalize else { return new }
            return NewACMEAuthorization(
                id: new.id, identifier: new.identifier, isWildcard: new.isWildcard, status: .valid, expiresAt: end,
                token: proof.token, challenges: new.challenges.filter { $0.type == proof.method },
                provedAt: proof.provedAt)
        }
    }

    /// The wire has no fractions of a second, and what a client reads is what holds.
    private func wholeSeconds(_ time: Timestamp) -> Timestamp { Timestamp(secondsSinceEpoch: time.secondsSinceEpoch) }
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
    /// Why an order came to nothing by time alone.
    package static let expiry = ACMEProblem(.malformed, "the order expired").json()
}
