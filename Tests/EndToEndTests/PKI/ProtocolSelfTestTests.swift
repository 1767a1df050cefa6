import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite("protocol-servers §11: the server tries its protocols, and says which of them do not work", .tags(.slow))
struct ProtocolSelfTestTests {
    private static let issuer = Inventory.issuer
    private static let acme = "protocols.acme.\(Inventory.profile)"

    private static func start(_ engine: EngineUnderTest) async throws -> ControlPlane {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(),
            environment: engine.environment.merging([
                "CERTCTL_ACME_SERVER_ENABLED": "true", "CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID": Inventory.profile,
            ]) { $1 })
        try await server.becomeAdministrator()
        return server
    }

    private static func checks(_ server: ControlPlane) async throws -> [String: String] {
        let ready = try await server.anonymous.get("/ready")
        #expect(ready.status == 200, "a protocol that does not work takes nobody out of service: \(ready.body)")
        return ready.json["checks"] as? [String: String] ?? [:]
    }

    private static func check(_ name: String, of server: ControlPlane, _ isRight: @escaping (String?) -> Bool)
        async throws -> Bool
    {
        try await eventually(within: .seconds(40), every: .milliseconds(500)) {
            isRight(try await checks(server)[name])
        }
    }

    private static func metric(_ name: String, _ profile: String, _ value: Int) -> String {
        "certctl_protocol_healthy{protocol=\"\(name)\",profile=\"\(profile)\"} \(value)"
    }

    @Test("after the start and after changes, through the router", arguments: EngineUnderTest.available)
    func changes(_ engine: EngineUnderTest) async throws {
        let server = try await Self.start(engine)
        // The default profile is not there yet.
        let isMissed = try await Self.check(Self.acme, of: server) { $0 == "the directory is answered with status 404" }
        #expect(isMissed)
        try await Inventory.create(on: server)
        let isFound = try await Self.check(Self.acme, of: server) { $0.map { !$0.contains("404") } ?? true }
        #expect(isFound)
        let wanted = [
            Self.metric("acme", Inventory.profile, 1), Self.metric("crl", Self.issuer, 1),
            Self.metric("ocsp", Self.issuer, 1),
        ]
        let works = try await eventually(within: .seconds(40), every: .milliseconds(500)) {
            let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
            return wanted.allSatisfy { metrics.contains($0) }
        }
        #expect(works)
        let checks = try await Self.checks(server)
        #expect(checks["protocols.crl.\(Self.issuer)"] == nil && checks["protocols.ocsp.\(Self.issuer)"] == nil)

        try Inventory.expect(
            200, try await server.client.put("/api/v1/profiles/\(Inventory.profile)", ["enabled": false]))
        let isOff = try await Self.check(Self.acme, of: server) { $0?.contains("status 404") ?? false }
        #expect(isOff)
        try Inventory.expect(
            200, try await server.client.put("/api/v1/profiles/\(Inventory.profile)", ["enabled": true]))
        let isBack = try await Self.check(Self.acme, of: server) { !($0?.contains("404") ?? false) }
        #expect(isBack)
        let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("certctl_protocol_self_tests_total{protocol=\"acme\",result=\"failed\"}"))
        #expect(server.process.transcript.contains("a protocol does not work"))
        #expect(server.process.transcript.contains("a protocol works again"))
        await server.stop()
    }

    @Test(
        "a list that is spoiled and a CA whose key does not open are found at the start",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func broken() async throws {
        let server = try await Self.start(.postgres)
        try await Inventory.create(on: server)
        let inside = PostgresInspection(
            url: try #require(server.environment["CERTCTL_DATABASE_URL"]), logs: server.directory.url)
        let list = "/.well-known/pki/crl/\(Self.issuer)"
        let isMade = try await eventually(within: .seconds(40)) { try await server.anonymous.get(list).status == 200 }
        #expect(isMade)
        await server.stop()
        // One octet of the signature, and the digest by which damage is seen before.
        let spoil = [
            "UPDATE crl_cache SET tail_der = set_byte(tail_der, length(tail_der) - 1, 255 - get_byte(tail_der, length(tail_der) - 1))",
            "UPDATE crl_cache SET sha256 = encode(sha256(head_der || tail_der), 'hex')",
        ]
        for statement in spoil { try await inside.rows(statement) }
        try await server.startAgain()
        let isSeen = try await Self.check("protocols.crl.\(Self.issuer)", of: server) {
            $0 == "the revocation list is not signed by the CA"
        }
        #expect(isSeen)
        #expect(try await Self.checks(server)["protocols.ocsp.\(Self.issuer)"] == nil)
        await server.stop()

        for statement in spoil { try await inside.rows(statement) }
        try await inside.rows("UPDATE ca_keys SET pkcs8_encrypted = '\\x00'")
        try await server.startAgain()
        for name in ["crl", "ocsp"] {
            let isLost = try await Self.check("protocols.\(name).\(Self.issuer)", of: server) {
                $0 == "the CA can't be used; the log of the server tells why"
            }
            #expect(isLost)
        }
        let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
        #expect(
            metrics.contains(Self.metric("ocsp", Self.issuer, 0))
                && metrics.contains(Self.metric("crl", Self.issuer, 0)))
        await server.stop()
    }
}
