import ConnectorKit
import Deployment
import Domain
import Encoding
import HostEffects
import Logging
import PKI
import Settings
import Synchronization
import TestSupport

@testable import AgentRuntime

/// A host whose process can be made to die at any numbered effect: nothing that follows has any effect.
final class MortalHost: Sendable {
    private let effects = Mutex((count: 0, limit: Int.max))

    /// Dies before the effect of that number, counting from now.
    func die(at number: Int) { effects.withLock { $0 = (0, number) } }

    var effectCount: Int { effects.withLock { $0.count } }
    var isDead: Bool { effects.withLock { $0.count > $0.limit } }

    struct Dead: Error {}

    /// Counts one effect; throws from the fatal one on.
    func act() throws(Dead) {
        let isFatal = effects.withLock { effects -> Bool in
            effects.count += 1
            return effects.count > effects.limit
        }
        if isFatal { throw Dead() }
    }

    var fileSystem: FileSystem {
        FileSystem(gate: { effect, path throws(FileError) in
            do throws(Dead) { try self.act() } catch { throw FileError(effect, path, .system(errno: 5)) }
        })
    }
}

/// The consumer of certificates: the last pair that was installed, and the switch that makes it fail.
final class FakeTarget: Sendable {
    struct State: Sendable {
        var installed: DeploymentMaterial?
        var installations = 0
        var running = 0
        var mostRunning = 0
        var error: DeploymentErrorCode?
        var checks: [TargetCheck] = []
    }

    private let state = Mutex(State())

    var current: State { state.withLock { $0 } }
    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    func installer(on host: MortalHost, time: TimeSource) -> Installer {
        Installer { _, material in
            guard (try? host.act()) != nil else { throw JobFailure(code: nil, message: "dead") }
            self.change {
                $0.running += 1; $0.mostRunning = max($0.mostRunning, $0.running)
            }
            defer { self.change { $0.running -= 1 } }
            let error = self.current.error
            let leaf = material.leaf.fingerprintSHA256
            var result = DeploymentResult(
                startedAt: time.now,
                verification: VerificationReport(
                    status: error == nil ? .success : .failed, endpoint: "127.0.0.1:443", expectedFingerprint: leaf,
                    actualFingerprint: error == nil ? leaf : nil, reason: error?.rawValue
                )
            )
            result.isSuccess = error == nil
            result.errorCode = error
            result.message = error.map { "nginx said: \($0.rawValue)" } ?? "deployed"
            if error == nil {
                self.change {
                    $0.installed = material; $0.installations += 1
                }
            }
            guard (try? host.act()) != nil else { throw JobFailure(code: nil, message: "dead") }
            return result
        }
    }
}

/// One life of an agent process on a state directory that outlives it.
struct AgentUnderTest {
    let session: AgentSession
    let keys: KeyDirectory
    let runner: JobRunner
    let recovery: Recovery

    init(
        directory: TemporaryDirectory,
        plane: FakeControlPlane,
        target: FakeTarget,
        host: MortalHost = MortalHost(),
        time: TimeSource = .system,
        maxParallel: Int = 4,
        log: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) {
        let root = DurableFolder(directory: directory.path("state"), fileSystem: host.fileSystem, random: .system)
        let state = StateDirectory(folder: root)
        let transport = Transport { call in
            try host.act()
            let answer = try plane.answer(call)
            try host.act()
            return answer
        }
        let record = AgentStatusRecord(
            agent: FakeControlPlane.agent, server: "https://plane.test", version: "test", processID: 1,
            startedAt: time.now, heartbeatInterval: .seconds(60)
        )
        session = AgentSession(
            controlPlane: ControlPlane(agent: FakeControlPlane.agent, transport: transport),
            state: state,
            jobs: JobQueue(maxParallel: maxParallel),
            timing: LiveTiming(.init(heartbeat: .seconds(60), poll: .seconds(30), pollWait: .seconds(25))),
            targetDefaults: LiveTargetDefaults(AgentDeploymentOverrides()),
            vitals: AgentVitals(record, file: state.status, log: log),
            retirement: Retirement(marker: state.retirement, agent: FakeControlPlane.agent, time: time, log: log),
            time: time,
            random: .system,
            log: log
        )
        keys = KeyDirectory(
            root: DurableFolder(directory: directory.path("keys"), fileSystem: host.fileSystem, random: .system),
            generate: { spec in try PrivateKey.generate(spec) }
        )
        let csr = CSRFlow(session: session, keys: keys)
        let deployment = DeploymentFlow(session: session, keys: keys, installer: target.installer(on: host, time: time))
        let test = HostTestFlow(session: session, tester: HostTester { _ in target.current.checks })
        runner = JobRunner(
            session: session, csr: { await csr.run($0) }, deploy: { await deployment.run($0) },
            test: { await test.run($0) }
        )
        recovery = Recovery(session: session, keys: keys, recoverDeployments: { [] })
    }

    func start() async throws {
        try session.state.prepare()
        _ = try await recovery.run()
    }

    /// Polls once, runs what may run to its end, sends what waits; what the services do, one after the other.
    func workOnce() async {
        _ = try? await PollService(session: session, isPrompt: true).ask()
        await runJobs()
        _ = await SpoolService(session: session).deliverAll()
    }

    func runJobs() async {
        while let assignment = session.jobs.takeNext() { await runner.run(assignment) }
    }
}
