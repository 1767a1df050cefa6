import Foundation
import TestSupport
import Testing

/// An unmodified Apache whose mod_md has the certificates of its sites from the control plane.
struct ApacheServer {
    let stage: ChallengeStage
    let process: ChildProgram

    /// The sites, by what certifies them: a page and a handshake.
    static let sites = ["page.certctl.test", "handshake.certctl.test"]
    private static let modules = "/usr/lib/apache2/modules"

    static func start(_ stage: ChallengeStage) async throws -> ApacheServer {
        let work = stage.acme.work
        // Its workers are somebody else where it is started as root.
        let trust = work.path("apache-ca.pem")
        try FileManager.default.copyItem(atPath: stage.server.authority, toPath: trust)
        for folder in ["md", "pages"] {
            try FileManager.default.createDirectory(atPath: work.path(folder), withIntermediateDirectories: true)
        }
        try "by apache".write(toFile: work.path("pages/index.html"), atomically: true, encoding: .utf8)
        for path in ["", "md", "pages"] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: work.path(path))
        }
        for path in [trust, work.path("pages/index.html")] {
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        }
        let loaded = ["mpm_event", "authz_core", "dir", "socache_shmcb", "ssl", "md"]
            .map { "LoadModule \($0)_module \(modules)/mod_\($0).so" }.joined(separator: "\n")
        let sites = zip(sites, ["http-01", "tls-alpn-01"]).map { name, challenge in
            """
            <MDomain \(name) manual>
                MDCAChallenges \(challenge)
            </MDomain>
            <VirtualHost *:\(stage.tlsPort)>
                ServerName \(name)
                SSLEngine on
            </VirtualHost>
            """
        }
        let configuration = """
            ServerRoot \(work.url.path)
            ServerName 127.0.0.1
            PidFile \(work.path("apache.pid"))
            DefaultRuntimeDir \(work.url.path)
            Mutex file:\(work.url.path)
            ErrorLog \(work.path("apache.log"))
            LogLevel warn md:info
            User www-data
            Group www-data
            \(loaded)
            Listen 127.0.0.1:\(stage.webPort)
            Listen 127.0.0.1:\(stage.tlsPort)
            StartServers 1
            DocumentRoot \(work.path("pages"))
            DirectoryIndex index.html
            Protocols http/1.1 acme-tls/1
            MDStoreDir \(work.path("md"))
            MDPortMap http:\(stage.webPort) https:\(stage.tlsPort)
            MDCertificateAuthority \(stage.acme.directory)
            MDCACertificateFile \(trust)
            MDCertificateAgreement accepted
            MDContactEmail ops@certctl.test
            MDExternalAccountBinding \(stage.acme.keyID) \(stage.acme.hmacKey)
            MDProfile \(ACMEStage.shortProfile)
            MDProfileMandatory on
            MDStapling off
            MDCheckInterval 1s
            MDInitialDelay 0s
            MDRetryDelay 1s
            MDActivationDelay 0s
            \(sites.joined(separator: "\n"))

            """
        try configuration.write(toFile: work.path("apache.conf"), atomically: true, encoding: .utf8)
        // What is started from here inherits blocked signals, and Apache lets them be: it would neither reload nor end.
        let process = try ChildProgram(
            "/usr/bin/env",
            ["--default-signal", "/usr/sbin/apache2", "-DFOREGROUND", "-f", work.path("apache.conf")], logs: work.url)
        return ApacheServer(stage: stage, process: process)
    }

    /// What it has to say for a failure message.
    var log: String {
        let text = (try? String(contentsOfFile: stage.acme.work.path("apache.log"), encoding: .utf8)) ?? ""
        return process.transcript + text.suffix(4000)
    }

    /// The serial of the certificate that it shows at a handshake for a site; empty when it shows none.
    private func shown(_ site: String) async throws -> String {
        try await runProgram(
            "/bin/sh",
            [
                "-c",
                #"openssl s_client -connect "127.0.0.1:$0" -servername "$1" </dev/null | openssl x509 -noout -serial"#,
                "\(stage.tlsPort)", site,
            ], logs: stage.acme.work.url
        ).output
    }

    /// Reloads it, as its operator is told to, whenever a certificate lies ready, until all sites show another than before
    /// which the issuer's root certifies.
    func serials(otherThan old: [String: String], trusting root: String) async throws -> [String: String] {
        var now: [String: String] = [:]
        let areThere = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            let isReady = Self.sites.contains { site in
                let job = stage.acme.work.path("md/staging/\(site)/job.json")
                let text = (try? String(contentsOfFile: job, encoding: .utf8)) ?? ""
                return text.filter { !$0.isWhitespace }.contains(#""finished":true"#)
            }
            if isReady { process.send(SIGUSR1) }
            for site in Self.sites where try await visit(site, trusting: root).output == "by apache" {
                now[site] = try await shown(site)
            }
            return Self.sites.allSatisfy { now[$0, default: ""].hasPrefix("serial=") && now[$0] != old[$0] }
        }
        try #require(areThere, "\(now) \(log)")
        return now
    }

    /// What a visitor of a site gets, whose trust is what the control plane says of its issuer.
    func visit(_ site: String, trusting root: String) async throws -> ProgramOutcome {
        try await runProgram(
            "/usr/bin/curl",
            [
                "--silent", "--show-error", "--max-time", "20", "--cacert", root, "--resolve",
                "\(site):\(stage.tlsPort):127.0.0.1", "https://\(site):\(stage.tlsPort)/",
            ], logs: stage.acme.work.url)
    }
}

