import Crypto
import Foundation
import TestSupport
import Testing

@Suite("RFC 8738: addresses are proved by a page or a handshake, and never in the DNS", .tags(.slow))
struct ACMEAddressTests {
    private typealias Client = ACMETestClient
    private static let address = "127.0.0.1"

    @Test("an address is proved both ways and certified", arguments: EngineUnderTest.available)
    func addresses(engine: EngineUnderTest) async throws {
        // CAA records are not asked about addresses, or there would be no answer about this one.
        let stage = try await ChallengeStage.make(engine, ["CERTCTL_ACME_SERVER_CAA_CHECK": "enforce"])
        let work = stage.acme.work
        let web = try await WebRoot.start(in: work, port: stage.webPort)
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        for type in ["http-01", "tls-alpn-01"] {
            let (order, created) = try await client.order([Self.address], type: "ip")
            try #require(created.status == 201, "\(created.body)")
            let authorization = try #require((created.json["authorizations"] as? [String])?.first)
            let shown = try await client.post(authorization, nil)
            let challenges = try #require(shown.json["challenges"] as? [[String: Any]], "\(shown.body)")
            #expect(Set(challenges.compactMap { $0["type"] as? String }) == ["http-01", "tls-alpn-01"])
            let challenge = try #require(challenges.first { $0["type"] as? String == type })
            let token = try #require(challenge["token"] as? String)
            let thumbprint = Client.base64url(Data(SHA256.hash(data: try Client.json(Client.jwk(client.key)))))
            var shaker: ChildProgram?
            if type == "http-01" {
                try "\(token).\(thumbprint)".write(
                    toFile: "\(web.proofs)/\(token)", atomically: true, encoding: .utf8)
            } else {
                shaker = try await Self.handshaker("\(token).\(thumbprint)", stage)
            }
            _ = try await client.post(try #require(challenge["url"] as? String), [:])
            var ended = shown
            let isOver = try await eventually(within: .seconds(40), every: .milliseconds(200)) {
                ended = try await client.post(authorization, nil)
                return ended.text("status") != "pending"
            }
            #expect(isOver && ended.text("status") == "valid", "\(type): \(ended.body)")
            let finalized = try await client.finalize(order, try await Self.csr(stage.acme))
            #expect(finalized.status == 200, "\(finalized.body)")
            let done = try await client.settled(order)
            let chain = try await client.post(try #require(done.text("certificate"), "\(done.body)"), nil)
            try chain.body.write(toFile: work.path("\(type).pem"), atomically: true, encoding: .utf8)
            let read = try await stage.acme.openssl([
                "x509", "-in", work.path("\(type).pem"), "-noout", "-ext", "subjectAltName",
            ])
            #expect(read.output.contains("IP Address:\(Self.address)"), "\(read.output)")
            await shaker?.stop()
        }
        let wrong = try await client.order(["127.0.0.01"], type: "ip").reply
        #expect(Client.problem(wrong) == "rejectedIdentifier", "\(wrong.body)")
        let asHost = try await client.order([Self.address]).reply
        #expect(Client.problem(asHost) == "rejectedIdentifier", "\(asHost.body)")
        await web.process.stop()
        await stage.stop()
    }

    /// A server that shows the certificate of RFC 8737 §3.
    private static func handshaker(_ keyAuthorization: String, _ stage: ChallengeStage) async throws -> ChildProgram {
        let work = stage.acme.work
        let digest = SHA256.hash(data: Data(keyAuthorization.utf8)).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
        let made = try await stage.acme.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
            "/CN=proof", "-keyout", work.path("proof.key"), "-out", work.path("proof.pem"), "-addext",
            "subjectAltName=IP:\(address)", "-addext", "1.3.6.1.5.5.7.1.31=critical,DER:0420\(digest)",
        ])
        try #require(made.status == 0, "\(made.errors)")
        let server = try ChildProgram(
            "/usr/bin/openssl",
            [
                "s_server", "-accept", "\(address):\(stage.tlsPort)", "-alpn", "acme-tls/1", "-cert",
                work.path("proof.pem"), "-key", work.path("proof.key"), "-www",
            ], logs: work.url)
        let isUp = await eventually(within: .seconds(20)) { server.transcript.contains("ACCEPT") }
        try #require(isUp, "\(server.transcript)")
        return server
    }

    private static func csr(_ stage: ACMEStage) async throws -> Data {
        let path = stage.work.path("address-\(UUID().uuidString)")
        let made = try await stage.openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-keyout",
            "\(path).key", "-outform", "DER", "-out", "\(path).der", "-addext", "subjectAltName=IP:\(address)",
        ])
        try #require(made.status == 0, "\(made.errors)")
        return try Data(contentsOf: URL(filePath: "\(path).der"))
    }
}
