import Foundation
import TestSupport
import Testing

@Suite("server settings: a supplied CA takes the place of the built-in root", .tags(.slow))
struct StorageAuthorityTests {
    /// A root, an issuing CA below it, and what must not be taken for one; all made by OpenSSL.
    private struct Corporate {
        let openssl: OpenSSL

        init() async throws {
            openssl = try OpenSSL()
            try await openssl.succeed(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "30",
                "-subj", "/O=Corp/CN=Corp Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout",
                openssl.path("root.key"), "-out", openssl.path("root.pem"))
            try await certify(
                "sub", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign")
            try await certify("leaf", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature")
            let chain = try openssl.read("sub.pem") + openssl.read("root.pem")
            _ = try openssl.file("chain.pem", chain)
        }

        private func certify(_ name: String, _ extensions: String) async throws {
            let file = try openssl.file("\(name).ext", "subjectKeyIdentifier=hash\n" + extensions + "\n")
            try await openssl.succeed(
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/O=Corp/CN=Corp \(name)", "-keyout", openssl.path("\(name).key"), "-out", openssl.path("\(name).csr"))
            try await openssl.succeed(
                "x509", "-req", "-in", openssl.path("\(name).csr"), "-CA", openssl.path("root.pem"), "-CAkey",
                openssl.path("root.key"), "-CAcreateserial", "-days", "20", "-extfile", file, "-out",
                openssl.path("\(name).pem"))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: openssl.path("\(name).key"))
        }

        func settings(_ certificate: String, _ key: String) -> [String: String] {
            ["CERTCTL_CA_CERT_PATH": openssl.path(certificate), "CERTCTL_CA_KEY_PATH": openssl.path(key)]
        }
    }

    @Test("what cannot be a CA ends the start with the reason; a subordinate CA issues what OpenSSL verifies")
    func subordinate() async throws {
        let corporate = try await Corporate()
        let openssl = corporate.openssl
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let builtIn = try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body
        await server.stop()

        try await expectRefusals(server, corporate)
        try await server.startAgain(extra: corporate.settings("chain.pem", "sub.key"))
        let authority = try await server.client.get("/api/v1/issuers/iss-local/ca-certificates")
        let supplied = authority.body
        #expect(supplied != builtIn)
        #expect(authority.text("pem_chain") == (try openssl.read("chain.pem")), "\(supplied)")

        for (number, key) in [["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["rsa:2048"], ["ed25519"]].enumerated() {
            let name = "k\(number).certctl.test"
            try Inventory.expect(
                201,
                try await server.client.post("/api/v1/certificates", Inventory.certificate("mc-\(number)", name: name)))
            let csr = try await makeCSR(name, in: openssl.directory, keyType: key)
            let issued = try Inventory.expect(
                201, try await server.client.post("/api/v1/certificates/mc-\(number)/csr", ["csr_pem": csr]))
            let chain = try openssl.file("issued-\(number).pem", try #require(issued.text("pem_chain")))
            let verified = try await openssl.succeed(
                "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile",
                openssl.path("root.pem"), "-untrusted", chain, chain)
            #expect(verified.contains("OK"))
            let issuer = try await openssl.succeed("x509", "-in", chain, "-noout", "-issuer")
            #expect(issuer.contains("Corp sub"))
            // The root is everybody's own business: the chain ends below it.
            let certificates = try openssl.read("issued-\(number).pem").components(separatedBy: "BEGIN CERTIFICATE")
            #expect(certificates.count - 1 == 2)
        }
        #expect(!server.process.transcript.contains("PRIVATE KEY"))
        await server.stop()
        // Without the settings the issuer keeps what it has: nobody swaps a CA by forgetting a variable.
        try await server.startAgain()
        #expect(try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body == supplied)
        await server.stop()
    }

    private func expectRefusals(_ server: ControlPlane, _ corporate: Corporate) async throws {
        let openssl = corporate.openssl
        let open = try openssl.file("open.key", try openssl.read("sub.key"))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: open)
        let cases: [(certificate: String, key: String, status: Int32, words: [String])] = [
            ("sub.pem", "leaf.key", 78, ["the key does not belong to certificate", "Corp sub"]),
            ("leaf.pem", "leaf.key", 78, ["is not a CA certificate", "Corp leaf"]),
            ("absent.pem", "sub.key", 78, ["absent.pem", "does not exist"]),
            ("sub.key", "sub.key", 78, ["cannot be read"]),
            ("sub.pem", "open.key", 77, ["open.key", "chmod 600"]),
        ]
        for refused in cases {
            let settings = corporate.settings(refused.certificate, refused.key)
            let outcome = try await ControlPlane.refusal(
                server.environment.merging(settings) { $1 }, logs: server.directory.url
            ).outcome
            #expect(outcome.status == refused.status, "\(outcome)")
            for word in refused.words + ["CERTCTL_CA_CERT_PATH"] {
                #expect(outcome.errors.contains(word), "\(word) is not in: \(outcome.errors)")
            }
        }
        for half in ["CERTCTL_CA_CERT_PATH", "CERTCTL_CA_KEY_PATH"] {
            let outcome = try await ControlPlane.refusal(
                server.environment.merging([half: openssl.path("sub.pem")]) { $1 }, logs: server.directory.url
            ).outcome
            #expect(outcome.status == 78 && outcome.errors.contains("must be set together with \(half)"), "\(outcome)")
        }
    }
}
