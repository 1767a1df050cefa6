import Foundation
import TestSupport
import Testing

extension TokenAuthorityTests {
    @Test(
        "a CA of elsewhere whose key was put into the token is adopted by the name of its key, which signs there",
        arguments: EngineUnderTest.available)
    func adopted(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let foreign = try await ForeignCA()
        let put = try await runProgram(
            "/usr/bin/softhsm2-util",
            [
                "--import", foreign.tool.path("root.key"), "--token", "certctl", "--label", "foreign", "--id", "a1",
                "--pin",
                SoftHSM.pin,
            ], environment: stage.softHSM.environment, logs: stage.softHSM.directory.url)
        try #require(put.status == 0, "\(put.output)\(put.errors)")
        let tree = try await stage.pki.server.cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        try #require(tree.status == 0, "\(tree.errors)")
        let adopt = ["intermediates", "adopt", "iss-tree", "--yes", "--json", "--name"]
        let key = ["--key-driver-id", "pkcs11:token=certctl;object=foreign"]
        let refused = try await stage.pki.server.cli(
            adopt + ["Issuing", "--cert", foreign.tool.path("issuing.pem")] + key)
        #expect(refused.status != 0 && !refused.output.contains("ica-"), "\(refused.output)")
        let held = try await stage.pki.server.cli(adopt + ["Root", "--cert", foreign.tool.path("root.pem")] + key)
        try #require(held.status == 0, "\(held.errors)")
        let body = try JSONSerialization.jsonObject(with: Data(held.output.utf8)) as? [String: Any]
        let root = try #require(body?["id"] as? String, "\(held.output)")

        // It signs a CA, which only the key in the token can have done; openssl follows the chain to the root of before.
        let made = try await stage.pki.server.cli([
            "intermediates", "create", "iss-tree", "--parent", root, "--name", "Issuing", "--common-name", "Issuing",
        ])
        try #require(made.status == 0, "\(made.errors)")
        try Inventory.expect(201, try await stage.issue("mc-adopted", issuer: "iss-tree"))
        let chain = stage.pki.work.path("adopted.pem")
        try await stage.chain("mc-adopted").write(toFile: chain, atomically: true, encoding: .utf8)
        let verified = try await stage.pki.openssl([
            "verify", "-CAfile", foreign.tool.path("root.pem"), "-untrusted", chain, chain,
        ])
        #expect(verified.output.contains("OK"), "\(verified.output)\(verified.errors)")
        let objects = try await stage.softHSM.p11tool(["--list-privkeys", "pkcs11:token=certctl"])
        #expect(objects.components(separatedBy: "Label:").count == 2, "\(objects)")
        await stage.pki.server.stop()
    }
}
