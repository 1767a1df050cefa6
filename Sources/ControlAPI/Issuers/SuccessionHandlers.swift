import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// How a CA of a tree takes the place of another (ADR-0037).
struct SuccessionHandlers: Sendable {
    private static let unknown =
        "Clients that fetch the CAs of the tree from /.well-known/pki/ca, and trust stores that nobody here writes, are not "
        + "counted: allow for them with hold_hours."

    let flow: HierarchyFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(SuccessionRoutes.succeed, succeed)
        handlers.on(SuccessionRoutes.consumers, consumers)
        handlers.on(SuccessionRoutes.activate, activate)
    }

    private func succeed(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: SucceedIntermediateCARequest = try context.request.decode()
        var draft = SuccessionDraft()
        draft.name = request.name
        draft.commonName = request.commonName
        draft.algorithm = request.algorithm
        draft.keyDriver = request.keyDriver
        draft.keyReference = request.keyReference
        draft.rootPEM = request.rootPEM
        draft.ttlDays = request.ttlDays
        draft.holdHours = request.holdHours
        draft.isAutomatic = request.isAutomatic
        return try await .ceremony { [draft] in
            let node = try await flow.succeed(try context.request.id(), draft, by: context.authorship)
            return .json(
                IntermediateCABody(node, drain: nil), status: 201, version: node.rowVersion,
                location: "/api/v1/intermediates/\(node.id.text)")
        }
    }

    private func consumers(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let found = try await flow.consumers(
            of: try context.request.id(), isLacking: context.query.flag("lacking") ?? false,
            limit: context.query.integer("limit") ?? 200, by: context.authorship)
        return .json(
            CAConsumersAnswer {
                $0.id = found.node.id
                $0.state = found.node.state
                $0.known = found.known
                $0.lacking = found.lacking
                $0.targets = found.targets.map { CAConsumerBody($0) }
                $0.unknown = Self.unknown
            })
    }

    private func activate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ActivateIntermediateCARequest = try context.request.decode()
        let done = try await flow.activate(
            try context.request.id(), isForced: request.isForced, reason: request.reason, by: context.authorship)
        return .json(
            ActivateIntermediateCAAnswer {
                $0.id = done.node.id
                $0.state = done.node.state
                $0.predecessorID = done.predecessor?.id
                $0.predecessorState = done.predecessor?.state
                $0.known = done.known
                $0.lacking = done.lacking
                $0.renewals = done.renewals
                $0.isForced = request.isForced
            })
    }
}

extension CAConsumerBody {
    fileprivate init(_ consumer: TrustConsumer) {
        self.init {
            $0.targetID = consumer.targetID
            $0.targetName = consumer.targetName
            $0.agentID = consumer.agentID
            $0.agentName = consumer.agentName
            $0.certificateID = consumer.certificateID
            $0.certificateName = consumer.certificateName
            $0.isEnabled = consumer.isEnabled
            $0.isTrusting = consumer.trustedSince != nil
            $0.trustedSince = consumer.trustedSince
        }
    }
}
