import Domain
import Outbound
import Synchronization
import TestSupport
import Testing

@testable import ChallengeValidation

/// A validator whose names all lead to this host.
func makeValidator(
    port: Int, allowing entries: [String] = ["127.0.0.0/8"],
    resolve: @escaping EgressGuard.Resolver = { _ in ["127.0.0.1"] }
) -> ChallengeValidator {
    var places = ValidationPlaces()
    places.http01Port = port
    places.tlsALPN01Port = port
    let policy = EgressPolicy(allowances: [.acmeValidation: EgressAllowance(entries)])
    return ChallengeValidator(
        places: { [places] in places },
        dns: DNSClient(servers: { [] }, egress: EgressGuard(), random: .system),
        egress: EgressGuard(policy: policy, resolve: resolve), userAgent: "certctl-test/1", time: .system)
}

@Suite("RFC 8555 §8.3: a page of a web server proves a name")
struct HTTP01Tests {
    private static let proof = ChallengeProof(
        type: .http01, name: ACMEName(.dns, "www.certctl.test"), token: "tok-en_1", thumbprint: "thumb")
    private static let path = "/.well-known/acme-challenge/tok-en_1"

    private static func failure(
        _ validator: ChallengeValidator, _ proof: ChallengeProof = proof, within timeout: Duration = .seconds(10)
    ) async -> ChallengeFailure? {
        do throws(ChallengeFailure) {
            try await validator.validate(proof, within: timeout)
            return nil
        } catch { return error }
    }

    private static func failure(_ script: @escaping WebTestServer.Script) async throws -> ChallengeFailure? {
        let server = try await WebTestServer(script)
        let failure = await failure(makeValidator(port: server.port))
        try await server.stop()
        return failure
    }

