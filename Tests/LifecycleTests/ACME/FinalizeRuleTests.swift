import DatabaseTestSupport
import Domain
import Encoding
import Foundation
import PKI
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.4: what is said first of a request, and the only name of an order")
struct FinalizeRuleTests {
    private static func with(_ engine: Engine, _ body: (FinalizeStage) async throws -> Void) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            try await FinalizeStage.with(stage, change: { $0.caaIdentities = ["ca.test"] }, body)
        }
    }

    private static func refusal(_ body: () async throws -> Void) async -> ACMEProblem? {
        await #expect(throws: ACMEProblem.self) { try await body() }
    }

    @Test("an order that is not ready says so, whatever the request is", arguments: Engine.available)
    func state(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let pending = try await server.stage.order(["a.test"])
            server.stage.script.set("b.test", [ACMEFault(.incorrectResponse, "another page", isTransient: false)])
            let invalid = try await server.stage.answered("b.test")
            try await server.stage.workOff()
            #expect(try await server.status(invalid) == .invalid)
            for view in [pending, invalid] {
                let garbage = await Self.refusal { try await server.finalize(view, der: [1, 2, 3]) }
                #expect(garbage?.kind == .orderNotReady && garbage?.status == 403)
                let others = await Self.refusal { try await server.finalize(view, .ofOtherNames) }
                #expect(others?.kind == .orderNotReady)
            }
        }
    }

    @Test("a request that can't be accepted makes nobody ask about CAA records", arguments: Engine.available)
    func amplifier(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            _ = try await server.stage.world.database.write { tx in
                try tx.execute(
                    "UPDATE acme_challenges SET validated_at = \(tx.now - .hours(9)) WHERE status = 'valid'")
            }
            for _ in 0..<3 {
                #expect(await Self.refusal { try await server.finalize(view, der: [1, 2, 3]) }?.kind == .badCSR)
                #expect(await Self.refusal { try await server.finalize(view, .ofOtherNames) }?.kind == .badCSR)
            }
            #expect(server.stage.script.caaQuestions.isEmpty)
            #expect(try await server.status(view) == .ready)
            try await server.finalize(view)
            #expect(server.stage.script.caaQuestions.count == 1)
            #expect(try await server.status(view) == .valid)
        }
    }

    @Test("the only name of an order may be the common name alone, and is an alternative name then")
    func commonName() async throws {
        let openssl = try OpenSSL()
        func request(_ name: String, _ extra: String...) async throws -> [UInt8] {
            let made = try await openssl.run(
                [
                    "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=\(name)", "-outform", "DER", "-keyout", openssl.path("key.pem"), "-out",
                    openssl.path("request.der"),
                ] + extra)
            try #require(made.status == 0, "\(made.errors)")
            return Array(try Data(contentsOf: URL(fileURLWithPath: openssl.path("request.der"))))
        }
        try await Self.with(.sqlite) { server async throws in
            for name in ["a.test", "*.w.test"] {
                let view = try await server.ready([name])
                try await server.finalize(view, der: try await request(name))
                let order = try await server.stage.stored(view)
                #expect(order.status == .valid, "\(name): \(order.error?.text ?? "")")
                let id = try #require(order.versionID)
                let version = try await server.stage.world.database.read { tx in try VersionStore().find(id, in: tx) }
                let chain = try #require(version).pemChain
                let leaf = try #require(try X509Certificate.bundle(pem: chain).first)
                #expect(leaf.subjectAltNames == [try SubjectAltName(classifying: name)])
            }
            // One of several names, another name, and a common name beside alternative names that lack it.
            let several = try await server.ready(["b.test", "c.test"])
            for der in [
                try await request("b.test"), try await request("d.test"),
                try await request("b.test", "-addext", "subjectAltName=DNS:c.test"),
            ] {
                #expect(await Self.refusal { try await server.finalize(several, der: der) }?.kind == .badCSR)
            }
            let single = try await server.ready(["e.test"])
            let other = try await request("f.test")
            #expect(await Self.refusal { try await server.finalize(single, der: other) }?.kind == .badCSR)
            #expect(try await server.status(several) == .ready)
            #expect(try await server.status(single) == .ready)
        }
    }
}
