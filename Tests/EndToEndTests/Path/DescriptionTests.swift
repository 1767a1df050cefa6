import Foundation
import TestSupport
import Testing

@Suite("what the server says about itself is what it can do", .tags(.slow))
struct DescriptionTests {
    @Test("issuer types show the capability record of their connector")
    func issuerTypes() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let page = try await server.client.get("/api/v1/issuer-types")
        let types = page.json["data"] as? [[String: Any]] ?? []
        let local = try #require(types.first { $0["type"] as? String == "GenericCA" }, "\(page.body)")
        let capabilities = try #require(local["capabilities"] as? [String: Any])
        #expect(capabilities["flow"] as? String == "synchronous")
        #expect(capabilities["serial_allocation"] as? String == "caller")
        #expect(capabilities["name_kinds"] as? [String] == ["dns", "email", "ip", "upn", "uri"])
        #expect(capabilities["key_algorithms"] as? [String] == ["ECDSA", "Ed25519", "ML-DSA-65", "ML-DSA-87", "RSA"])
        for promise in ["max_ttl", "ekus", "must_staple"] { #expect(capabilities[promise] as? Bool == true) }
        await server.stop()
    }
}
