import ConnectorKit
import Deployment
import Domain
import Encoding
import Foundation
import HostEffects
import TargetConnectors
import TestSupport
import Testing

@Suite("Targets §4.3: which files an NGINX target gets")
struct NGINXPlanTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("plan")
        try FileSystem.live.makePrivateDirectory(directory.path("tls"))
    }

    /// Deploys without commands that do anything, and returns what was written.
    private func deploy(
        _ changes: JSONObject,
        trusting bundle: String = "",
        defaults: TargetDefaults = TargetDefaults()
    ) async throws -> (result: DeploymentResult, files: [String: String]) {
        var config: JSONObject = [
            "cert_path": .string(directory.path("tls/cert.pem")), "key_path": .string(directory.path("tls/key.pem")),
            "reload_command": "/usr/bin/true", "validate_command": "/usr/bin/true",
        ]
        for member in changes { config[member.key] = member.value }
        let connector = try TargetCatalog.descriptor(of: .nginx).makeConnector(
            config, host: DeploymentHost(stateDirectory: directory.path("state")), defaults: defaults
        )
        let result = try await connector.deploy(
            try await Certificates.newIssued().material().trusting(bundle), job: try JobID("job-1"),
            target: try TargetID("t-1"),
            isForced: false
        )
        var files: [String: String] = [:]
        for name in try FileSystem.live.list(directory.path("tls")) {
            files[name] = try String(contentsOfFile: directory.path("tls/\(name)"), encoding: .utf8)
        }
        return (result, files)
    }

    @Test("the intermediate is never dropped: nginx has no other place for it")
    func fullChain() async throws {
        let new = try await Certificates.newIssued()
        let (result, files) = try await deploy([:])
        #expect(result.isSuccess, "\(result.message)")
        #expect(files == ["cert.pem": new.fullChain, "key.pem": new.key])
    }

    @Test("trusted CAs are written beside the certificate, and told by fingerprint")
    func trustFile() async throws {
        let new = try await Certificates.newIssued()
        let path: JSONValue = .string(directory.path("tls/trust.pem"))
        let (result, files) = try await deploy(["trust_path": path], trusting: new.chain)
        #expect(result.isSuccess, "\(result.message)")
        #expect(files == ["cert.pem": new.fullChain, "key.pem": new.key, "trust.pem": new.chain])
        #expect(result.trusted.count == 1 && result.trusted.first?.utf8.count == 64)
        #expect(DeploymentResult(json: result.json)?.trusted == result.trusted)
        // Who has no file of them tells of none.
        #expect(try await deploy([:], trusting: new.chain).result.trusted.isEmpty)
    }

    @Test("without CAs, or with a stranger among them, nothing is written")
    func unfitTrust() async throws {
        let new = try await Certificates.newIssued()
        let path: JSONValue = .string(directory.path("tls/trust.pem"))
        let (none, untouched) = try await deploy(["trust_path": path])
        #expect(none.errorCode == .configInvalid && none.message.contains("trust_path"))
        #expect(untouched.isEmpty && none.trusted.isEmpty)
        let (stranger, files) = try await deploy(["trust_path": path], trusting: new.fullChain)
        #expect(
            stranger.errorCode == .certificateInvalid && stranger.message.contains("is no CA"), "\(stranger.message)")
        #expect(files.isEmpty && stranger.trusted.isEmpty)
    }

    @Test("with a chain file the certificate file still holds the chain, unless leaf is asked for")
    func chainFile() async throws {
        let new = try await Certificates.newIssued()
        let path: JSONValue = .string(directory.path("tls/chain.pem"))
        #expect(
            try await deploy(["chain_path": path]).files
                == ["cert.pem": new.fullChain, "key.pem": new.key, "chain.pem": new.chain]
        )
        #expect(
            try await deploy(["chain_path": path, "chain_mode": "leaf"]).files
                == ["cert.pem": new.certificate, "key.pem": new.key, "chain.pem": new.chain]
        )
    }

    @Test("an absent endpoint, a switched-off block and a switched-off agent are skipped with their reason")
    func skipped() async throws {
        let (none, _) = try await deploy([:])
        #expect(none.verification.status == .skipped)
        #expect(none.verification.reason == "post_deploy_verify.endpoint is not set for this target")
        let (off, _) = try await deploy(["post_deploy_verify": ["enabled": false, "endpoint": "127.0.0.1:1"]])
        #expect(off.verification.reason == "post_deploy_verify.enabled is false for this target")
        let (agent, _) = try await deploy(
            ["post_deploy_verify": ["endpoint": "127.0.0.1:1"]], defaults: TargetDefaults(verifies: false)
        )
        #expect(agent.verification.reason?.contains("CERTCTL_VERIFY_DEPLOYMENT") == true)
    }

    @Test("new files get the account of nginx, an existing key keeps its stricter mode", .enabled(if: geteuid() == 0))
    func ownership() async throws {
        _ = try await deploy([:])
        let key = try #require(try FileSystem.live.status(directory.path("tls/key.pem")))
        #expect(key.mode == 0o640)
        #expect(key.userID != 0, "www-data or nginx exists where nginx is installed")
        #expect(try FileSystem.live.status(directory.path("tls/cert.pem"))?.mode == 0o644)
        try FileSystem.live.changeMode(directory.path("tls/key.pem"), to: 0o600)
        try Data("old".utf8).write(to: URL(filePath: directory.path("tls/cert.pem")))
        #expect(try await deploy([:]).result.isSuccess)
        #expect(try FileSystem.live.status(directory.path("tls/key.pem"))?.mode == 0o600)
        _ = try await deploy(["key_file_mode": "0440", "key_file_owner": "root", "key_file_group": "root"])
        #expect(
            try FileSystem.live.status(directory.path("tls/key.pem"))?.attributes
                == FileAttributes(mode: 0o440, userID: 0, groupID: 0)
        )
    }

    @Test("a target with a key path and no key on this host is told so, and nothing is written")
    func missingKey() async throws {
        let config: JSONObject = [
            "cert_path": .string(directory.path("tls/cert.pem")), "key_path": .string(directory.path("tls/key.pem")),
        ]
        let connector = try TargetCatalog.descriptor(of: .nginx)
            .makeConnector(config, host: DeploymentHost(stateDirectory: directory.path("state")))
        let material = try DeploymentMaterial(certificatePEM: try await Certificates.newIssued().fullChain, key: nil)
        let result = try await connector.deploy(
            material, job: try JobID("job-1"), target: try TargetID("t-1"), isForced: false
        )
        #expect(result.errorCode == .keyMissing)
        #expect(try FileSystem.live.list(directory.path("tls")) == [])
    }

    @Test("on a full disk the old pair stays and the reason is named", .enabled(if: geteuid() == 0))
    func diskFull() async throws {
        let logs = directory.url
        let tls = directory.path("tls")
        let mount = try await runProgram(
            "/usr/bin/mount", ["-t", "tmpfs", "-o", "size=24k,mode=755", "tmpfs", tls], logs: logs
        )
        try #require(mount.status == 0, "mount: \(mount.errors)")
        let old = try await Certificates.oldIssued()
        try FileSystem.live.create(tls + "/cert.pem", Array(old.fullChain.utf8))
        try FileSystem.live.create(tls + "/key.pem", Array(old.key.utf8))
        // Pages are 4 KiB: three are in use, and this leaves one for three temporaries of at least one each.
        try FileSystem.live.create(tls + "/filler", [UInt8](repeating: 1, count: 12 << 10))
        let (result, files) = try await deploy([:])
        let unmount = try await runProgram("/usr/bin/umount", [tls], logs: logs)
        #expect(unmount.status == 0, "umount: \(unmount.errors)")
        #expect(result.errorCode == .writeFailed, "\(result.message)")
        #expect(result.message.contains("the disk is full"))
        #expect(files["cert.pem"] == old.fullChain && files["key.pem"] == old.key)
        #expect(files.keys.sorted() == ["cert.pem", "filler", "key.pem"])
    }
}
