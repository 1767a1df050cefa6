import ConnectorKit
import Deployment
import Domain
import Encoding
import Foundation
import HostEffects
import Outbound
import PKI
import Synchronization
import TestSupport
import Testing

@Suite("Targets §4.3: a real nginx")
struct NGINXDeploymentTests {
    /// Runs a test against a server that has the old pair, and stops it whatever happens.
    private func withServer(_ body: (NGINXServer) async throws -> Void) async throws {
        let server = try await NGINXServer(
            try await Certificates.oldIssued(),
            other: try await Certificates.otherIssued()
        )
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
        await server.stop()
        try outcome.get()
    }

    private func served(_ server: NGINXServer, port: Int? = nil) async throws -> [String] {
        let endpoint = TLSEndpoint(host: "127.0.0.1", port: port ?? server.port, serverName: "web.test")
        let probed = try await TLSProbe.probe(endpoint, purpose: .target, timeout: .seconds(5))
        return try #require(probed.first).outcome.get().certificates.map { ContentDigest.of($0) }
    }

    @Test("a deployment is served, whole chain included; the second run reloads nothing")
    func goodDeployment() async throws {
        try await withServer { server in
            let new = try await Certificates.newIssued()
            let result = try await server.deploy(new)
            #expect(result.isSuccess, "\(result.message)")
            #expect(try await served(server) == new.servedChain.map { ContentDigest.of($0) })
            #expect(result.verification.addresses.first?.tlsVersion == "TLS 1.3")
            #expect(result.deploymentID.hasPrefix("nginx-"))
            #expect(result.targetAddress == "127.0.0.1:\(server.port)")
            let workers = server.workers
            let again = try await server.deploy(new)
            #expect(again.isSuccess && again.isIdempotent, "\(again.message)")
            #expect(server.workers == workers)
        }
    }

    @Test("a key that does not belong to the certificate is never written")
    func mismatchedKey() async throws {
        try await withServer { server in
            let new = try await Certificates.newIssued()
            let wrong = OpenSSLAuthority.Issued(
                certificate: new.certificate, key: try await Certificates.otherIssued().key, chain: new.chain
            )
            let before = try [server.text("tls/cert.pem"), server.text("tls/key.pem")]
            let result = try await server.deploy(wrong)
            #expect(result.errorCode == .keyMismatch)
            #expect(try [server.text("tls/cert.pem"), server.text("tls/key.pem")] == before)
            #expect(try FileSystem.live.list(server.directory.path("state/backups")) == [])
        }
    }

    @Test("a configuration that was broken before stops the deployment, with nginx's words")
    func brokenConfiguration() async throws {
        try await withServer { server in
            try server.breakConfiguration()
            let before = try server.text("tls/cert.pem")
            let result = try await server.deploy(try await Certificates.newIssued())
            #expect(result.errorCode == .preexistingConfigError)
            #expect(result.message.contains("certctl_no_such_directive"))
            #expect(try server.text("tls/cert.pem") == before)
            #expect(try await served(server).first == Certificates.oldIssued().fingerprint)
        }
    }

    @Test("a certificate that nginx refuses is undone before nginx is touched, with nginx's words")
    func refusedByNGINX() async throws {
        try await withServer { server in
            // The key is managed elsewhere, so only nginx can see that the new certificate does not fit it.
            let workers = server.workers
            let before = try server.text("tls/cert.pem")
            let result = try await server.deploy(try await Certificates.newIssued(), ["key_path": .null])
            #expect(result.errorCode == .validateFailed)
            #expect(result.isRolledBack && !result.needsManualAction)
            #expect(result.message.contains("key values mismatch"), "\(result.message)")
            #expect(try server.text("tls/cert.pem") == before)
            #expect(server.workers == workers)
            #expect(try await served(server).first == Certificates.oldIssued().fingerprint)
        }
    }

    @Test(
        "a reload that fails once is rolled back, and nginx is seen serving the old certificate",
        .enabled(if: geteuid() == 0, "the tools of this test must belong to root"))
    func failingReload() async throws {
        try await withServer { server in
            let script = server.directory.path("reload")
            let reload = server.config()["reload_command"]?.arrayValue?.compactMap(\.stringValue) ?? []
            let text = """
                #!/bin/sh
                if [ -e \(script).failed ]; then exec \(reload.joined(separator: " ")); fi
                touch \(script).failed
                echo "reload: not today" >&2
                exit 3
                """
            try FileSystem.live.create(script, Array(text.utf8))
            try FileSystem.live.changeMode(script, to: 0o700)
            let result = try await server.deploy(
                try await Certificates.newIssued(), ["reload_command": .string(script)]
            )
            #expect(result.errorCode == .reloadFailedRolledBack, "\(result.message)")
            #expect(result.message.contains("exit status 3: reload: not today"))
            #expect(try await served(server).first == Certificates.oldIssued().fingerprint)
            #expect(try await server.text("tls/key.pem") == Certificates.oldIssued().key)
        }
    }

    @Test("an endpoint of another virtual host serves another certificate: rolled back")
    func wrongVirtualHost() async throws {
        try await withServer { server in
            let verify: JSONValue = ["endpoint": "127.0.0.1:\(server.otherPort)", "timeout": "5s"]
            let result = try await server.deploy(
                try await Certificates.newIssued(),
                ["post_deploy_verify": verify, "post_deploy_verify_attempts": 2]
            )
            #expect(result.errorCode == .verifyFailedRolledBack, "\(result.message)")
            #expect(try await result.verification.actualFingerprint == Certificates.otherIssued().fingerprint)
            // nginx answers a reload before its workers have changed.
            let old = try await Certificates.oldIssued().fingerprint
            let isOld = try await eventually(within: .seconds(10)) { try await served(server).first == old }
            #expect(isOld)
        }
    }

