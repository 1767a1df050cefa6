import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §6.2: CAs below an offline root, whose certificates openssl signs", .tags(.slow))
struct OfflineRootTests {
    @Test(
        "request, signature by openssl, import: the CA issues, and openssl verifies",
        arguments: EngineUnderTest.available)
    func ceremony(engine: EngineUnderTest) async throws {
        let pki = try await PKIStage.start(engine)
        func cli(_ arguments: [String]) async throws -> ProgramOutcome {
            try await pki.server.cli(["intermediates"] + arguments)
        }
        func id(_ outcome: ProgramOutcome) throws -> String {
            try #require(outcome.status == 0, "\(outcome.errors)")
            let body = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return try #require(body?["id"] as? String)
        }
        let made = try await pki.server.cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        try #require(made.status == 0, "\(made.errors)")
        let (rootKey, rootFile) = (pki.work.path("offline.key"), pki.work.path("offline.pem"))
        let selfSigned = try await pki.openssl([
            "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", rootKey, "-out", rootFile, "-days", "3000",
            "-subj", "/O=Example/CN=Offline Root", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:1", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ])
        try #require(selfSigned.status == 0, "\(selfSigned.errors)")
        let root = try id(
            await cli(["create", "iss-tree", "--name", "Offline", "--root-cert", rootFile, "--json"]))
        // The root can't sign here.
        let direct = try await cli(["create", "iss-tree", "--name", "X", "--parent", root, "--common-name", "X"])
        #expect(direct.status != 0 && direct.errors.contains("intermediates csr"), "\(direct.errors)")

        let csr = pki.work.path("issuing.csr")
        let issuing = try id(
            await cli([
                "csr", "iss-tree", "--name", "Issuing", "--parent", root, "--common-name", "Offline Issuing",
                "--path-len",
                "0", "--name-constraints", "{\"permitted\":{\"dns\":[\"certctl.test\"]}}", "--eku", "serverAuth",
                "--out",
                csr, "--json",
            ]))
        let text = try await pki.openssl(["req", "-in", csr, "-noout", "-verify", "-text"])
        #expect(text.status == 0, "\(text.errors)")
        for part in ["CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "DNS:certctl.test", "CN = Offline Issuing"] {
            #expect(text.output.contains(part), "\(part): \(text.output)")
        }
        // A certificate of another root, then the one that was asked for.
        let (strange, signed) = (pki.work.path("strange.pem"), pki.work.path("issuing.pem"))
        let other = try await pki.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            pki.work.path("other.key"), "-out", strange, "-days", "100", "-subj", "/CN=Other",
        ])
        try #require(other.status == 0)
        let refused = try await cli(["import", issuing, strange])
        #expect(refused.status != 0 && refused.errors.contains("another key"), "\(refused.errors)")
        let signing = try await pki.openssl([
            "x509", "-req", "-in", csr, "-CA", rootFile, "-CAkey", rootKey, "-days", "900", "-copy_extensions",
            "copyall",
            "-sha256", "-out", signed,
        ])
        try #require(signing.status == 0, "\(signing.errors)")
        let pending = try await cli(["list", "iss-tree", "--state", "pending"])
        #expect(pending.output.contains("Issuing"), "\(pending.output)")
        let imported = try await cli(["import", issuing, signed])
        #expect(imported.status == 0 && imported.output.contains("active"), "\(imported.errors)")
        let again = try await cli(["import", issuing, signed])
        #expect(again.status != 0 && again.errors.contains("not pending"), "\(again.errors)")

        var record = Inventory.certificate("mc-offline", name: "www.certctl.test")
        record["issuer_id"] = "iss-tree"
        try Inventory.expect(201, try await pki.server.client.post("/api/v1/certificates", record))
        let request = try await makeCSR("www.certctl.test", in: pki.work)
        let issued = try Inventory.expect(
            201, try await pki.server.client.post("/api/v1/certificates/mc-offline/csr", ["csr_pem": request]))
        #expect(issued.text("issuing_ca_id") == issuing)
        let leaf = pki.work.path("offline-leaf.pem")
        try #require(issued.text("pem_chain")).write(toFile: leaf, atomically: true, encoding: .utf8)
        let verified = try await pki.openssl([
            "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", rootFile, "-untrusted", signed, leaf,
        ])
        #expect(verified.status == 0, "\(verified.errors)")

        // Another is given up before its certificate comes.
        let spare = try id(
            await cli([
                "csr", "iss-tree", "--name", "Spare", "--parent", root, "--common-name", "Spare", "--json",
            ]))
        #expect(try await cli(["delete", spare, "--yes"]).status == 0)
        #expect(try await cli(["get", spare]).status != 0)
        #expect(try await cli(["delete", issuing, "--yes"]).status != 0)
        await pki.server.stop()
    }
}