    @Test("the key authorization, with white space after it and no more, is asked for as RFC 8555 says")
    func proof() async throws {
        for body in ["tok-en_1.thumb", "tok-en_1.thumb\r\n \t\n"] {
            let server = try await WebTestServer { path, _ in
                path == Self.path ? WebTestServer.page(body) : WebTestServer.page("", status: "404 Not Found")
            }
            #expect(await Self.failure(makeValidator(port: server.port)) == nil, "\(body.debugDescription)")
            let head = try #require(server.requests.first).lowercased()
            #expect(
                head.contains("\r\nhost: www.certctl.test\r\n") && head.contains("\r\nuser-agent: certctl-test/1\r\n"))
            #expect(!head.contains("cookie") && !head.contains("authorization"))
            try await server.stop()
        }
    }

    @Test("another page proves nothing")
    func mismatches() async throws {
        for body in [
            "", "tok-en_1", "tok-en_1.thumb2", " tok-en_1.thumb", "tok-en_1.thumb\u{B}", "TOK-EN_1.thumb",
            "tok-en_1.thumb x",
        ] {
            let failure = try await Self.failure { _, _ in WebTestServer.page(body) }
            #expect(failure?.kind == .incorrectResponse && failure?.isTransient == true, "\(body.debugDescription)")
        }
        let large = try await Self.failure { _, _ in WebTestServer.page(String(repeating: "x", count: 16 << 10 + 1)) }
        #expect(large?.kind == .incorrectResponse, "\(String(describing: large))")
        for status in ["404 Not Found", "403 Forbidden", "500 No", "204 None", "206 Partial"] {
            let failure = try await Self.failure { _, _ in WebTestServer.page("tok-en_1.thumb", status: status) }
            #expect(failure?.kind == .unauthorized && failure?.isTransient == true, "\(status)")
        }
    }

    @Test("redirects are followed ten times, to ports of the web alone, and nowhere else")
    func redirects() async throws {
        let followed = try await Self.failure { path, _ in
            path == Self.path
                ? WebTestServer.redirect(to: "/moved?x=1")
                : path == "/moved?x=1" ? WebTestServer.page("tok-en_1.thumb") : ""
        }
        #expect(followed == nil, "\(String(describing: followed))")
        let server = try await WebTestServer { _, _ in WebTestServer.redirect(to: "again") }
        let endless = await Self.failure(makeValidator(port: server.port))
        #expect(endless?.kind == .connection && endless?.isTransient == false)
        #expect(server.requests.count == 11)
        try await server.stop()
        for target in [
            "http://www.certctl.test:8443/x", "ftp://www.certctl.test/", "file:///etc/passwd",
            "http://u:p@www.certctl.test/",
            "http://www.certctl.test:22/",
        ] {
            let failure = try await Self.failure { _, _ in WebTestServer.redirect(to: target) }
            #expect(failure?.kind == .connection && failure?.isTransient == false, "\(target)")
        }
        let none = try await Self.failure { _, _ in "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n" }
        #expect(none?.kind == .connection)
    }

    @Test("every hop is judged: a redirect to an inner address is refused, and no address is told")
    func innerAddresses() async throws {
        let asked = Mutex<[String]>([])
        let server = try await WebTestServer { _, _ in WebTestServer.redirect(to: "http://inner.test/") }
        for target in ["169.254.169.254", "127.0.0.2", "::ffff:127.0.0.2", "fe80::1", "0.0.0.0"] {
            let validator = makeValidator(port: server.port, allowing: ["127.0.0.1"]) { host in
                asked.withLock { $0.append(host) }
                return host == "inner.test" ? ["93.184.216.34", target] : ["127.0.0.1"]
            }
            let failure = await Self.failure(validator)
            #expect(failure?.kind == .connection && failure?.isTransient == false, "\(target)")
            #expect(failure?.detail.contains(target) == false, "\(target)")
        }
        #expect(asked.withLock { $0.contains("inner.test") })
        let own = await Self.failure(makeValidator(port: server.port, allowing: []))
        #expect(own?.kind == .connection && own?.detail.contains("127.0.0.1") == false, "\(String(describing: own))")
        #expect(server.requests.count == 5, "a refused address was connected to")
        try await server.stop()
    }

    @Test("what was checked is what is connected to: a name that changes its address meanwhile is asked for once a hop")
    func rebinding() async throws {
        let asked = Mutex(0)
        let server = try await WebTestServer { _, _ in WebTestServer.page("tok-en_1.thumb") }
        let validator = makeValidator(port: server.port) { _ in
            asked.withLock { $0 += 1 }
            return asked.withLock { $0 } == 1 ? ["127.0.0.1"] : ["169.254.169.254"]
        }
        #expect(await Self.failure(validator) == nil)
        #expect(asked.withLock { $0 } == 1)
        try await server.stop()
    }

    @Test("nobody there, no such name, no answer, nonsense")
    func faults() async throws {
        let closed = await Self.failure(makeValidator(port: LoopbackPort.unused()))
        #expect(closed?.kind == .connection && closed?.isTransient == true, "\(String(describing: closed))")
        let unknown = await Self.failure(makeValidator(port: 80) { _ in [] })
        #expect(unknown?.kind == .dns && unknown?.isTransient == true, "\(String(describing: unknown))")
        let silent = try await WebTestServer { _, _ in "" }
        let start = ContinuousClock.now
        let failure = await Self.failure(makeValidator(port: silent.port), within: .seconds(1))
        #expect(
            failure?.kind == .connection && ContinuousClock.now - start < .seconds(15), "\(String(describing: failure))"
        )
        try await silent.stop()
        let nonsense = try await Self.failure { _, _ in "SSH-2.0-x\r\n\r\n" }
        #expect(nonsense?.kind == .connection, "\(String(describing: nonsense))")
    }

    @Test("the address of an identifier is asked by its literal, with it as Host")
    func addresses() async throws {
        let server = try await WebTestServer { _, _ in WebTestServer.page("tok-en_1.thumb") }
        let proof = ChallengeProof(
            type: .http01, name: ACMEName(.ip, "127.0.0.1"), token: "tok-en_1", thumbprint: "thumb")
        #expect(await Self.failure(makeValidator(port: server.port) { _ in [] }, proof) == nil)
        #expect(server.requests.first?.lowercased().contains("\r\nhost: 127.0.0.1\r\n") == true)
        try await server.stop()
    }
}
