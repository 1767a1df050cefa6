import Foundation
import TestSupport
import Testing

@Suite("RFC 9773, ACME profiles: the present certbot, as its authors release it", .tags(.slow))
struct ACMECertbotTests {
    @Test("it orders under a profile of its choice, and renews as soon as an operator has it replaced")
    func renewalInformation() async throws {
        let stage = try await ACMEStage.make(.sqlite, ["CERTCTL_ACME_SERVER_ARI_POLL_INTERVAL": "1s"])
        try await stage.offerShortProfile("trust_authenticated")
        func certbot(_ arguments: [String]) async throws -> ProgramOutcome {
            let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", stage.work.path("certbot-\($0)")] }
            return try await Judges.certbot(
                arguments + folders + ["--server", stage.directory, "--non-interactive"],
                environment: ["HOME": stage.work.url.path, "REQUESTS_CA_BUNDLE": stage.server.authority],
                logs: stage.work.url)
        }
        let order = [
            "certonly", "--standalone", "--agree-tos", "-m", "ops@certctl.test", "--no-eff-email", "--eab-kid",
            stage.keyID, "--eab-hmac-key", stage.hmacKey, "-d", "www.certctl.test",
        ]
        let unknown = try await certbot(order + ["--required-profile", "prof-none"])
        #expect(unknown.status != 0 && unknown.errors.contains("prof-none"), "\(unknown.output) \(unknown.errors)")
        let first = try await certbot(order + ["--required-profile", ACMEStage.shortProfile])
        try #require(first.status == 0, "\(first.output) \(first.errors)")
        let path = stage.work.path("certbot-config/live/www.certctl.test/cert.pem")
        #expect(try await stage.isShort(path))

        let renew = ["renew", "--no-random-sleep-on-renew"]
        let early = try await certbot(renew)
        #expect(early.status == 0, "\(early.output) \(early.errors)")
        #expect(early.output.contains("not yet due for renewal"), "\(early.output)")
        let asked = try await stage.server.cli([
            "acme", "replace", "--profile-id", ACMEStage.shortProfile, "--reason", "rehearsal", "--yes",
        ])
        #expect(asked.status == 0 && asked.output.contains("1 certificates"), "\(asked.output) \(asked.errors)")
        let before = try await stage.serial(path)
        // It asks no sooner than it was told to, a second after the last answer.
        var renewed = early
        let isRenewed = try await eventually(within: .seconds(30)) {
            renewed = try await certbot(renew)
            return try await stage.serial(path) != before
        }
        #expect(isRenewed && renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        #expect(try await stage.isShort(path))
        try await Task.sleep(for: .seconds(1))
        let late = try await certbot(renew)
        #expect(late.output.contains("not yet due for renewal"), "\(late.output) \(late.errors)")
        let listed = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == 1, "one certificate, two versions: \(listed.body)")
        await stage.server.stop()
    }
}
