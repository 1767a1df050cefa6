import Deployment
import Domain
import Encoding
import Foundation
import HostEffects
import Outbound
import Synchronization
import TestSupport

/// A service that reads its files when it is reloaded, and serves what it read then.
final class FakeService: Sendable {
    struct Loaded: Hashable, Sendable {
        var certificate: String?
        var key: String?
    }

    private struct State {
        var loaded = Loaded()
        var reloads = 0
        var failingReloads = 0
        var servesStale = false
    }

    let directory: TemporaryDirectory
    private let state = Mutex(State())

    init() throws {
        directory = try TemporaryDirectory("service")
        try FileSystem.live.makePrivateDirectory(directory.path("tls"))
    }

    var certificatePath: String { directory.path("tls/cert.pem") }
    var keyPath: String { directory.path("tls/key.pem") }
    var chainPath: String { directory.path("tls/chain.pem") }
    var stateDirectory: String { directory.path("state") }
    var loaded: Loaded { state.withLock { $0.loaded } }
    var reloads: Int { state.withLock { $0.reloads } }

    var onDisk: Loaded { Loaded(certificate: text(certificatePath), key: text(keyPath)) }
    func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// The next `count` reloads exit 1.
    func failReloads(_ count: Int) { state.withLock { $0.failingReloads = count } }
    /// Reloads succeed and change nothing.
    func serveStale() { state.withLock { $0.servesStale = true } }

    func reload() -> ProcessOutcome {
        let files = onDisk
        return state.withLock { state in
            if state.failingReloads > 0 {
                state.failingReloads -= 1
                return ProcessOutcome(ending: .exited(1), output: "service: cannot reload\n")
            }
            state.reloads += 1
            if !state.servesStale { state.loaded = files }
            return ProcessOutcome(ending: .exited(0), output: "")
        }
    }

    func served() -> [ProbedAddress] {
        let blocks = loaded.certificate.flatMap { try? PEMBlock.parse($0) } ?? []
        let outcome: Result<ServedChain, OutboundError> =
            blocks.isEmpty
            ? .failure(OutboundError(.unreachable, endpoint: "fake:443", message: "connection refused"))
            : .success(ServedChain(certificates: blocks.map(\.octets), tlsVersion: "TLS 1.3"))
        return [ProbedAddress(address: "192.0.2.1", outcome: outcome)]
    }

    /// The host of this service; commands and handshakes count as effects too.
    func host(_ fault: FaultPoint = FaultPoint(), time: TimeSource = .system) -> DeploymentHost {
        DeploymentHost(
            stateDirectory: stateDirectory,
            time: time,
            fileSystem: fault.fileSystem,
            pause: { _ in },
            run: { argv, _ in
                if fault.strikes() { throw ProcessStartError(program: argv[0], systemError: 11) }
                return argv.contains("reload") ? self.reload() : ProcessOutcome(ending: .exited(0), output: "")
            },
            probe: { _, _ in
                if fault.strikes() { throw OutboundError(.timeout, endpoint: "fake:443", message: "no answer") }
                return self.served()
            }
        )
    }

    func plan(
        _ issued: OpenSSLAuthority.Issued,
        job: String = "job-1",
        verifies: Bool = true,
        retention: BackupRetention = .keep(3),
        isForced: Bool = false
    ) throws -> DeploymentPlan {
        let files: [(FileRole, String, String, UInt32)] = [
            (.certificate, certificatePath, issued.fullChain, 0o644), (.key, keyPath, issued.key, 0o600),
            (.chain, chainPath, issued.chain, 0o644),
        ]
        return DeploymentPlan(
            jobID: try JobID(job),
            targetID: try TargetID("target-1"),
            files: files.map { role, path, text, mode in
                PlannedFile(
                    role: role, path: path, contents: Secret(text), ownership: .unspecified,
                    defaults: Ownership(mode: mode)
                )
            },
            validate: .vector(["/usr/bin/true", "validate"]),
            reload: .vector(["/usr/bin/true", "reload"]),
            verification: verifies
                ? .probe(VerificationPlan(endpoint: TLSEndpoint(host: "fake", port: 443), attempts: 2))
                : .skip(reason: "no endpoint in this test"),
            servedChain: try issued.servedChain,
            backupRetention: retention,
            isForced: isForced
        )
    }

    /// Names under the directories that a deployment writes to which should not outlive it.
    func leftovers() throws -> [String] {
        let temporaries = try FileSystem.live.list(directory.path("tls")).filter { $0.contains("certctl-tmp") }
        return try temporaries + FileSystem.live.list(stateDirectory + "/deploy").filter { $0.hasSuffix(".json") }
    }
}
