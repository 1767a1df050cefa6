import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Testing

@Suite("Bulk revocations that wait for a second person (security §8)")
struct BulkRevocationApprovalTests {
    private struct Held {
        let stage: ApprovalStage
        let flow: BulkRevokeFlow
        let operation: Operation
        let approval: ApprovalID

        func now() async throws -> Operation {
            try await stage.world.database.read { try OperationStore().get(operation.id, in: $0) }
        }
    }

    private static func flow(_ stage: ApprovalStage, _ rule: SecondPersonRule = .automatic) -> BulkRevokeFlow {
        BulkRevokeFlow(stage.world.context, observers: [], rule: { rule })
    }

    private static func wanted(_ names: [String]) -> BulkRevocation {
        var filter = CertificateFilter()
        filter.certificateIDs = names.map { CertificateID(stored: $0) }
        return BulkRevocation(
            filter: filter, criteria: ["certificate_ids": .array(names.map { .string($0) })],
            order: RevocationOrder(.keyCompromise))
    }

    /// Alice asks for two certificates to be revoked.
    private static func hold(_ stage: ApprovalStage, _ rule: SecondPersonRule = .automatic) async throws -> Held {
        for name in ["a", "b"] {
            try await stage.world.certificate(name)
            try await RevokeFlowTests.issue(stage.world, name)
        }
        let flow = flow(stage, rule)
        let alice = try await stage.world.author("alice", using: .certBulkRevoke)
        let operation = try await flow.begin(wanted(["a", "b", "nobody"]), by: alice)
        return Held(
            stage: stage, flow: flow, operation: operation, approval: try #require(operation.approvalID))
    }

    @Test("nothing happens until another administrator agrees; then exactly that", arguments: Engine.available)
    func agreed(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let held = try await Self.hold(stage)
            #expect(held.operation.state == .awaitingApproval && held.operation.startedAt == nil)
            #expect(try await held.flow.step(held.operation.id).items.isEmpty)
            #expect(try await stage.world.stored("a").status == .active)
            let asked = try await stage.approval(held.approval)
            #expect(asked.metadata["certificates"] == "2" && asked.metadata["reason"] == "keyCompromise")
            #expect(asked.subject == .bulkRevocation(BulkRevocationTerms(held.operation)))

            #expect(await stage.refusalOf(held.approval, by: "alice") == .selfApprovalForbidden)
            try await stage.decide(held.approval, by: "bob")
            #expect(await stage.refusalOf(held.approval, by: "carol") == .alreadyDecided, "once")
            let ended = try await held.flow.step(held.operation.id).operation
            #expect(ended.state == .succeeded && ended.progress.succeeded == 2 && ended.progress.failed == 1)
            for name in ["a", "b"] { #expect(try await stage.world.stored(name).status == .revoked) }
            #expect(
                try await stage.world.actions(on: held.operation.id.text).sorted() == [
                    "bulk_revocation_finished", "bulk_revocation_initiated", "bulk_revocation_started",
                ])
        }
    }

    @Test("refused, withdrawn, expired or cancelled, it never begins", arguments: Engine.available)
    func ended(engine: Engine) async throws {
        for way in ["reject", "withdraw", "expire", "cancel"] {
            try await ApprovalStage.with(engine) { stage async throws in
                let held = try await Self.hold(stage, .always)
                let alice = try await stage.world.author("alice", using: .certBulkRevoke)
                switch way {
                case "reject": try await stage.decide(held.approval, .reject, by: "bob")
                case "withdraw": _ = try await stage.world.approvals.withdraw(held.approval, note: nil, by: alice)
                case "expire":
                    try await stage.runOut(held.approval)
                    #expect(await stage.refusalOf(held.approval, by: "bob") == .alreadyDecided)
                default: _ = try await held.flow.cancel(held.operation.id, by: alice)
                }
                #expect(try await held.now().state == .cancelled, "\(way)")
                #expect(await stage.refusalOf(held.approval, by: "carol") == .alreadyDecided, "\(way)")
                #expect(try await held.flow.step(held.operation.id).items.isEmpty, "\(way)")
                #expect(try await stage.world.stored("a").status == .active, "\(way)")
            }
        }
    }

    @Test("other certificates than were shown are not what was approved", arguments: Engine.available)
    func tampered(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let held = try await Self.hold(stage)
            try await stage.world.certificate("c")
            try await stage.execute(
                """
                INSERT INTO operation_items (operation_id, subject_id, outcome)
                VALUES (\(held.operation.id), 'c', 'pending')
                """)
            #expect(await stage.refusalOf(held.approval, by: "bob") == .staleApproval)
            #expect(try await held.now().state == .cancelled, "what cannot be carried out ends")
            #expect(try await stage.approval(held.approval).state == .expired)
        }
    }

    @Test("of two who agree at once one does", arguments: Engine.available)
    func twice(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let held = try await Self.hold(stage)
            async let bob = stage.refusalOf(held.approval, by: "bob")
            async let carol = stage.refusalOf(held.approval, by: "carol")
            let refusals = await [bob, carol]
            #expect(refusals.count { $0 == nil } == 1 && refusals.contains(.alreadyDecided), "\(refusals)")
            #expect(try await held.now().state == .running)
            #expect(
                try await stage.world.actions(on: held.operation.id.text).count { $0 == "bulk_revocation_started" }
                    == 1)
        }
    }

    @Test("automatic: nobody is asked while fewer than two may approve", arguments: Engine.available)
    func alone(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.custody("carol", mayApprove: false)
            try await stage.custody("bob", mayApprove: false)
            try await stage.world.certificate("a")
            try await RevokeFlowTests.issue(stage.world, "a")
            let alice = try await stage.world.author("alice", using: .certBulkRevoke)
            let free = try await Self.flow(stage).begin(Self.wanted(["a"]), by: alice)
            #expect(free.state == .running && free.approvalID == nil)
            let preview = try await Self.flow(stage, .always).preview(Self.wanted(["a"]), by: alice)
            #expect(preview.needsApproval)
        }
    }
}
