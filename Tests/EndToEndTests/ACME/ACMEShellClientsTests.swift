import Foundation
import TestSupport
import Testing

/// A web server whose pages are the files of a directory.
struct WebRoot {
    let process: ChildProgram
    /// Where proofs by http-01 belong.
    let proofs: String

    static func start(in work: TemporaryDirectory, port: Int) async throws -> WebRoot {
        let root = work.path("web")
        let proofs = "\(root)/.well-known/acme-challenge"
        try FileManager.default.createDirectory(atPath: proofs, withIntermediateDirectories: true)
        // Its workers may run as somebody else.
        for path in [work.url.path, root, "\(root)/.well-known", proofs] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let configuration = """
            daemon off; master_process off; pid \(work.path("web.pid")); error_log stderr;
            events { worker_connections 64; }
            http {
                access_log off; client_body_temp_path \(work.path("web-body")); proxy_temp_path \(work.path("web-proxy"));
                fastcgi_temp_path \(work.path("web-f")); uwsgi_temp_path \(work.path("web-u"));
                scgi_temp_path \(work.path("web-s"));
                server { listen 127.0.0.1:\(port); root \(root); }
            }

            """
        try configuration.write(toFile: work.path("web.conf"), atomically: true, encoding: .utf8)
        let process = try ChildProgram("/usr/sbin/nginx", ["-c", work.path("web.conf")], logs: work.url)
        return WebRoot(process: process, proofs: proofs)
    }
}

@Suite("Protocol servers §12.1: clients of a few hundred lines prove names", .tags(.slow))
struct ACMEShellClientsTests {
    @Test("dehydrated issues and renews by http-01 and dns-01, and revokes", arguments: EngineUnderTest.available)
    func dehydrated(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let work = stage.acme.work
        let web = try await WebRoot.start(in: work, port: stage.webPort)
        let base = work.path("dehydrated")
        try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
        let configuration = """
            CA="\(stage.acme.directory)"
            CURL_OPTS="--cacert \(stage.server.authority)"
            BASEDIR="\(base)"
            WELLKNOWN="\(web.proofs)"
            CONTACT_EMAIL="ops@certctl.test"

            """
        try configuration.write(toFile: "\(base)/config", atomically: true, encoding: .utf8)
        func dehydrated(_ arguments: String...) async throws -> ProgramOutcome {
            try await runProgram(
                "/usr/bin/dehydrated", ["--config", "\(base)/config"] + arguments,
                environment: ["HOME": work.url.path, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], logs: work.url,
                timeout: .seconds(120))
        }
        func serial(_ path: String) async throws -> String {
            try await stage.acme.openssl(["x509", "-in", path, "-noout", "-serial"]).output
        }
        let registered = try await dehydrated("--register", "--accept-terms")
        try #require(registered.status == 0, "\(registered.output) \(registered.errors)")

        let name = "shell.certctl.test"
        let first = try await dehydrated("--cron", "--domain", name)
        try #require(first.status == 0, "\(first.output) \(first.errors)")
        let path = "\(base)/certs/\(name)/cert.pem"
        let before = try await serial(path)
        #expect(before.hasPrefix("serial="), "\(before)")
        let renewed = try await dehydrated("--cron", "--force", "--domain", name)
        #expect(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        #expect(try await serial(path) != before)
        let revoked = try await dehydrated("--revoke", path)
        #expect(revoked.status == 0, "\(revoked.output) \(revoked.errors)")

        let hook = try stage.names.dehydratedHook()
        for _ in 0..<2 {
            let wild = try await dehydrated(
                "--cron", "--force", "--domain", "*.shellwild.certctl.test", "--alias", "shellwild", "--challenge",
                "dns-01", "--hook", hook)
            #expect(wild.status == 0, "\(wild.output) \(wild.errors)")
        }
        let shown = try await stage.acme.openssl([
            "x509", "-in", "\(base)/certs/shellwild/cert.pem", "-noout", "-ext", "subjectAltName",
        ])
        #expect(shown.output.contains("DNS:*.shellwild.certctl.test"), "\(shown.output) \(shown.errors)")
        let listed = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == 2, "\(listed.body)")
        await web.process.stop()
        await stage.stop()
    }

    @Test("acme-tiny, 200 lines of Python and OpenSSL, issues and renews")
    func tiny() async throws {
        let stage = try await ChallengeStage.make(.sqlite)
        let work = stage.acme.work
        let web = try await WebRoot.start(in: work, port: stage.webPort)
        let request = work.path("tiny.csr")
        try await makeCSR("tiny.certctl.test", in: work, names: ["tiny.certctl.test"])
            .write(toFile: request, atomically: true, encoding: .utf8)
        let key = try await stage.acme.openssl(["genrsa", "-out", work.path("account.key"), "2048"])
        try #require(key.status == 0, "\(key.errors)")
        var serials: Set<String> = []
        for turn in 0..<2 {
            if turn == 1 {
                // Its own recipe: the name is the common name, and there are no alternative names.
                let bare = try await stage.acme.openssl([
                    "req", "-new", "-sha256", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tiny.certctl.test",
                    "-keyout",
                    work.path("bare.key"), "-out", request,
                ])
                try #require(bare.status == 0, "\(bare.errors)")
            }
            let made = try await runProgram(
                "/usr/bin/acme-tiny",
                [
                    "--account-key", work.path("account.key"), "--csr", request, "--acme-dir", web.proofs,
                    "--directory-url", stage.acme.directory, "--disable-check", "--contact", "mailto:ops@certctl.test",
                ],
                environment: ["SSL_CERT_FILE": stage.server.authority], logs: work.url)
            try #require(made.status == 0, "\(made.output) \(made.errors)")
            let path = work.path("tiny-\(turn).pem")
            try made.output.write(toFile: path, atomically: true, encoding: .utf8)
            serials.insert(try await stage.acme.serial(path))
            let names = try await stage.acme.openssl(["x509", "-in", path, "-noout", "-ext", "subjectAltName"])
            #expect(names.output.contains("DNS:tiny.certctl.test"), "\(names.output) \(names.errors)")
        }
        #expect(serials.count == 2 && serials.allSatisfy { $0.hasPrefix("serial=") }, "\(serials)")
        let listed = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == 1, "\(listed.body)")
        await web.process.stop()
        await stage.stop()
    }
}