    @Test("a missing intermediate is found out although the leaf is right")
    func incompleteChain() async throws {
        try await withServer { server in
            let new = try await Certificates.newIssued()
            let leafOnly = OpenSSLAuthority.Issued(certificate: new.certificate, key: new.key, chain: "")
            #expect(try await server.deploy(leafOnly).isSuccess)
            let report = try await server.connector().verify(new.material())
            #expect(report.status == .failed)
            #expect(report.reason?.hasPrefix("chain_incomplete") == true, "\(report.reason ?? "")")
        }
    }

    @Test("downloads under way when nginx reloads end without an error")
    func reloadUnderLoad() async throws {
        try await withServer { server in
            let trust = try TrustAnchors(pemBundle: try await Certificates.root())
            let client = try OutboundHTTP(purpose: .target, trust: trust, userAgent: "test")
            let url = try HTTPSURL("https://127.0.0.1:\(server.port)")
            let outcomes = await withTaskGroup(of: String.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do {
                            let reply = try await client.send("GET", url, path: "/slow", timeout: .seconds(20))
                            return "\(reply.status) \(reply.body.count)"
                        } catch {
                            return "\(error)"
                        }
                    }
                }
                group.addTask {
                    do {
                        try await Task.sleep(for: .milliseconds(300))
                        let result = try await server.deploy(try await Certificates.newIssued())
                        return result.isSuccess ? "deployed" : result.message
                    } catch {
                        return "\(error)"
                    }
                }
                return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            try await client.shutdown()
            #expect(outcomes == ["200 \(256 << 10)": 10, "deployed": 1])
        }
    }

    @Test("a process that died between rename and reload: the next one completes, and nginx serves the new pair")
    func recoveryWithNGINX() async throws {
        try await withServer { server in
            let new = try await Certificates.newIssued()
            // The process dies when it is about to run the reload: nothing happens from there on.
            let isDead = Mutex(false)
            let dying = DeploymentHost(
                stateDirectory: server.directory.path("state"),
                fileSystem: FileSystem { effect, path throws(FileError) in
                    if isDead.withLock({ $0 }) { throw FileError(effect, path, .diskFull) }
                },
                run: { argv, timeout in
                    if argv.contains("reload") { isDead.withLock { $0 = true } }
                    if isDead.withLock({ $0 }) { throw ProcessStartError(program: argv[0], systemError: 0) }
                    return try await ChildProcess.run(argv: argv, timeout: timeout)
                }
            )
            _ = try await server.connector(host: dying)
                .deploy(
                    new.material(), job: try JobID("job-dying"), target: try TargetID("target-nginx"), isForced: false)
            #expect(try server.text("tls/cert.pem") == new.fullChain)
            #expect(try await served(server).first == Certificates.oldIssued().fingerprint)
            let alive = DeploymentHost(stateDirectory: server.directory.path("state"))
            let report = try await AtomicDeployment(host: alive).recover()
            #expect(report.deployments.map(\.result.isSuccess) == [true], "\(report)")
            #expect(try await served(server) == new.servedChain.map { ContentDigest.of($0) })
        }
    }

    @Test("going back to the newest backup is a deployment like any other")
    func rollBack() async throws {
        try await withServer { server in
            #expect(try await server.deploy(try await Certificates.newIssued()).isSuccess)
            let result = try await server.connector()
                .rollBack(job: try JobID("job-back"), target: try TargetID("target-nginx"))
            #expect(result.isSuccess, "\(result.message)")
            #expect(try await served(server).first == Certificates.oldIssued().fingerprint)
            #expect(try await server.text("tls/key.pem") == Certificates.oldIssued().key)
        }
    }

    @Test("a plan says what would change, and changes nothing")
    func plan() async throws {
        try await withServer { server in
            let new = try await Certificates.newIssued()
            let preview = try await server.connector()
                .plan(new.material(), job: try JobID("job-plan"), target: try TargetID("target-nginx"))
            #expect(preview.wouldChange)
            #expect(preview.files.map(\.action) == [.replace, .replace])
            #expect(preview.obstacle == nil)
            let certificate = try #require(preview.files.first { $0.role == .certificate })
            #expect(try await certificate.before == Certificates.oldIssued().fingerprint)
            #expect(try certificate.after == new.fingerprint)
            #expect(preview.json.text.contains("PRIVATE KEY") == false)
            #expect(preview.verificationEndpoint == "127.0.0.1:\(server.port)")
            #expect(try await server.text("tls/cert.pem") == Certificates.oldIssued().fullChain)
            #expect(try FileSystem.live.status(server.directory.path("state")) == nil)
        }
    }

    @Test("the host test names each path and command, and what is wrong with it")
    func hostTest() async throws {
        try await withServer { server in
            #expect(try await server.connector().testHost().allSatisfy(\.isOK))
            let checks = try await server.connector([
                "cert_path": .string(server.directory.path("none/cert.pem")), "reload_command": "certctl-none -x",
            ]).testHost()
            #expect(checks.map(\.isOK) == [false, true, true, false])
            #expect(checks.first?.detail.contains("does not exist") == true)
        }
    }
}
