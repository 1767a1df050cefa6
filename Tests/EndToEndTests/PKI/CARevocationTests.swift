import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §6.1: revocation of whole CAs, judged by openssl", .tags(.slow))
struct CARevocationTests {
    @Test(
        "at once in OCSP, soon on the list, and another CA issues", arguments: EngineUnderTest.available)
    func revoked(engine: EngineUnderTest) async throws {
        let pki = try await PKIStage.start(engine)
        let work = pki.work
        func cli(_ arguments: [String]) async throws -> [String: Any] {
            let outcome = try await pki.server.cli(arguments + ["--json"])
            try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
            return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        }
        func write(_ pem: Any?, _ name: String) throws -> String {
            let file = work.path(name)
            try #require(pem as? String).write(toFile: file, atomically: true, encoding: .utf8)
            return file
        }
        _ = try await cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        func make(_ name: String, _ more: [String]) async throws -> (id: String, file: String, serial: String) {
            let made = try await cli(
                ["intermediates", "create", "iss-tree", "--name", name, "--common-name", "E2E \(name)"] + more)
            return (
                try #require(made["id"] as? String), try write(made["cert_pem"], "\(name).pem"),
                try #require(made["serial_number"] as? String)
            )
        }
        let root = try await make("Root", [])
        let policy = try await make("Policy", ["--parent", root.id, "--path-len", "1"])
        let issuing = try await make("Issuing", ["--parent", policy.id])
        let spare = try await make("Spare", ["--parent", root.id, "--path-len", "0", "--ttl-days", "400"])
        func issue(_ id: String) async throws -> (leaf: String, authority: String) {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = "iss-tree"
            try Inventory.expect(201, try await pki.server.client.post("/api/v1/certificates", record))
            let csr = try await makeCSR("\(id).certctl.test", in: work)
            let issued = try Inventory.expect(
                201, try await pki.server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
            return (try write(issued.text("pem_chain"), "\(id).pem"), try #require(issued.text("issuing_ca_id")))
        }
        /// Every certificate of the path checked by the lists as they are published.
        func verify(_ leaf: String, through authorities: [(id: String, file: String, serial: String)]) async throws
            -> String
        {
            var (lists, chain) = ("", "")
            for authority in authorities + [root] {
                let file = work.path("\(authority.id).crl")
                _ = try await pki.curl(["--output", file, "\(pki.url)/.well-known/pki/crl/\(authority.id)"])
                lists += try await pki.openssl(["crl", "-inform", "DER", "-in", file]).output
            }
            for authority in authorities { chain += try String(contentsOfFile: authority.file, encoding: .utf8) }
            let verified = try await pki.openssl([
                "verify", "-x509_strict", "-crl_check_all", "-no-CApath", "-no-CAstore", "-CAfile", root.file,
                "-CRLfile", try write(lists, "lists.pem"), "-untrusted", try write(chain, "chain.pem"), leaf,
            ])
            return verified.output + verified.errors
        }
        func ask() async throws -> String {
            let outcome = try await pki.openssl([
                "ocsp", "-issuer", root.file, "-cert", policy.file, "-CAfile", root.file, "-url",
                "\(pki.url)/.well-known/pki/ocsp/\(root.id)",
            ])
            return outcome.output + outcome.errors
        }
        let before = try await issue("before")
        #expect(before.authority == issuing.id)
        let good = try await ask()
        #expect(good.contains("Response verify OK") && good.contains(": good"), "\(good)")
        let isGood = try await eventually(within: .seconds(20)) {
            try await verify(before.leaf, through: [issuing, policy]).contains(": OK")
        }
        #expect(isGood)

        let told = try await cli(["intermediates", "revoke", policy.id, "--reason", "caCompromise", "--dry-run"])
        #expect(told["authorities"] as? Int == 1 && told["certificates"] as? Int == 1)
        #expect(told["successors"] as? Int == 1 && told["dry_run"] as? Bool == true)
        #expect(try await ask().contains(": good"))
        let refused = try await pki.server.cli(["intermediates", "revoke", root.id, "--reason", "superseded", "--yes"])
        #expect(refused.status != 0 && refused.errors.contains("root"), "\(refused.errors)")

        let done = try await cli([
            "intermediates", "revoke", policy.id, "--reason", "caCompromise", "--note", "drill", "--yes",
        ])
        #expect(done["listed_by"] as? [String] == [root.id] && done["dry_run"] as? Bool == false)
        let gone = try await ask()
        #expect(gone.contains("Response verify OK") && gone.contains(": revoked"), "\(gone)")
        #expect(gone.contains("cACompromise"), "\(gone)")
        let seen = try await cli(["intermediates", "get", policy.id])
        #expect(seen["state"] as? String == "revoked" && seen["revocation_reason"] as? String == "caCompromise")

        // The same path, by the lists: its own and that of the CA below are still there, and good.
        let isRefused = try await eventually(within: .seconds(20)) {
            try await verify(before.leaf, through: [issuing, policy]).contains("certificate revoked")
        }
        #expect(isRefused)
        let after = try await issue("after")
        #expect(after.authority == spare.id)
        let stays = try await eventually(within: .seconds(20)) {
            try await verify(after.leaf, through: [spare]).contains(": OK")
        }
        #expect(stays)
        let below = try await pki.server.cli([
            "intermediates", "create", "iss-tree", "--name", "Late", "--parent", policy.id, "--common-name", "Late",
        ])
        #expect(below.status != 0 && below.errors.contains("revoked"), "\(below.errors)")
        await pki.server.stop()
    }
}
