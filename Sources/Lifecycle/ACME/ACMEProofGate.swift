import Domain
import Encoding
import Query
import Store

/// Ends orders that rest on trust under a profile that demands proofs by now: what an operator switched to holds for what was
/// ordered before as well.
struct ACMEProofGate: Sendable {
    private let context: LifecycleContext
    private let orders = ACMEOrderStore()

    init(_ context: LifecycleContext) { self.context = context }

    /// Whether something of an order was merely trusted that its profile wants to be proved by now. What an order rests on never
    /// changes.
    func isWanting(_ order: ACMEOrder, under profile: ACMEProfile, in tx: any Transaction) throws -> Bool {
        guard profile.mode == .challenge else { return false }
        return try !ACMEProofStore().trusted(of: order.id, in: tx).isEmpty
    }

    /// Ends an order that is wanting.
    ///
    /// - Throws: ``ACMEProblem`` once the order has ended: `unauthorized` for each name (RFC 8555 §6.7.1).
    func refuse(_ id: ACMEOrderID, of account: ACMEAccount, by author: Authorship) async throws {
        let problem = try await context.write { tx -> ACMEProblem? in
            // Whatever else is wrong with the order is said by whoever finalizes it.
            guard let order = try orders.lock(id, in: tx), order.accountID == account.id,
                order.status(at: tx.now) == .ready
            else { return nil }
            let trusted = try ACMEProofStore().trusted(of: id, in: tx)
            guard !trusted.isEmpty else { return nil }
            let problem = Self.problem(with: trusted)
            guard try orders.invalidate(id, from: [.ready], error: problem.json(), in: tx) != nil else { return nil }
            try context.recorder.record(
                .acmeOrderFailed, id.text,
                details: ["account_id": .string(account.id.text), "error": .string(problem.detail)], by: author, in: tx)
            return problem
        }
        if let problem { throw problem }
    }

    private static func problem(with names: [ACMEName]) -> ACMEProblem {
        var problem = ACMEProblem(
            .unauthorized, "the profile demands proofs of names by now, which the order does without; order anew",
            status: 403)
        problem.parts = names.map { name in
            ACMEProblem.Part(.unauthorized, "\(name.value) was not proved", identifier: name.json)
        }
        return problem
    }
}
