import Foundation
import TestSupport
import Testing

@Suite("agent settings: what this host lets deployments do, and how they are looked at", .tags(.slow))
struct AgentDeploymentTests {
    /// An agent with a site of its own, whose certificate bears the agent's name.
    private struct Place: Sendable {
        let name: String
        let agent: AgentProcess
        let site: SiteFiles
        var target: String { "tgt-\(name)" }
    }

    private func place(
        _ name: String,
        _ server: ControlPlane,
        _ settings: [String: String],
        endpoint: Int? = nil,
        changes: [String: Any] = [:]
    ) async throws -> Place {
        let site = try SiteFiles()
        let settings = settings.mapValues { $0.replacing("SITE", with: site.directory.url.path) }
        let agent = try await AgentProcess.enroll(named: name, with: server, settings: settings)
        var configuration = site.configuration(changes)
        if let endpoint {
            configuration["post_deploy_verify"] = ["enabled": true, "endpoint": "127.0.0.1:\(endpoint)"]
            configuration["post_deploy_verify_attempts"] = 1
        }
        try await server.createTarget("tgt-\(name)", agent: agent.id, configuration)
        return Place(name: name, agent: agent, site: site)
    }

    @Test("host policy, verification, backups and the key directory are what the settings say")
    func deployments() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let nginx = try await NginxProcess()
        let silence = try SilentListener()
        async let foreign = place("foreign", server, ["CERTCTL_AGENT_ALLOWED_TARGET_TYPES": "Apache,HAProxy"])
        async let strict = place(
            "strict", server,
            [
                "CERTCTL_AGENT_ALLOWED_TARGET_TYPES": "nginx", "CERTCTL_AGENT_ALLOWED_PATHS": "SITE",
                "CERTCTL_AGENT_ALLOWED_COMMANDS": "true", "CERTCTL_VERIFY_DEPLOYMENT": "false",
                "CERTCTL_DEPLOY_BACKUP_RETENTION": "-1", "CERTCTL_KEY_DIR": "SITE/private",
            ],
            endpoint: LoopbackPort.unused())
        async let patient = place(
            "patient", server, ["CERTCTL_VERIFY_DELAY": "700ms", "CERTCTL_DEPLOY_BACKUP_RETENTION": "1"],
            endpoint: nginx.port, changes: nginx.targetConfiguration(serverName: "patient.certctl.test"))
        async let hasty = place(
            "hasty", server, ["CERTCTL_VERIFY_TIMEOUT": "400ms", "CERTCTL_VERIFY_DELAY": "0s"], endpoint: silence.port)
        let places = try await [foreign, strict, patient, hasty]
        for place in places { try await server.issue(place.name, to: [place.target]) }

        try await expectPermitted(server, strict)
        try await expectRefusals(server, foreign: foreign, strict: strict)
        try await expectPatient(server, patient)
        try await expectHasty(server, hasty)
        for place in places { await place.agent.stop() }
        await nginx.stop()
        await server.stop()
    }

    /// All that the policy names; nobody looks at the endpoint where nobody listens.
    private func expectPermitted(_ server: ControlPlane, _ place: Place) async throws {
        let deployment = try await server.deployment(to: place.target)
        #expect(deployment.isCompleted, "\(deployment.job)")
        #expect(deployment.job["verification_status"] as? String == "skipped", "\(deployment.job)")
        let reason = deployment.job["verification_error"] as? String ?? ""
        #expect(reason.contains("CERTCTL_VERIFY_DEPLOYMENT") && deployment.job["verified_at"] == nil)
        let keys = try FileManager.default.contentsOfDirectory(atPath: place.site.directory.path("private/mc-strict"))
        let file = try #require(keys.first { $0.hasSuffix(".key") })
        let key = try String(contentsOfFile: place.site.directory.path("private/mc-strict/\(file)"), encoding: .utf8)
        #expect(place.site.key == key)
        #expect(!FileManager.default.fileExists(atPath: place.agent.keyDirectory.path))
        #expect(try backups(of: place.agent).isEmpty)
    }

    /// The same agent refuses what its policy does not name, and another one the whole type.
    private func expectRefusals(_ server: ControlPlane, foreign: Place, strict: Place) async throws {
        let outside = try SiteFiles()
        let inside = strict.site.directory
        let changes: [String: Any] = ["cert_path": inside.path("more.crt"), "key_path": inside.path("more.key")]
        try await server.createTarget("tgt-paths", agent: strict.agent.id, outside.configuration())
        try await server.createTarget(
            "tgt-commands", agent: strict.agent.id,
            strict.site.configuration(changes.merging(["validate_command": ["sleep", "0"]]) { $1 }))
        try await server.issue("refused", to: ["tgt-paths", "tgt-commands"])
        for (target, setting) in [
            (foreign.target, "CERTCTL_AGENT_ALLOWED_TARGET_TYPES"), ("tgt-paths", "CERTCTL_AGENT_ALLOWED_PATHS"),
            ("tgt-commands", "CERTCTL_AGENT_ALLOWED_COMMANDS"),
        ] {
            let deployment = try await server.deployment(to: target)
            #expect(!deployment.isCompleted && deployment.lastError.contains(setting), "\(deployment.job)")
            #expect(deployment.job["error_class"] as? String == "permanent", "\(deployment.job)")
        }
        #expect(foreign.site.isUntouched && outside.isUntouched)
        #expect(!FileManager.default.fileExists(atPath: inside.path("more.crt")))
    }

    private func expectPatient(_ server: ControlPlane, _ place: Place) async throws {
        let first = try await server.deployment(to: place.target)
        #expect(first.isCompleted, "\(first.job)")
        let look = try #require(first.phase("verify"))
        #expect((700..<1900).contains(look.milliseconds), "\(look)")
        #expect(try backups(of: place.agent).count == 2, "a certificate and a key")
        try Inventory.expect(202, try await server.client.post("/api/v1/certificates/mc-patient/renew"))
        let second = try await server.deployment(to: place.target, number: 2)
        #expect(second.isCompleted && second.id != first.id, "\(second.job)")
        // The older copies are gone.
        #expect(try backups(of: place.agent).count == 2)
    }

    /// Somebody accepts the connection and never says a word: the look ends when the setting says so.
    private func expectHasty(_ server: ControlPlane, _ place: Place) async throws {
        let deployment = try await server.deployment(to: place.target)
        #expect(!deployment.isCompleted && deployment.isRolledBack, "\(deployment.job)")
        let look = try #require(deployment.phase("verify"))
        #expect((390..<2500).contains(look.milliseconds), "\(look)")
        #expect(place.site.isUntouched)
    }

    private func backups(of agent: AgentProcess) throws -> [String] {
        let folder = agent.stateDirectory.appending(path: "backups").path
        return (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [])
            .filter { $0.contains(".certctl-bak.") }
    }
}
