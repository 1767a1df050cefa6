import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("Protocol-servers §2.10, domain §4.10: orders whose CA fails or refuses")
struct IssuanceFailureTests {
    static let passing: [IssuerError.Class] = [.network, .timeout, .rateLimited, .upstream5xx, .other]

    private static func with(_ engine: Engine, _ body: (FinalizeStage) async throws -> Void) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            try await FinalizeStage.with(stage, body)
        }
    }

    private static func failures(_ classes: IssuerError.Class...) -> [IssuerError] {
        classes.map { IssuerError($0, "secret words of a CA", help: "wait") }
    }

    @Test("what may pass is tried three times within seconds, and the third may issue", arguments: Engine.available)
    func passes(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.fail(Self.failures(.network, .upstream5xx))
            try await server.finalize(view)
            for calls in 1...2 {
                #expect(server.authority.calls == calls)
                #expect(try await server.status(view) == .processing)
                #expect(try await server.settle() == 1)
                await server.desk.untilIdle(atMost: .seconds(20))
            }
            #expect(try await server.status(view) == .valid)
            #expect(server.authority.calls == 3)
            #expect(try await server.versions == 1)
        }
    }

    @Test("after three times in vain the order ends, and is not tried again", arguments: passing)
    func persists(errorClass: IssuerError.Class) async throws {
        try await Self.with(.sqlite) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.fail(Self.failures(errorClass, errorClass, errorClass))
            try await server.finalize(view)
            for _ in 0..<2 {
                #expect(try await server.status(view) == .processing)
                try await server.settle()
                await server.desk.untilIdle(atMost: .seconds(20))
            }
            #expect(try await server.status(view) == .invalid)
            #expect(try await server.problem(view) == "serverInternal")
            let told = try await server.stage.stored(view).error?.text ?? ""
            #expect(!told.contains("secret words"), "\(told)")
            #expect(try await server.settle() == 0)
            #expect(server.authority.calls == 3)
            #expect(try await server.stage.audited("acme_order_failed") == 1)
        }
    }

    static let refusals: [(IssuerError.Class, IssuerError.Cause?, String)] = [
        (.validation, nil, "badCSR"), (.validation, .names, "rejectedIdentifier"), (.validation, .key, "badPublicKey"),
        (.validation, .caa, "caa"), (.validation, .authority, "serverInternal"), (.auth, nil, "serverInternal"),
        (.upstream4xx, nil, "serverInternal"),
    ]

    @Test("a refusal ends the order at once, by its true name", arguments: refusals)
    func refuses(errorClass: IssuerError.Class, cause: IssuerError.Cause?, kind: String) async throws {
        try await Self.with(.sqlite) { server async throws in
            let view = try await server.ready(["a.test"])
            server.authority.fail([IssuerError(errorClass, "not like this", help: "configure it", cause: cause)])
            try await server.finalize(view)
            #expect(try await server.status(view) == .invalid)
            #expect(try await server.problem(view) == kind)
            #expect(server.authority.calls == 1)
            let told = try await server.stage.stored(view).error?.text ?? ""
            #expect(told.contains("not like this") == (kind != "serverInternal"), "\(told)")
            #expect(!told.contains("configure it"), "\(told)")
        }
    }

    @Test("the cause of a refusal is in the database", arguments: Engine.available)
    func stored(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            for cause in IssuerError.Cause.allCases {
                let view = try await server.ready(["\(cause.rawValue).test"])
                server.authority.fail([IssuerError(.validation, "no", help: "", cause: cause)])
                try await server.finalize(view)
                let job = try #require(try await server.stage.stored(view).jobID)
                let failure = try await server.stage.world.database.read { tx in
                    try OrderStore().failure(of: job, in: tx)
                }
                #expect(failure?.cause == cause.rawValue)
            }
        }
    }

    @Test("a CA that asks for a pause gets it, and is asked again after it", arguments: Engine.available)
    func pause(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            let pause = Duration.seconds(engine == .sqlite ? 60 : 5)
            server.authority.fail([IssuerError(.rateLimited, "slowly", help: "", retryAfter: pause)])
            try await server.finalize(view)
            let order = try await server.stage.stored(view)
            #expect(order.status == .processing && order.retryAt != nil)
            #expect(try await server.settle() == 0)
            #expect(server.authority.calls == 1)
            if engine == .sqlite { server.stage.world.clock.advance(by: .seconds(57)) }
            #expect(try await server.settle() == 1)
            await server.desk.untilIdle(atMost: .seconds(20))
            #expect(try await server.status(view) == .valid)
            #expect(try await server.stage.stored(view).retryAt == nil)
        }
    }
}
