import Crypto
import Domain
import Encoding
import Foundation
import Outbound
import PKI
import TestSupport
import Testing

@testable import ChallengeValidation

@Suite("RFC 8737 §3, RFC 8738 §6: a certificate in a handshake proves a name")
struct TLSALPN01Tests {
    private static let name = "www.certctl.test"
    private static let authorization = "token.thumb"
    private static let digest = Hex.encode(SHA256.hash(data: Array(authorization.utf8)))

    /// A server of `openssl s_server` with a certificate of its own.
    private struct Server {
        let process: ChildProgram
        let port: Int

        /// - `names`: As `subjectAltName` has them.
        static func start(
            keyType: String = "ec", request: [String] = [], names: String = "DNS:\(name)",
            identifier: String? = "critical,DER:0420\(digest)",
            protocols: String? = "acme-tls/1", issuer: Bool = false, extra: [String] = [],
            in work: TemporaryDirectory
        ) async throws -> Server {
            let stem = UUID().uuidString
            let (key, certificate) = (work.path("\(stem).key"), work.path("\(stem).crt"))
            var arguments = ["req", "-x509", "-newkey", keyType]
            if keyType == "ec" { arguments += ["-pkeyopt", "ec_paramgen_curve:P-256"] }
            arguments += [
                "-nodes", "-subj", "/CN=challenge", "-days", "1", "-keyout", key, "-out", certificate, "-addext",
                "subjectAltName=\(names)",
            ]
            arguments += request
            if let identifier { arguments += ["-addext", "1.3.6.1.5.5.7.1.31=\(identifier)"] }
            if issuer {
                let authority = (work.path("\(stem).ca.key"), work.path("\(stem).ca.crt"))
                let made = try await runProgram(
                    "/usr/bin/openssl",
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=ca",
                        "-keyout", authority.0, "-out", authority.1,
                    ], logs: work.url)
                try #require(made.status == 0, "\(made.errors)")
                arguments += ["-CA", authority.1, "-CAkey", authority.0]
            }
            let made = try await runProgram("/usr/bin/openssl", arguments, logs: work.url)
            try #require(made.status == 0, "\(made.errors)")
            let port = LoopbackPort.unused()
            let process = try ChildProgram(
                "/usr/bin/openssl",
                ["s_server", "-www", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", key]
                    + (protocols.map { ["-alpn", $0] } ?? []) + extra, logs: work.url)
            let isUp = await eventually { process.output.contains("ACCEPT") }
            try #require(isUp, "\(process.transcript)")
            return Server(process: process, port: port)
        }
    }

    private static func failure(
        _ server: Server, _ name: ACMEName = ACMEName(.dns, name), token: String = "token"
    ) async -> ChallengeFailure? {
        let proof = ChallengeProof(type: .tlsALPN01, name: name, token: token, thumbprint: "thumb")
        let failure: ChallengeFailure?
        do throws(ChallengeFailure) {
            try await makeValidator(port: server.port).validate(proof, within: .seconds(10))
            failure = nil
        } catch { failure = error }
        await server.process.killAtOnce()
        return failure
    }

