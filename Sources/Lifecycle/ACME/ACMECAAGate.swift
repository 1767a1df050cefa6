import Domain
import Encoding
import Query
import Store

/// Looks at CAA records again before a certificate is issued, when the last look is too long ago
/// (RFC 8659 §4, protocol-servers §2.9).
struct ACMECAAGate: Sendable {
    /// How long what was seen counts, as the CA/Browser Forum has it.
    static let longestMemory = Duration.hours(8)
    /// Names that are asked about at a time.
    private static let width = 10

    private let context: LifecycleContext
    private let plan: @Sendable () -> ACMEPlan
    private let check: ACMECAACheck
    private let orders = ACMEOrderStore()

    init(_ context: LifecycleContext, plan: @escaping @Sendable () -> ACMEPlan, check: @escaping ACMECAACheck) {
        self.context = context
        self.plan = plan
        self.check = check
    }

    /// Returns when the records allow the order's names.
    ///
    /// - Throws: ``ACMEProblem``. What the records forbid ends the order; while they can't be known it stays ready.
    func pass(
        _ text: String, of account: ACMEAccount, under profile: ACMEProfile, by author: Authorship
    ) async throws {
        guard plan().checksCAA(under: profile.mode), let id = try? ACMEOrderID(text) else { return }
        let questions = try await context.read { tx -> [ACMECAAQuestion] in
            // Whatever else is wrong with the order is said by whoever finalizes it.
            guard let order = try orders.find(id, in: tx), order.accountID == account.id,
                order.status(at: tx.now) == .ready
            else { return [] }
            let isTrusted = profile.mode == .trustAuthenticated
            return try ACMEProofStore().proofs(of: id, in: tx)
                .filter { isTrusted || $0.provedAt + Self.longestMemory <= tx.now }
                .map { proof in
                    ACMECAAQuestion(
                        name: proof.name, isWildcard: proof.isWildcard, method: isTrusted ? nil : proof.method,
                        accountID: account.id, profileID: account.profileID)
                }
        }
        let faults = await faults(questions)
        guard !faults.isEmpty else { return }
        let refused = faults.filter { $0.fault.kind == .caa }
        let told = refused.isEmpty ? faults : refused
        let problem = ACMEProblem.about(
            told.map { ACMEProblem.Part($0.fault.kind, $0.fault.detail, identifier: $0.name.json) })
        if !refused.isEmpty { try await end(id, account, problem, by: author) }
        throw problem
    }

    private func faults(_ questions: [ACMECAAQuestion]) async -> [(name: ACMEName, fault: ACMEFault)] {
        await withTaskGroup(of: (Int, ACMEFault?).self) { group in
            var found: [(place: Int, fault: ACMEFault)] = []
            for (place, question) in questions.enumerated() {
                if place >= Self.width, let (earlier, fault) = await group.next(), let fault {
                    found.append((earlier, fault))
                }
                group.addTask {
                    do throws(ACMEFault) { try await check(question) } catch { return (place, error) }
                    return (place, nil)
                }
            }
            for await (place, fault) in group {
                if let fault { found.append((place, fault)) }
            }
            return found.sorted { $0.place < $1.place }.map { (questions[$0.place].name, $0.fault) }
        }
    }

    private func end(
        _ id: ACMEOrderID, _ account: ACMEAccount, _ problem: ACMEProblem, by author: Authorship
    ) async throws {
        try await context.write { tx in
            guard try orders.invalidate(id, from: [.ready], error: problem.json(), in: tx) != nil else { return }
            try context.recorder.record(
                .acmeOrderFailed, id.text,
                details: ["account_id": .string(account.id.text), "error": .string(problem.detail)], by: author, in: tx)
        }
    }
}