@Suite("Protocol servers §12.1: Apache, a web server that certifies itself by mod_md", .tags(.slow))
struct ACMEApacheTests {
    @Test(
        "it opens an account with a key, proves names under a profile of its choice, serves them, and replaces what an operator has replaced"
    )
    func apache() async throws {
        let stage = try await ChallengeStage.make(.sqlite, ["CERTCTL_ACME_SERVER_EAB_REQUIRED": "true"])
        try await stage.acme.offerShortProfile("challenge")
        let root = stage.acme.work.path("issuer.pem")
        let authority = try await stage.server.client.get("/api/v1/issuers/iss-local/ca-certificates")
        try (try #require(authority.text("pem_chain"))).write(toFile: root, atomically: true, encoding: .utf8)
        let apache = try await ApacheServer.start(stage)
        do {
            try await Self.rehearse(stage, apache, trusting: root)
        } catch {
            // Its workers outlive it unless it ends them.
            await apache.process.stop()
            throw error
        }
        await apache.process.stop()
        await stage.stop()
    }

    private static func rehearse(
        _ stage: ChallengeStage, _ apache: ApacheServer, trusting root: String
    ) async throws {
        let first = try await apache.serials(otherThan: [:], trusting: root)
        let accounts = try await stage.server.client.get("/api/v1/admin/acme/accounts")
        let opened = accounts.json["data"] as? [[String: Any]] ?? []
        #expect(
            !opened.isEmpty && opened.allSatisfy { $0["eab_key_id"] as? String == stage.acme.keyID }, "\(accounts.body)"
        )

        let asked = try await stage.server.cli([
            "acme", "replace", "--profile-id", ACMEStage.shortProfile, "--reason", "rehearsal", "--yes",
        ])
        #expect(asked.status == 0 && asked.output.contains("2 certificates"), "\(asked.output) \(asked.errors)")
        // It asks for renewal information when it is loaded, and then when the window comes.
        apache.process.send(SIGUSR1)
        _ = try await apache.serials(otherThan: first, trusting: root)
        let orders = try await stage.server.client.get("/api/v1/admin/acme/orders?status=valid")
        let replacing = (orders.json["data"] as? [[String: Any]] ?? []).filter { $0["replaces"] != nil }
        #expect(replacing.count == ApacheServer.sites.count, "\(orders.body)")
        #expect(replacing.allSatisfy { $0["profile_id"] as? String == ACMEStage.shortProfile }, "\(orders.body)")
        let listed = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == ApacheServer.sites.count, "\(listed.body)")
    }
}
