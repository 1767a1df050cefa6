import ConnectorKit
import DatabaseTestSupport
import Domain
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.4, protocol-servers §2.10: orders whose CA takes its time")
struct SlowIssuerTests {
    /// PostgreSQL has the clock of the host: clients wait for less there.
    private static func with(
        _ engine: Engine, isPatient: Bool = false, _ body: (FinalizeStage) async throws -> Void
    ) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            try await FinalizeStage.with(
                stage,
                change: { if engine == .postgres, !isPatient { $0.finalizePatience = .milliseconds(400) } }, body)
        }
    }

    /// Ten seconds pass, as the client sees it.
    private static func passPatience(_ server: FinalizeStage) {
        if server.stage.world.engine == .sqlite { server.stage.world.clock.advance(by: .seconds(10)) }
    }

    private static func isAsked(_ server: FinalizeStage, _ calls: Int = 1) async -> Bool {
        await eventually(within: .seconds(20)) { server.authority.calls == calls }
    }

    private static func isValid(_ server: FinalizeStage, _ view: ACMEOrderView) async throws -> Bool {
        try await eventually(within: .seconds(20)) { try await server.status(view) == .valid }
    }

    @Test("what is issued within ten seconds is there when finalize returns", arguments: Engine.available)
    func inTime(engine: Engine) async throws {
        try await Self.with(engine, isPatient: true) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.hold()
            let client = Task { try await server.finalize(view) }
            #expect(await Self.isAsked(server))
            if engine == .sqlite { server.stage.world.clock.advance(by: .seconds(9)) }
            try await Task.sleep(for: .milliseconds(50))
            server.authority.release()
            try await client.value
            #expect(try await server.status(view) == .valid)
            #expect(try await server.stage.stored(view).versionID != nil)
        }
    }

    @Test("what takes longer goes on while the client polls, and is issued once", arguments: Engine.available)
    func later(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.hold()
            let client = Task { try await server.finalize(view) }
            #expect(await Self.isAsked(server))
            if engine == .sqlite { server.stage.world.clock.advance(by: .milliseconds(9900)) }
            #expect(try await server.status(view) == .processing)
            Self.passPatience(server)
            try await client.value
            #expect(try await server.status(view) == .processing)
            // The same request again is answered at once, and loops leave the order to whoever is at it.
            try await server.finalize(view)
            for _ in 0..<2 { #expect(try await server.settle() == 0) }
            #expect(try await server.status(view) == .processing)
            #expect(server.authority.calls == 1)
            server.authority.release()
            #expect(try await Self.isValid(server, view))
            #expect(try await server.versions == 1)
            #expect(server.authority.granted == 1)
            #expect(try await server.stage.audited("acme_order_finalized") == 1)
        }
    }

    @Test("a client that goes away takes nothing with it", arguments: Engine.available)
    func gone(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.hold()
            let client = Task { try await server.finalize(view) }
            #expect(await Self.isAsked(server))
            client.cancel()
            _ = try? await client.value
            #expect(try await server.status(view) == .processing)
            server.authority.release()
            #expect(try await Self.isValid(server, view))
            #expect(server.authority.calls == 1)
        }
    }

    @Test("two that finalize at once, by two servers, get one certificate", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let other = server.another("two")
            try await other.desk.working { () async throws in
                let view = try await server.ready(["a.test"])
                server.authority.hold()
                let clients = [server, other, server, other].map { place in
                    Task { try await place.finalize(view) }
                }
                #expect(await Self.isAsked(server))
                // Another request for the same order is one too many.
                let refused = await #expect(throws: ACMEProblem.self) {
                    try await other.finalize(view, .second)
                }
                #expect(refused?.kind == .orderNotReady)
                Self.passPatience(server)
                for client in clients { try await client.value }
                #expect(try await other.settle() == 0, "another server left it alone")
                server.authority.release()
                #expect(try await Self.isValid(server, view))
                #expect(server.authority.calls == 1)
                #expect(try await server.versions == 1)
            }
        }
    }

    @Test("while CAs are waited for, the database is free, and so are other orders", arguments: Engine.available)
    func crowd(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let number = 24
            var views: [ACMEOrderView] = []
            for index in 0..<number { views.append(try await server.ready(["n\(index).test"])) }
            server.authority.hold()
            let clients = views.map { view in Task { try await server.finalize(view) } }
            #expect(await Self.isAsked(server, number))
            let start = ContinuousClock.now
            // A transaction that writes, and one that reads.
            _ = try await server.ready(["free.test"])
            #expect(ContinuousClock.now - start < .seconds(10))
            Self.passPatience(server)
            for client in clients { try await client.value }
            server.authority.release()
            await server.desk.untilIdle(atMost: .seconds(60))
            for view in views { #expect(try await server.status(view) == .valid) }
            #expect(try await server.versions == number)
        }
    }

    @Test(
        "a server waits for so many orders of a profile, and for the others later; behind a long line orders stay ready (§11)",
        arguments: Engine.available)
    func width(engine: Engine) async throws {
        let change: (inout ACMEPlan) -> Void = {
            $0.waitingOrders = 2
            $0.finalizePatience = .zero
        }
        try await ValidationStage.with(engine) { stage async throws in
            try await FinalizeStage.with(stage, change: change) { server async throws in
                server.authority.hold()
                let number = ACMEIssuanceDesk.width + 2
                var views: [ACMEOrderView] = []
                for index in 0..<number {
                    views.append(try await server.ready(["n\(index).test"]))
                    try await server.finalize(views[index])
                }
                #expect(await Self.isAsked(server, ACMEIssuanceDesk.width))
                let late = try await server.ready(["late.test"])
                let refused = await #expect(throws: ACMEProblem.self) { try await server.finalize(late) }
                #expect(refused?.kind == .serverInternal)
                #expect(refused?.status == 503)
                #expect(refused?.retryAfter != nil)
                #expect(try await server.status(late) == .ready)
                #expect(try await server.settle() == 0)
                #expect(server.authority.calls == ACMEIssuanceDesk.width)
                server.authority.release()
                let areAll = try await eventually(within: .seconds(60)) {
                    try await server.settle()
                    return try await server.versions == number
                }
                #expect(areAll)
                try await server.finalize(late)
                #expect(try await Self.isValid(server, late))
                #expect(server.authority.calls == number + 1)
            }
        }
    }

    // MARK: The end of a server

    @Test(
        "a server that is killed while a CA is asked: another one issues, under another number",
        arguments: Engine.available)
    func killed(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let (authority, requests) = (PatientAuthority(), RequestShelf())
            let first = FinalizeStage(
                stage, authority, requests, change: { $0.finalizePatience = .zero })
            var view: ACMEOrderView?
            try await first.desk.working { () async throws in
                let made = try await first.ready(["a.test"])
                view = made
                authority.hold()
                try await first.finalize(made)
                #expect(await Self.isAsked(first))
            }
            let order = try #require(view)
            #expect(try await first.status(order) == .processing)
            let second = first.another("two")
            try await second.desk.working { () async throws in
                // As long as nobody knows that the first one died, its call may still come to something.
                #expect(try await second.settle() == 0)
                #expect(try await stage.world.recovery.abandonLost(olderThan: .seconds(-1)) == 1)
                authority.release()
                #expect(try await second.settle() == 1)
                #expect(try await Self.isValid(second, order))
                #expect(try await second.versions == 1)
                #expect(authority.granted == 1)
                #expect(try await second.count("SELECT COUNT(DISTINCT serial_number) AS n FROM issuer_orders") == 2)
                #expect(
                    try await second.count("SELECT COUNT(*) AS n FROM issuer_orders WHERE state = 'abandoned'") == 1)
            }
        }
    }

    @Test("a server that is killed before a CA is asked leaves the order to the next one", arguments: Engine.available)
    func killedBefore(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            // Its desk never opens.
            let first = FinalizeStage(stage, PatientAuthority(), RequestShelf())
            let view = try await first.ready(["a.test"])
            try await first.finalize(view)
            #expect(try await first.status(view) == .processing)
            let second = first.another("two")
            try await second.desk.working { () async throws in
                #expect(try await second.settle() == 1)
                #expect(try await Self.isValid(second, view))
                #expect(second.authority.calls == 1)
            }
        }
    }

    @Test("an order over which three servers died ends")
    func killedOften() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            let (authority, requests) = (PatientAuthority(), RequestShelf())
            var server = FinalizeStage(stage, authority, requests)
            let view = try await server.ready(["a.test"])
            try await server.finalize(view)
            authority.hold()
            for number in 1...3 {
                try await server.desk.working { () async throws in
                    #expect(try await server.settle() == 1)
                    #expect(await Self.isAsked(server, number))
                }
                #expect(try await stage.world.recovery.abandonLost(olderThan: .seconds(-1)) == 1)
                server = server.another("\(number)")
            }
            try await server.desk.working { () async throws in #expect(try await server.settle() == 1) }
            #expect(try await server.status(view) == .invalid)
            #expect(try await server.problem(view) == "serverInternal")
            #expect(authority.granted == 0)
        }
    }

    @Test("a server that stops lets calls end that are about to")
    func drain() async throws {
        try await Self.with(.sqlite) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.hold()
            let client = Task { try await server.finalize(view) }
            #expect(await Self.isAsked(server))
            let stopping = Task { await server.desk.drain(atMost: .seconds(20)) }
            try await Task.sleep(for: .milliseconds(50))
            server.authority.release()
            await stopping.value
            try await client.value
            #expect(try await server.status(view) == .valid)
            // Nothing more is taken up.
            let next = try await server.ready(["b.test"])
            try await server.finalize(next)
            #expect(try await server.status(next) == .processing)
            #expect(server.authority.calls == 1)
        }
    }
}
