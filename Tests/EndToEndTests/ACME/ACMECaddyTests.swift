import Foundation
import TestSupport
import Testing

/// An unmodified Caddy that has the certificates of its sites from the control plane.
struct CaddyServer {
    let stage: ChallengeStage
    let process: ChildProgram
    private let control: Int
    private let directory: String

    /// The sites, by what certifies them: a page, a handshake, and for an address a page.
    static let sites = ["page.certctl.test", "handshake.certctl.test", "127.0.0.1"]

    static let definitions = """
        page.certctl.test, https://127.0.0.1 {
            tls {
                issuer acme {
                    disable_tlsalpn_challenge
                }
            }
            respond "by a page"
        }
        handshake.certctl.test {
            tls {
                issuer acme {
                    disable_http_challenge
                }
            }
            respond "by a handshake"
        }
        """

    /// The first of those sites alone, for whom one is enough.
    static let onePage = """
        page.certctl.test {
            tls {
                issuer acme {
                    disable_tlsalpn_challenge
                }
            }
            respond "by a page"
        }
        """

    /// - `directory`, `authority`: Where the server is, and whom it is believed by, when it is not reached directly.
    static func start(
        _ stage: ChallengeStage, sites: String = definitions, directory: String? = nil, authority: String? = nil
    ) async throws -> CaddyServer {
        let (work, acme) = (stage.acme.work, stage.acme)
        let directory = directory ?? acme.directory
        let control = LoopbackPort.unused()
        let configuration = """
            {
                storage file_system \(work.path("caddy"))
                admin 127.0.0.1:\(control)
                http_port \(stage.webPort)
                https_port \(stage.tlsPort)
                skip_install_trust
                email ops@certctl.test
                acme_ca \(directory)
                acme_ca_root \(authority ?? acme.server.authority)
                acme_eab {
                    key_id \(acme.keyID)
                    mac_key \(acme.hmacKey)
                }
            }
            \(sites)

            """
        try configuration.write(toFile: work.path("Caddyfile"), atomically: true, encoding: .utf8)
        let process = try ChildProgram(
            "/usr/bin/caddy", ["run", "--config", work.path("Caddyfile"), "--adapter", "caddyfile"],
            environment: ["HOME": work.url.path], logs: work.url)
        return CaddyServer(stage: stage, process: process, control: control, directory: directory)
    }

    /// Where it keeps what belongs to a site, without the ending.
    func stem(_ site: String) -> String {
        let folder = directory.replacing("https://", with: "").replacing(":", with: "-")
            .replacing("/", with: "-")
        return stage.acme.work.path("caddy/certificates/\(folder)/\(site)/\(site)")
    }

    /// The serial of the certificate that it keeps for a site; empty when there is none.
    func serial(_ site: String) async throws -> String {
        try await stage.acme.openssl(["x509", "-in", "\(stem(site)).crt", "-noout", "-serial"]).output
    }

    /// Waits for a certificate of a site that is not the one with a serial. Caddy rests a minute after a try that failed,
    /// as one does that a change of its configuration ends, and then tries again.
    func serial(_ site: String, otherThan old: String) async throws -> String {
        var now = ""
        let isThere = try await eventually(within: .seconds(150), every: .milliseconds(200)) {
            now = try await serial(site)
            return !now.isEmpty && now != old
        }
        try #require(isThere, "\(site): \(process.transcript)")
        return now
    }

    /// Which part of the life of certificates of the first site is left when they are renewed.
    static let window = "apps/tls/automation/policies/0/renewal_window_ratio"

