import DatabaseTestSupport
import Domain
import Encoding
import PKI
import Query
import Store
import Testing

@testable import Lifecycle

@Suite("Protocol-servers §2.12: a certificate that was replaced is not waited for any more")
struct ReplacementTests {
    /// Orders under a profile where each issuance waits for Bob.
    private struct Desk {
        let server: FinalizeStage
        var stage: ValidationStage { server.stage }
        private var approvals: ApprovalStage { ApprovalStage(world: stage.world) }

        /// An order that waits for its approval, and takes the place of a certificate.
        func waiting(
            _ names: [String], _ csr: OrderStep.Request = .first, replacing text: String? = nil
        ) async throws -> (ACMEOrderView, ApprovalID) {
            let before = try await pending()
            let view: ACMEOrderView
            if let text {
                let (account, profile) = try await stage.account("a")
                var request = ACMEOrderRequest(names: names.map { ACMEName(.dns, $0) })
                request.replaces = text
                view = try await stage.orders.create(request, for: account, under: profile, from: stage.world.origin)
                for authorization in view.authorizations { try await stage.answer(authorization) }
                try await stage.workOff()
            } else {
                view = try await server.ready(names)
            }
            try await server.finalize(view, csr)
            let made = Set(try await pending()).subtracting(before)
            return (view, try #require(made.first))
        }

        func issue(_ waiting: (view: ACMEOrderView, approval: ApprovalID)) async throws {
            try await approvals.decide(waiting.approval, by: "bob")
            try await server.issueApproved()
            #expect(try await server.status(waiting.view) == .valid)
        }

        func refuse(_ waiting: (view: ACMEOrderView, approval: ApprovalID)) async throws {
            try await approvals.decide(waiting.approval, .reject, by: "bob")
            try await server.settle()
            #expect(try await server.status(waiting.view) == .invalid)
        }

        private func pending() async throws -> [ApprovalID] {
            try await stage.world.database.read { tx in
                try tx.rows("SELECT id FROM issuance_approval_requests WHERE state = 'pending'").map {
                    row -> ApprovalID in try row.id("id")
                }
            }
        }

        func certificate(_ view: ACMEOrderView) async throws -> Certificate {
            let id = try #require(try await stage.stored(view).certificateID)
            return try await stage.world.database.read { try CertificateStore().get(id, in: $0) }
        }

        /// How a client names what it was issued.
        func name(_ view: ACMEOrderView) async throws -> String {
            let version = try #require(try await stage.stored(view).versionID)
            let chain = try await stage.world.database.read { try VersionStore().find(version, in: $0)?.pemChain }
            let leaf = try #require(try X509Certificate.bundle(pem: chain ?? "").first)
            return try #require(ACMECertificateName.text(of: leaf))
        }
    }

    private static func with(_ engine: Engine, _ body: (Desk) async throws -> Void) async throws {
        try await ValidationStage.with(engine, isGated: true) { stage async throws in
            try await stage.world.actor("bob", [("r-admin", .global)])
            try await ApprovalStage(world: stage.world).custody("bob", mayApprove: true)
            try await FinalizeStage.with(stage) { server async throws in try await body(Desk(server: server)) }
        }
    }

    @Test(
        "with other names while a request for the old one waits: the old one ends when nothing comes of that",
        arguments: Engine.available)
    func refusedLater(engine: Engine) async throws {
        try await Self.with(engine) { desk async throws in
            let first = try await desk.waiting(["a.test"])
            try await desk.issue(first)
            let renewal = try await desk.waiting(["a.test"], .second)
            let successor = try await desk.waiting(["a.test", "b.test"], replacing: try await desk.name(first.0))
            try await desk.issue(successor)
            let (old, new) = (try await desk.certificate(first.0), try await desk.certificate(successor.0))
            #expect(old.id != new.id && old.status != .archived)
            #expect(try await desk.certificate(renewal.0).id == old.id)

            try await desk.refuse(renewal)
            let ended = try await desk.certificate(first.0)
            #expect(ended.status == .archived && ended.nextRenewalAt == nil, "\(ended.status)")
            #expect(try await desk.certificate(successor.0).status == .active)
            #expect(try await desk.stage.audited("certificate_archived") == 1)
        }
    }

    @Test(
        "it ends with the issuance of its successor when nothing else is under way by then", arguments: Engine.available
    )
    func refusedBefore(engine: Engine) async throws {
        try await Self.with(engine) { desk async throws in
            let first = try await desk.waiting(["a.test"])
            try await desk.issue(first)
            let renewal = try await desk.waiting(["a.test"], .second)
            let successor = try await desk.waiting(["a.test", "b.test"], replacing: try await desk.name(first.0))
            try await desk.refuse(renewal)
            #expect(try await desk.certificate(first.0).status != .archived)
            try await desk.issue(successor)
            #expect(try await desk.certificate(first.0).status == .archived)
        }
    }

    @Test("it lives on when the other request is granted: its certificate is not the one that was replaced")
    func granted() async throws {
        try await Self.with(.sqlite) { desk async throws in
            let first = try await desk.waiting(["a.test"])
            try await desk.issue(first)
            let renewal = try await desk.waiting(["a.test"], .second)
            let successor = try await desk.waiting(["a.test", "b.test"], replacing: try await desk.name(first.0))
            try await desk.issue(successor)
            try await desk.issue(renewal)
            #expect(try await desk.certificate(first.0).status == .active)
        }
    }

    @Test("what adds a version to the same managed certificate ends nothing")
    func sameCertificate() async throws {
        try await Self.with(.sqlite) { desk async throws in
            let first = try await desk.waiting(["a.test"])
            try await desk.issue(first)
            let successor = try await desk.waiting(["a.test", "b.test"], replacing: try await desk.name(first.0))
            try await desk.issue(successor)
            let certificate = try await desk.certificate(successor.0)
            #expect(try await desk.certificate(first.0).id == certificate.id && certificate.status == .active)
        }
    }
}