    @Test("the only name, a critical acmeIdentifier with the digest, and the protocol prove it")
    func proof() async throws {
        let work = try TemporaryDirectory("alpn")
        let asked = try await Server.start(extra: ["-tlsextdebug"], in: work)
        #expect(await Self.failure(asked) == nil, "\(asked.process.transcript)")
        #expect(asked.process.output.contains("\"server name\" (id=0), len=\(Self.name.utf8.count + 5)"))
        let old = try await Server.start(extra: ["-tls1_2"], in: work)
        #expect(await Self.failure(old) == nil, "\(old.process.transcript)")
        // As lego and Traefik make it.
        let usage = ["-addext", "keyUsage=critical,keyEncipherment"]
        let lego = try await Server.start(keyType: "rsa:2048", request: usage, in: work)
        #expect(await Self.failure(lego) == nil, "\(lego.process.transcript)")
        // As mod_md of Apache does every other time, against RFC 5280 §4.1.2.2: 160 bits, the first of them set.
        let long = ["-set_serial", "0xa28dc1602b018b35643c4995db861207239b0788"]
        let apache = try await Server.start(keyType: "rsa:2048", request: long, in: work)
        #expect(await Self.failure(apache) == nil, "\(apache.process.transcript)")
        let silent = try await Server.start(keyType: "rsa:2048", request: usage, protocols: nil, in: work)
        #expect(await Self.failure(silent)?.kind == .tls)
        let address = try await Server.start(
            names: "IP:127.0.0.1", extra: ["-tlsextdebug"], in: work)
        #expect(await Self.failure(address, ACMEName(.ip, "127.0.0.1")) == nil)
        #expect(
            address.process.output.contains("\"server name\" (id=0), len=\("1.0.0.127.in-addr.arpa".utf8.count + 5)"))
    }

    static let wrong: [(what: String, names: String, identifier: String?)] = [
        ("a second name", "DNS:\(name),DNS:b.test", "critical,DER:0420\(digest)"),
        ("another name", "DNS:b.test", "critical,DER:0420\(digest)"),
        ("an address besides", "DNS:\(name),IP:127.0.0.1", "critical,DER:0420\(digest)"),
        ("a name of another form besides", "DNS:\(name),otherName:1.2.3.4;UTF8:x", "critical,DER:0420\(digest)"),
        ("no identifier", "DNS:\(name)", nil),
        ("an identifier that is not critical", "DNS:\(name)", "DER:0420\(digest)"),
        ("another digest", "DNS:\(name)", "critical,DER:0420" + String(repeating: "00", count: 32)),
        ("a digest that is too short", "DNS:\(name)", "critical,DER:041f\(digest.prefix(62))"),
        ("octets after the digest", "DNS:\(name)", "critical,DER:0420\(digest)0500"),
    ]

    @Test("a certificate that says more, less or something else proves nothing", arguments: wrong.indices)
    func mismatch(index: Int) async throws {
        let row = Self.wrong[index]
        let work = try TemporaryDirectory("alpn")
        let server = try await Server.start(names: row.names, identifier: row.identifier, in: work)
        let failure = await Self.failure(server)
        #expect(failure?.kind == .incorrectResponse, "\(row.what): \(String(describing: failure))")
    }

    @Test("a server that speaks other protocols, or none of TLS 1.2 or newer, is another server")
    func protocols() async throws {
        let work = try TemporaryDirectory("alpn")
        #expect(await Self.failure(try await Server.start(protocols: nil, in: work))?.kind == .tls)
        #expect(await Self.failure(try await Server.start(protocols: "http/1.1", in: work))?.kind == .tls)
        #expect(await Self.failure(try await Server.start(issuer: true, in: work))?.kind == .incorrectResponse)
        #expect(await Self.failure(try await Server.start(in: work), token: "other")?.kind == .incorrectResponse)
        let plain = try await WebTestServer { _, _ in "" }
        let proof = ChallengeProof(
            type: .tlsALPN01, name: ACMEName(.dns, Self.name), token: "token", thumbprint: "thumb")
        let closed = await #expect(throws: ChallengeFailure.self) {
            try await makeValidator(port: LoopbackPort.unused()).validate(proof, within: .seconds(5))
        }
        #expect(closed?.kind == .connection && closed?.isTransient == true)
        let silent = await #expect(throws: ChallengeFailure.self) {
            try await makeValidator(port: plain.port).validate(proof, within: .seconds(1))
        }
        #expect(silent?.kind == .connection, "\(String(describing: silent))")
        let refused = await #expect(throws: ChallengeFailure.self) {
            try await makeValidator(port: plain.port, allowing: []).validate(proof, within: .seconds(1))
        }
        #expect(refused?.kind == .connection && refused?.isTransient == false)
        try await plain.stop()
    }

    @Test(
        "addresses are asked for by their name in the DNS",
        arguments: [
            ("192.0.2.10", "10.2.0.192.in-addr.arpa"),
            ("2001:db8::567", "7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ])
    func serverNames(address: String, name: String) throws {
        #expect(TLSALPN01.serverName(of: try .init(classifying: address)) == name)
    }
}