    /// Changes its running configuration, as an operator does by its admin address.
    func put(_ path: String, _ value: String) async throws {
        let changed = try await runProgram(
            "/usr/bin/curl",
            [
                "--silent", "--show-error", "--fail", "--request", "POST", "--header", "Content-Type: application/json",
                "--data", value, "http://127.0.0.1:\(control)/config/\(path)",
            ], logs: stage.acme.work.url)
        try #require(changed.status == 0, "\(changed.errors) \(process.transcript)")
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

@Suite("Protocol servers §12.1: Caddy, a web server that certifies itself", .tags(.slow))
struct ACMECaddyTests {
    @Test(
        "it proves names and an address, serves them, renews, and replaces what was revoked",
        arguments: EngineUnderTest.available)
    func caddy(engine: EngineUnderTest) async throws {
        let plain = LoopbackPort.unused()
        let stage = try await ChallengeStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_EAB_REQUIRED": "true", "CERTCTL_PKI_HTTP_LISTEN": "127.0.0.1:\(plain)",
                "CERTCTL_PKI_PUBLIC_URL": "http://127.0.0.1:\(plain)",
            ])
        let work = stage.acme.work
        let caddy = try await CaddyServer.start(stage)
        let root = work.path("issuer.pem")
        let authority = try await stage.server.client.get("/api/v1/issuers/iss-local/ca-certificates")
        try (try #require(authority.text("pem_chain"))).write(toFile: root, atomically: true, encoding: .utf8)
        var serials: [String: String] = [:]
        for site in CaddyServer.sites {
            serials[site] = try await caddy.serial(site, otherThan: "")
        }
        for (site, text) in [("page.certctl.test", "by a page"), ("handshake.certctl.test", "by a handshake")] {
            let visited = try await caddy.visit(site, trusting: root)
            #expect(visited.output == text, "\(visited.errors) \(authority.body)")
        }

        // So much of its life has to be left that a certificate is due as soon as it is there. Changing the configuration
        // ends what is under way.
        let policies = "apps/tls/automation/policies"
        for (policy, sites) in [(0, ["page.certctl.test", "127.0.0.1"]), (1, ["handshake.certctl.test"])] {
            try await caddy.put("\(policies)/\(policy)/renewal_window_ratio", "0.999999")
            for site in sites { serials[site] = try await caddy.serial(site, otherThan: serials[site] ?? "") }
        }
        // Sites that it starts with at once open an account each, so a name may have been ordered by two.
        let inventory = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        let rows = try #require(inventory.json["data"] as? [[String: Any]])
        #expect(Set(rows.compactMap { $0["common_name"] as? String }) == Set(CaddyServer.sites), "\(inventory.body)")
        var issued = 0
        for row in rows {
            let id = try #require(row["id"] as? String)
            let versions = try await stage.server.client.get("/api/v1/certificates/\(id)/versions")
            issued += (versions.json["data"] as? [Any])?.count ?? 0
        }
        #expect(issued >= 2 * CaddyServer.sites.count, "\(inventory.body)")
        await caddy.process.stop()

        // Whoever holds the key gives it up. Caddy learns it from OCSP, and replaces certificate and key by itself.
        let site = "handshake.certctl.test"
        let lost = try String(contentsOfFile: "\(caddy.stem(site)).key", encoding: .utf8)
        let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
        let revoked = try await runProgram(
            "/usr/bin/certbot",
            [
                "revoke", "--cert-path", "\(caddy.stem(site)).crt", "--key-path", "\(caddy.stem(site)).key", "--reason",
                "keycompromise", "--no-delete-after-revoke", "--non-interactive", "--server", stage.acme.directory,
            ] + folders,
            environment: ["HOME": work.url.path, "REQUESTS_CA_BUNDLE": stage.server.authority], logs: work.url)
        try #require(revoked.status == 0, "\(revoked.output) \(revoked.errors)")
        try FileManager.default.removeItem(atPath: work.path("caddy/ocsp"))
        let again = try await CaddyServer.start(stage)
        _ = try await again.serial(site, otherThan: serials[site] ?? "")
        #expect(try String(contentsOfFile: "\(again.stem(site)).key", encoding: .utf8) != lost)
        #expect(again.process.transcript.contains("REVOKED"), "\(again.process.transcript)")
        let isServed = try await eventually(within: .seconds(20)) {
            try await again.visit(site, trusting: root).output == "by a handshake"
        }
        #expect(isServed, "\(again.process.transcript)")
        let accounts = try await stage.server.client.get("/api/v1/admin/acme/accounts")
        #expect((1...CaddyServer.sites.count).contains(accounts.json["total"] as? Int ?? 0), "\(accounts.body)")
        await again.process.stop()
        await stage.stop()
    }
}
