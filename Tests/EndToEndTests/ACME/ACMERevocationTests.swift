import Crypto
import Foundation
import TestSupport
import Testing

@Suite("RFC 8555 §7.6: who proved all names of a certificate may revoke it", .tags(.slow))
struct ACMERevocationTests {
    private typealias Client = ACMETestClient

    /// Proves the names of an order by dns-01, each as its authorization asks; the addresses of the authorizations.
    @discardableResult
    private static func prove(
        _ names: [String], by client: Client, _ stage: ChallengeStage
    ) async throws -> (order: String, authorizations: [String]) {
        let (order, created) = try await client.order(names)
        let authorizations = try #require(created.json["authorizations"] as? [String], "\(created.body)")
        for authorization in authorizations {
            let shown = try await client.post(authorization, nil)
            let name = try #require((shown.json["identifier"] as? [String: String])?["value"], "\(shown.body)")
            let challenges = try #require(shown.json["challenges"] as? [[String: Any]])
            let challenge = try #require(challenges.first { $0["type"] as? String == "dns-01" })
            let token = try #require(challenge["token"] as? String)
            let thumbprint = Client.base64url(Data(SHA256.hash(data: try Client.json(Client.jwk(client.key)))))
            let digest = Client.base64url(Data(SHA256.hash(data: Data("\(token).\(thumbprint)".utf8))))
            try await stage.names.update("update add _acme-challenge.\(name) 1 TXT \"\(digest)\"")
            #expect(try await client.post(try #require(challenge["url"] as? String), [:]).status == 200)
        }
        for authorization in authorizations {
            let isProved = try await eventually(within: .seconds(60), every: .milliseconds(200)) {
                try await client.post(authorization, nil).text("status") == "valid"
            }
            try #require(isProved)
        }
        return (order, authorizations)
    }

    /// The certificate of a proved order, as it is named for its revocation.
    private static func obtain(_ names: [String], by client: Client, _ stage: ChallengeStage) async throws -> String {
        let order = try await prove(names, by: client, stage).order
        #expect(try await client.finalize(order, try await client.csr(names)).status == 200)
        let done = try await client.settled(order)
        let chain = try await client.post(try #require(done.text("certificate"), "\(done.body)"), nil)
        return Client.base64url(try Client.der(chain.body))
    }

    @Test(
        "the proofs have to cover every name, and a name is no wildcard for it", arguments: EngineUnderTest.available)
    func holders(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let (alice, mallory) = (stage.acme.client(), stage.acme.client())
        #expect(try await alice.register(bound: false).status == 201)
        #expect(try await mallory.register(bound: false).status == 201)
        let pair = try await Self.obtain(["a.certctl.test", "b.certctl.test"], by: alice, stage)
        let wild = try await Self.obtain(["*.w.certctl.test"], by: alice, stage)
        let plain = try await Self.obtain(["w.certctl.test"], by: alice, stage)
        func refused(_ certificate: String, _ what: String) async throws {
            let reply = try await mallory.post("\(mallory.base)/revoke-cert", ["certificate": certificate])
            #expect(reply.status == 403 && Client.problem(reply) == "unauthorized", "\(what): \(reply.body)")
        }
        try await refused(pair, "nothing is proved")
        _ = try await mallory.order(["a.certctl.test", "b.certctl.test"])
        try await refused(pair, "what was ordered is not proved")
        try await Self.prove(["a.certctl.test"], by: mallory, stage)
        try await refused(pair, "one of two names is proved")
        let second = try await Self.prove(["b.certctl.test"], by: mallory, stage)
        try await Self.prove(["w.certctl.test"], by: mallory, stage)
        try await refused(wild, "the name is proved, and not the wildcard")
        // What was given up holds no more; proved again, it does.
        let given = try await mallory.post(second.authorizations[0], ["status": "deactivated"])
        #expect(given.text("status") == "deactivated", "\(given.body)")
        try await refused(pair, "a proof was given up")
        try await Self.prove(["b.certctl.test"], by: mallory, stage)
        for certificate in [pair, plain] {
            let done = try await mallory.post("\(mallory.base)/revoke-cert", ["certificate": certificate, "reason": 4])
            #expect(done.status == 200 && done.body.isEmpty, "\(done.body)")
            let again = try await alice.post("\(alice.base)/revoke-cert", ["certificate": certificate])
            #expect(Client.problem(again) == "alreadyRevoked", "\(again.body)")
        }
        let kid = try #require(mallory.kid)
        let audit = try await stage.server.client.get("/api/v1/audit?action=certificate_revoked")
        #expect(audit.body.contains("acme:\(kid.split(separator: "/").last ?? "")"), "\(audit.body)")
        try await Self.prove(["*.w.certctl.test"], by: mallory, stage)
        #expect(try await mallory.post("\(mallory.base)/revoke-cert", ["certificate": wild]).status == 200)
        await stage.stop()
    }

    @Test("a proof that ran out entitles to nothing", arguments: EngineUnderTest.available)
    func expired(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine, ["CERTCTL_ACME_SERVER_AUTHZ_TTL": "40s"])
        let (alice, mallory) = (stage.acme.client(), stage.acme.client())
        #expect(try await alice.register(bound: false).status == 201)
        #expect(try await mallory.register(bound: false).status == 201)
        let certificate = try await Self.obtain(["a.certctl.test"], by: alice, stage)
        let proof = try await Self.prove(["a.certctl.test"], by: mallory, stage).authorizations[0]
        let isOver = try await eventually(within: .seconds(90), every: .milliseconds(500)) {
            try await mallory.post(proof, nil).text("status") == "expired"
        }
        try #require(isOver)
        let reply = try await mallory.post("\(mallory.base)/revoke-cert", ["certificate": certificate])
        #expect(reply.status == 403 && Client.problem(reply) == "unauthorized", "\(reply.body)")
        await stage.stop()
    }
}
