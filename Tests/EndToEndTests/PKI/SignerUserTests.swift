import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite(
    "Security §10.5: a signer that runs as another user than the server", .tags(.slow),
    .enabled(if: geteuid() == 0, "only root can start a program as another user"))
struct SignerUserTests {
    /// `nobody`, who owns nothing else here.
    private static let user: UInt32 = 65534

    @Test("its keys are its own; the server has them sign certificates, lists and answers, and cannot read them")
    func serves() async throws {
        let stage = try await SignerAuthorityStage.start(
            .sqlite, signer: ["--allow-user", "0"], as: Self.user,
            ["CERTCTL_OCSP_RESPONDER_KEYS_WITH_CA": "true"])
        let status = try String(contentsOfFile: "/proc/\(stage.signer.process.processID)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Uid:") })
        #expect(line.split(whereSeparator: \.isWhitespace).dropFirst().allSatisfy { $0 == "\(Self.user)" }, "\(line)")
        try Inventory.expect(201, try await stage.createIssuer())
        try Inventory.expect(201, try await stage.issue("mc-u1"))
        try await stage.chain("mc-u1").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await stage.fetchRoot()
        try #require(try await eventually(within: .seconds(20)) { try await stage.fetchList() })
        let verified = try await stage.openssl(["verify", "-x509_strict", "-CAfile", stage.root, stage.pki.leaf])
        #expect(verified.status == 0, "\(verified.errors)")
        let list = try await stage.openssl([
            "crl", "-inform", "DER", "-in", stage.list, "-noout", "-CAfile", stage.root,
        ])
        #expect(list.errors.contains("verify OK"), "\(list.errors)")
        let said = try await stage.openssl([
            "ocsp", "-issuer", stage.root, "-cert", stage.pki.leaf, "-CAfile", stage.root, "-url",
            "\(stage.pki.url)/.well-known/pki/ocsp/iss-signer",
        ])
        #expect((said.output + said.errors).contains("leaf.pem: good"), "\(said.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: stage.signer.keys)
        #expect(files.contains("ca1.key"), "\(files)")
        for file in files {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(stage.signer.keys)/\(file)")
            #expect(attributes[.ownerAccountID] as? Int == Int(Self.user), "\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
        await stage.stop()
    }

    @Test("neither side speaks with a user that it was not told of")
    func refusals() async throws {
        // The signer was not told of root.
        let closed = try await SignerAuthorityStage.start(.sqlite, as: Self.user)
        let refused = try await closed.createIssuer()
        if refused.status == 201 {
            let issued = try await closed.issue("mc-u2")
            #expect(issued.status != 201, "\(issued.body)")
        }
        #expect(closed.signer.process.output.contains("may not ask this signer"), "\(closed.signer.process.output)")
        await closed.stop()
        // The server was told of another user.
        let stage = try await SignerAuthorityStage.start(
            .sqlite, signer: ["--allow-user", "0"], as: Self.user, ["CERTCTL_SIGNER_USER": "1"])
        let other = try await stage.createIssuer()
        if other.status == 201 {
            let issued = try await stage.issue("mc-u3")
            #expect(issued.status != 201, "\(issued.body)")
        }
        let tested = try await stage.client.post("/api/v1/issuers/iss-signer/test", [:])
        let told = other.body + tested.body + stage.pki.server.process.transcript
        #expect(told.contains("CERTCTL_SIGNER_USER"), "\(other.body) \(tested.body)")
        let files = try FileManager.default.contentsOfDirectory(atPath: stage.signer.keys)
        #expect(!files.contains("ca1.key"), "\(files)")
        await stage.stop()
    }
}
