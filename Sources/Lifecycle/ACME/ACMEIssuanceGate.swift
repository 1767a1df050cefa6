package import Domain
import Query
import Store

/// Looks once more at what orders rest on before a CA is asked, when the last look is too long ago by then: an approval may take
/// days, and so may a CA (RFC 8659 §4, protocol-servers §2.9).
///
/// The network is asked outside of transactions, right before the one that records the intent.
package struct ACMEIssuanceGate: Sendable {
    /// How long what can't be known keeps an order waiting before it is looked at again.
    private static let pause = Duration.seconds(30)

    private let context: LifecycleContext
    private let plan: @Sendable () -> ACMEPlan
    private let caa: ACMECAAGate
    private let orders = ACMEOrderStore()

    package init(
        _ context: LifecycleContext, plan: @escaping @Sendable () -> ACMEPlan, checkCAA: @escaping ACMECAACheck,
        perspectives: ACMEPerspectiveFlow, observeVotes: @escaping @Sendable (ACMEPerspectiveTally) -> Void
    ) {
        self.context = context
        self.plan = plan
        caa = ACMECAAGate(context, plan: plan, check: checkCAA, perspectives: perspectives, observeVotes: observeVotes)
    }

    enum Verdict: Hashable, Sendable {
        case passes
        /// The order has ended, its job with it.
        case refused
        case isUnknown(pause: Duration)
    }

    /// Whether an order that is being issued may go on.
    func look(at order: ACMEOrder, by author: Authorship) async throws -> Verdict {
        // Where names are proved nobody looks: then nowhere.
        guard plan().checksCAA(under: .challenge) else { return .passes }
        let found = try await context.read { tx -> (ACMEAccount, ACMEProfile)? in
            guard let account = try ACMEAccountStore().find(order.accountID, in: tx),
                let profile = try ProfileStore().find(order.profileID, in: tx)
            else { return nil }
            return (account, ACMEProfile(id: order.profileID, fields: profile.fields))
        }
        // Without its profile it is refused by whoever would issue.
        guard let (account, profile) = found else { return .passes }
        do {
            let outcome = try await caa.pass(order, of: account, under: profile, by: author)
            if let time = outcome.at {
                try await context.write { tx in try orders.recordLook(at: order.id, time, in: tx) }
            }
            return .passes
        } catch let problem as ACMEProblem {
            return problem.kind == .caa ? .refused : .isUnknown(pause: max(problem.retryAfter ?? .zero, Self.pause))
        }
    }

    /// Whether an approved job may be issued for now. One that belongs to no order may; what can't be known makes it wait.
    package func permits(_ job: JobID) async throws -> Bool {
        let (waiting, now) = try await context.read { tx in (try orders.waiting(for: job, in: tx), tx.now) }
        guard waiting.allSatisfy({ order in order.retryAt.map { $0 <= now } ?? true }) else { return false }
        for order in waiting {
            let author = Authorship(actor: ACMEActor.account(order.accountID), origin: nil, clearance: .system)
            switch try await look(at: order, by: author) {
            case .passes: continue
            case .refused: return false
            case .isUnknown(let pause):
                try await context.write { tx in
                    try orders.postpone(order.id, until: tx.now + pause, counting: false, in: tx)
                    // The approved requests of others have their turn meanwhile.
                    try ApprovalStore().postpone(job, until: tx.now + pause, in: tx)
                }
                return false
            }
        }
        return true
    }
}
