import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// Agents that look at proofs of names from other places of the network (protocol-servers §2.8).
///
/// The access gate has compared the agent in the path with the credential before any of this runs.
struct PerspectiveHandlers: Sendable {
    let flow: ACMEPerspectiveFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(AgentRoutes.perspectiveChecks, checks)
        handlers.on(AgentRoutes.perspectiveVote, vote)
    }

    private func checks(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let offer = try await flow.claim(
            for: try context.request.id(), at: context.query.text("vantage") ?? "",
            wait: .seconds(context.query.integer("wait") ?? 0), while: context.isAwaited)
        return .json(
            PerspectiveChecksAnswer {
                $0.isAppointed = offer.isAppointed
                $0.checks = offer.questions.map(Self.body)
            })
    }

    private static func body(_ question: ACMEPerspectiveOffer.Question) -> PerspectiveCheckBody {
        let check = question.check
        return PerspectiveCheckBody {
            $0.id = check.id
            $0.purpose = check.purpose
            $0.type = check.type
            $0.identifierType = check.name.kind
            $0.identifier = check.name.value
            $0.isWildcard = check.isWildcard
            $0.token = check.token
            $0.thumbprint = check.thumbprint
            $0.accountURL = check.accountURL
            $0.issuers = question.issuers
            $0.accounts = question.accounts
            $0.patienceMilliseconds = Int(question.patience.wholeMicroseconds / 1000)
        }
    }

    private func vote(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: PerspectiveVoteRequest = try context.request.decode()
        try await flow.answer(
            try context.request.id("check_id"), of: try context.request.id(),
            ACMEPerspectiveAnswer(
                verdict: request.verdict, fault: request.problem, detail: request.detail ?? "", digest: request.digest),
            by: context.authorship)
        return .json(StatusAnswer("recorded"))
    }
}
