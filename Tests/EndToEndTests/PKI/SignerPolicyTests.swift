import Foundation
import TestSupport
import Testing

@Suite("security §10.5: the rules of a signer against the server that asks it", .tags(.slow))
struct SignerPolicyTests {
    private typealias Stage = SignerAuthorityStage

    @Test(
        "what the policy of the key forbids is refused by the real signer, and the rule is told to whoever ordered",
        arguments: ["ECDSA-P256", "RSA-2048"])
    func rules(algorithm: String) async throws {
        let stage = try await Stage.start(.sqlite)
        try Inventory.expect(
            201, try await stage.createIssuer("iss-signer", Stage.config("ca1", ["key_algorithm": algorithm])))
        try Inventory.expect(201, try await stage.issue("mc-r0"))
        try policy(
            stage,
            """
            {"purposes": ["leaf", "crl"], "crl": {"max_validity": "30d"},
             "leaf": {"tls": {"max_validity": "400d", "permitted": {"dns": ["certctl.test"]},
                              "excluded": {"dns": ["mc-r2.certctl.test"]}, "ekus": ["serverAuth", "clientAuth"]}}}
            """)
        try Inventory.expect(201, try await stage.issue("mc-r1"))
        try await stage.chain("mc-r1").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await stage.fetchRoot()
        let verified = try await stage.openssl(["verify", "-x509_strict", "-CAfile", stage.root, stage.pki.leaf])
        #expect(verified.status == 0, "\(verified.errors)")

        let excluded = try await stage.issue("mc-r2")
        #expect(excluded.status >= 400 && excluded.body.contains("rule names"), "\(excluded.status): \(excluded.body)")
        try policy(stage, #"{"purposes": ["leaf"], "leaf": {"short": {"max_validity": "12h"}}}"#)
        let long = try await stage.issue("mc-r3")
        #expect(long.status >= 400 && long.body.contains("rule max_validity"), "\(long.status): \(long.body)")
        try policy(stage, #"{"purposes": ["leaf"], "leaf": {"short": {"max_validty": "12h"}}}"#)
        let broken = try await stage.issue("mc-r4")
        #expect(broken.status >= 400 && broken.body.contains("max_validty"), "\(broken.status): \(broken.body)")

        let said = stage.signer.process.output
        for rule in ["names", "max_validity", "policy"] {
            #expect(said.contains("\"rule\":\"\(rule)\""), "\(rule): \(said)")
        }
        let metrics = try await stage.metrics()
        let line = metrics.split(separator: "\n").first {
            $0.hasPrefix("certctl_signer_operations_total{") && $0.contains("result=\"rule\"")
                && $0.contains("driver=\"exec\"")
        }
        #expect(line != nil, "\(metrics)")
        await stage.stop()
    }

    private func policy(_ stage: SignerAuthorityStage, _ text: String) throws {
        let path = "\(stage.signer.keys)/ca1.policy.json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
