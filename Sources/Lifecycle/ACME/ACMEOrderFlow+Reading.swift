package import Domain
import Query
package import Store

/// What accounts see of their orders, and what they give up.
extension ACMEOrderFlow {
    /// An order of an account; throws 403 for any other.
    package func order(_ id: String, of account: ACMEAccount) async throws -> ACMEOrderView {
        try await context.read { tx in
            guard let id = try? ACMEOrderID(id), let order = try orders.find(id, in: tx), order.accountID == account.id
            else { throw ACMEProblem.notYours("order") }
            var view = ACMEOrderView(
                order: order, authorizations: try authorizations.all(of: id, in: tx).map(\.id))
            if let pause = try Self.pause(order, in: tx) { view.pause = pause }
            return view
        }
    }

    /// People take longer than CAs, and CAs that answer later take longer than those that answer at once; `nil` for what may
    /// come at any moment.
    private static func pause(_ order: ACMEOrder, in tx: any Transaction) throws -> Duration? {
        guard order.status == .processing, let jobID = order.jobID else { return nil }
        if try JobStore().find(jobID, in: tx)?.phase == .awaitingApproval { return .seconds(45) }
        return try OrderStore().open(of: jobID, in: tx)?.state == .pending ? .seconds(10) : nil
    }

    /// Orders of an account from which something may still come or has come, newest first (RFC 8555 §7.1.2.1).
    package func orders(
        of account: ACMEAccount, after position: KeysetPosition?, limit: Int
    ) async throws -> Page<ACMEOrder> {
        var filter = ACMEOrderFilter()
        filter.accountIDs = [account.id]
        filter.leavesOutInvalid = true
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
                if let order = shared.order {
                    _ = try orders.invalidate(order, from: [.pending, .ready], error: error, in: tx)
                }
                try context.recorder.record(.acmeAuthorizationDeactivated, shared.id.text, by: author, in: tx)
            }
        }
        return try await authorization(id, of: account)
    }
}
