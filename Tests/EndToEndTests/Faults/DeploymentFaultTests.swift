import Foundation
import TestSupport
import Testing

@Suite("a deployment that goes wrong leaves the service as it was and says why", .tags(.slow, .fault))
struct DeploymentFaultTests {
    /// One agent in front of two nginx, which both serve `mc-pair`.
    private struct Scene {
        let server: ControlPlane
        let agent: AgentProcess
        let east: NginxProcess
        let west: NginxProcess
        let deployed: String

        var eastFiles: [String] { DeploymentFaultTests.files(of: east) }
        var westFiles: [String] { DeploymentFaultTests.files(of: west) }
    }

    private static func files(of nginx: NginxProcess) -> [String] {
        [nginx.certificatePath, nginx.keyPath].map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" }
    }

    @Test("two nginx behind one agent: refusals, failed reloads, lost and foreign keys")
    func faults() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let scene = try await makeScene(server)
        try await refusedAndUnreloaded(scene)
        try await brokenConfigurationAndLostKey(scene)
        try await foreignKey(scene)
        await scene.agent.stop()
        for nginx in [scene.east, scene.west] { await nginx.stop() }
        await server.stop()
    }

    private func makeScene(_ server: ControlPlane) async throws -> Scene {
        async let first = NginxProcess()
        async let second = NginxProcess()
        let agent = try await AgentProcess.enroll(named: "proxy", with: server)
        let (east, west) = try await (first, second)
        for (name, nginx) in [("east", east), ("west", west)] {
            try await server.createTarget(
                "tgt-\(name)", agent: agent.id, nginx.targetConfiguration(serverName: "pair.certctl.test"))
        }
        try await server.issue("pair", to: ["tgt-east", "tgt-west"])
        for target in ["tgt-east", "tgt-west"] {
            let deployment = try await server.deployment(to: target)
            #expect(deployment.isCompleted, "\(deployment.job)\n\(agent.process.transcript)")
        }
        let recorded = try #require(try await server.recordedFingerprint("mc-pair"))
        for nginx in [east, west] { try await expect(nginx, serves: recorded) }
        return Scene(server: server, agent: agent, east: east, west: west, deployed: recorded)
    }

    private func expect(_ nginx: NginxProcess, serves fingerprint: String) async throws {
        var served: String?
        let isServed = try await eventually(within: .seconds(10), every: .milliseconds(100)) {
            served = try await nginx.servedFingerprint(serverName: "pair.certctl.test")
            return served == fingerprint
        }
        #expect(isServed, "serves \(served ?? "nothing"), expected \(fingerprint)")
    }

    /// Three targets that all fail on the files of one nginx, one after the other through their locks.
    private func refusedAndUnreloaded(_ scene: Scene) async throws {
        let before = scene.eastFiles
        var keyless = scene.east.targetConfiguration(serverName: "pair.certctl.test")
        keyless["key_path"] = nil
        var stale = scene.east.targetConfiguration(serverName: "pair.certctl.test")
        stale["reload_command"] = ["true"]
        stale["post_deploy_verify_attempts"] = 2
        stale["post_deploy_verify_backoff"] = "100ms"
        var targets = ["keyless": keyless, "stale": stale]
        // Only programs of root may be run, so nobody else can make one that fails once.
        if getuid() == 0 {
            targets["unreloaded"] = keyless.merging([
                "key_path": scene.east.keyPath, "reload_command": [try failingOnce(scene.east)],
            ]) { $1 }
        }
        for (name, configuration) in targets {
            try await scene.server.createTarget("tgt-\(name)", agent: scene.agent.id, configuration)
            try await scene.server.issue(name, to: ["tgt-\(name)"])
        }
        let expectations: [(name: String, code: String, words: [String])] = [
            ("keyless", "validate_failed", ["nginx", "key values mismatch"]),
            ("unreloaded", "reload_failed_rolled_back", ["exit status 3: reload: not today"]),
            ("stale", "verify_failed_rolled_back", ["serves another certificate: \(scene.deployed)"]),
        ]
        for (name, code, words) in expectations where targets[name] != nil {
            let deployment = try await scene.server.deployment(to: "tgt-\(name)")
            #expect(!deployment.isCompleted && deployment.isRolledBack, "\(deployment.job)")
            #expect(deployment.errorCode == code, "\(deployment.job)")
            for word in words { #expect(deployment.lastError.contains(word), "\(word): \(deployment.lastError)") }
            if name == "stale" {
                let expected = try #require(try await scene.server.recordedFingerprint("mc-stale"))
                #expect(deployment.lastError.contains("expected \(expected)"), "\(deployment.lastError)")
                let look = try await scene.server.client.get("/api/v1/jobs/\(deployment.id)/verification")
                #expect(look.text("actual_fingerprint") == scene.deployed && look.text("status") == "failed")
            }
        }
        #expect(scene.eastFiles == before)
        try await expect(scene.east, serves: scene.deployed)
    }

    /// A reload command that fails the first time and is nginx's own afterwards.
    private func failingOnce(_ nginx: NginxProcess) throws -> String {
        let script = nginx.directory.path("reload")
        let text = """
            #!/bin/sh
            if [ -e \(script).failed ]; then exec \(nginx.reloadCommand.joined(separator: " ")); fi
            touch \(script).failed
            echo "reload: not today" >&2
            exit 3
            """
        try text.write(toFile: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script)
        return script
    }

    /// The neighbour goes on alone; the key lost meanwhile is missed before anything is written; a renewal heals both.
    private func brokenConfigurationAndLostKey(_ scene: Scene) async throws {
        let server = scene.server
        let intact = try String(contentsOfFile: scene.west.configurationPath, encoding: .utf8)
        let before = scene.westFiles
        try ("certctl_no_such_directive on;\n" + intact).write(
            toFile: scene.west.configurationPath, atomically: true, encoding: .utf8)
        try Inventory.expect(202, try await server.client.post("/api/v1/certificates/mc-pair/renew"))
        let east = try await server.deployment(to: "tgt-east", number: 2)
        #expect(east.isCompleted, "\(east.job)")
        let broken = try await server.deployment(to: "tgt-west", number: 2)
        #expect(broken.errorCode == "preexisting_config_error", "\(broken.job)")
        #expect(broken.lastError.contains("unknown directive \"certctl_no_such_directive\""), "\(broken.lastError)")

        try FileManager.default.removeItem(at: scene.agent.keyDirectory.appending(path: "mc-pair"))
        try Inventory.expect(200, try await server.client.post("/api/v1/jobs/\(broken.id)/retry"))
        let keyless = try await server.deployment(broken.id, attempt: 2)
        #expect(!keyless.isCompleted && keyless.lastError.contains("key read failed"), "\(keyless.job)")
        #expect(keyless.job["error_class"] as? String == "permanent" && keyless.job["completed_at"] is String)
        #expect(scene.westFiles == before)
        try await expect(scene.west, serves: scene.deployed)

        let lost = scene.eastFiles[1]
        try intact.write(toFile: scene.west.configurationPath, atomically: true, encoding: .utf8)
        try Inventory.expect(202, try await server.client.post("/api/v1/certificates/mc-pair/renew"))
        for target in ["tgt-east", "tgt-west"] {
            let healed = try await server.deployment(to: target, number: 3)
            #expect(healed.isCompleted, "\(healed.job)")
        }
        #expect(scene.eastFiles == scene.westFiles && scene.eastFiles[1] != lost, "a new key for the new version")
        let recorded = try #require(try await server.recordedFingerprint("mc-pair"))
        for nginx in [scene.east, scene.west] { try await expect(nginx, serves: recorded) }
    }

    /// Somebody swapped the key of the version on the agent's host.
    private func foreignKey(_ scene: Scene) async throws {
        let before = [scene.eastFiles, scene.westFiles]
        let current = scene.agent.keyDirectory.appending(path: "mc-pair/current").resolvingSymlinksInPath()
        let swapped = try await runProgram(
            "/usr/bin/openssl",
            ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", current.path],
            logs: scene.east.directory.url)
        try #require(swapped.status == 0, "\(swapped.errors)")
        // Otherwise the deployment has nothing to do and does not look for a key to write.
        try "damaged".write(toFile: scene.west.certificatePath, atomically: false, encoding: .utf8)
        try Inventory.expect(202, try await scene.server.client.post("/api/v1/certificates/mc-pair/deploy"))
        for target in ["tgt-east", "tgt-west"] {
            let deployment = try await scene.server.deployment(to: target, number: 4)
            #expect(!deployment.isCompleted && deployment.lastError.contains("nothing was written"))
            #expect(deployment.job["error_class"] as? String == "permanent", "\(deployment.job)")
        }
        #expect(scene.eastFiles == before[0] && scene.westFiles == ["damaged", before[1][1]])
        let recorded = try #require(try await scene.server.recordedFingerprint("mc-pair"))
        for nginx in [scene.east, scene.west] { try await expect(nginx, serves: recorded) }
    }
}
