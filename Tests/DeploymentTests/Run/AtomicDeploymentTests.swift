import Deployment
import Domain
import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("Targets §2: the deploy primitive")
struct AtomicDeploymentTests {
    private let service: FakeService

    init() throws { service = try FakeService() }

    private func deploy(_ plan: DeploymentPlan) async throws -> DeploymentResult {
        try await AtomicDeployment(host: service.host()).deploy(plan)
    }

    @Test("a first deployment writes the files with the modes of the plan and sees them served")
    func firstDeployment() async throws {
        let new = try await Certificates.newIssued()
        let result = try await deploy(service.plan(new))
        #expect(result.isSuccess, "\(result.message)")
        #expect(result.changedFiles == [service.keyPath, service.chainPath, service.certificatePath])
        #expect(result.verification.status == .success)
        #expect(try result.verification.actualFingerprint == new.fingerprint)
        #expect(try FileSystem.live.status(service.keyPath)?.mode == 0o600)
        #expect(try FileSystem.live.status(service.certificatePath)?.mode == 0o644)
        #expect(result.backupPaths.isEmpty)
        let stages = result.phases.map(\.stage)
        let expected: [DeploymentStage] = [
            .prepare, .lock, .inspect, .check, .validateBefore, .observeBefore, .backup, .stage, .commit, .validate,
            .reload, .verify,
        ]
        #expect(stages == expected)
    }

    @Test("a second run with the same files touches and reloads nothing")
    func idempotence() async throws {
        let plan = try service.plan(try await Certificates.newIssued())
        _ = try await deploy(plan)
        let inode = try FileManager.default.attributesOfItem(atPath: service.certificatePath)[.systemFileNumber] as? Int
        let result = try await deploy(plan)
        #expect(result.isSuccess && result.isIdempotent)
        #expect(result.verification.status == .success)
        #expect(result.changedFiles.isEmpty)
        #expect(service.reloads == 1)
        let after = try FileManager.default.attributesOfItem(atPath: service.certificatePath)[.systemFileNumber] as? Int
        #expect(after == inode)
    }

    @Test("right files that nobody has loaded are loaded, with and without an endpoint", arguments: [true, false])
    func filesWithoutReload(_ verifies: Bool) async throws {
        let new = try await Certificates.newIssued()
        let plan = try service.plan(new, verifies: verifies)
        for (path, text) in [
            (service.certificatePath, new.fullChain), (service.keyPath, new.key),
            (service.chainPath, new.chain),
        ] {
            try FileSystem.live.create(path, Array(text.utf8))
        }
        let result = try await deploy(plan)
        #expect(result.isSuccess, "\(result.message)")
        #expect(result.isIdempotent == false)
        #expect(service.reloads == 1)
        #expect(try await deploy(plan).isIdempotent)
        #expect(service.reloads == 1)
    }

    @Test("a wrong mode alone is corrected without a reload")
    func metadataDrift() async throws {
        let plan = try service.plan(try await Certificates.newIssued())
        _ = try await deploy(plan)
        let strict = DeploymentPlan(
            jobID: plan.jobID, targetID: plan.targetID,
            files: plan.files.map {
                PlannedFile(
                    role: $0.role, path: $0.path, contents: $0.contents, ownership: Ownership(mode: 0o400),
                    defaults: .unspecified
                )
            },
            validate: plan.validate, reload: plan.reload, verification: plan.verification, servedChain: plan.servedChain
        )
        let result = try await deploy(strict)
        #expect(result.isIdempotent)
        #expect(try FileSystem.live.status(service.keyPath)?.mode == 0o400)
        #expect(service.reloads == 1)
    }

    @Test("a forced run writes and reloads although nothing differs")
    func forced() async throws {
        let new = try await Certificates.newIssued()
        _ = try await deploy(service.plan(new))
        let result = try await deploy(service.plan(new, isForced: true))
        #expect(result.isSuccess && !result.isIdempotent)
        #expect(service.reloads == 2)
    }

    @Test("a reload that fails is rolled back, and the old certificate is seen again")
    func reloadFailure() async throws {
        let old = try await Certificates.oldIssued()
        _ = try await deploy(service.plan(old))
        service.failReloads(1)
        let result = try await deploy(service.plan(try await Certificates.newIssued(), job: "job-2"))
        #expect(result.errorCode == .reloadFailedRolledBack)
        #expect(result.isRolledBack && !result.needsManualAction)
        #expect(result.message.contains("service: cannot reload"))
        #expect(service.onDisk.certificate == old.fullChain)
        #expect(service.loaded.certificate == old.fullChain)
        #expect(try service.leftovers() == [])
    }

    @Test("when the roll-back fails as well, a person is called and told where the backups are")
    func rollBackFailure() async throws {
        _ = try await deploy(service.plan(try await Certificates.oldIssued()))
        service.failReloads(2)
        let result = try await deploy(service.plan(try await Certificates.newIssued(), job: "job-2"))
        #expect(result.errorCode == .rollbackFailed)
        #expect(result.needsManualAction)
        #expect(result.backupPaths.count == 2, "the chain did not change")
        for path in result.backupPaths { #expect(FileManager.default.fileExists(atPath: path), "\(path)") }
        let journal = service.stateDirectory + "/deploy/job-2.json.failed"
        #expect(FileManager.default.fileExists(atPath: journal))
        #expect(try await AtomicDeployment(host: service.host()).recover().deployments.isEmpty)
    }

    @Test("a service that keeps serving the old certificate fails verification and is rolled back")
    func staleService() async throws {
        let old = try await Certificates.oldIssued()
        _ = try await deploy(service.plan(old))
        service.serveStale()
        let result = try await deploy(service.plan(try await Certificates.newIssued(), job: "job-2"))
        #expect(result.errorCode == .verifyFailedRolledBack)
        #expect(result.verification.status == .failed)
        #expect(result.verification.attempts == 2)
        #expect(try result.verification.actualFingerprint == old.fingerprint)
        #expect(service.onDisk.certificate == old.fullChain)
    }

    @Test("backups are private, limited in number, and gone when nobody wants them")
    func backups() async throws {
        let pair = [try await Certificates.oldIssued(), try await Certificates.newIssued()]
        for round in 0..<6 {
            let plan = try service.plan(pair[round % 2], job: "job-\(round)", retention: .keep(2))
            #expect(try await deploy(plan).isSuccess)
        }
        let folder = service.stateDirectory + "/backups"
        let folders = try FileSystem.live.list(folder)
        #expect(folders.count == 2, "the chain never changed")
        for name in folders {
            #expect(try FileSystem.live.status("\(folder)/\(name)")?.mode == 0o700)
            let copies = try FileSystem.live.list("\(folder)/\(name)")
            #expect(copies.count == 2)
            for copy in copies { #expect(try FileSystem.live.status("\(folder)/\(name)/\(copy)")?.mode == 0o600) }
        }
        let last = try await deploy(service.plan(pair[0], job: "job-x", retention: .none))
        #expect(last.isSuccess && last.backupPaths.isEmpty)
        for name in folders { #expect(try FileSystem.live.list("\(folder)/\(name)") == []) }
    }

    @Test("without backups a failed reload is rolled back all the same")
    func rollBackWithoutRetention() async throws {
        let old = try await Certificates.oldIssued()
        _ = try await deploy(service.plan(old, retention: .none))
        service.failReloads(1)
        let result = try await deploy(service.plan(try await Certificates.newIssued(), job: "job-2", retention: .none))
        #expect(result.errorCode == .reloadFailedRolledBack)
        #expect(service.loaded.certificate == old.fullChain)
    }

    @Test("a plan without files, with the same file twice or with a forbidden path does no I/O")
    func invalidPlans() async throws {
        let plan = try service.plan(try await Certificates.newIssued())
        func variant(_ files: [PlannedFile]) -> DeploymentPlan {
            DeploymentPlan(
                jobID: plan.jobID, targetID: plan.targetID, files: files, validate: plan.validate, reload: plan.reload,
                verification: plan.verification, servedChain: plan.servedChain
            )
        }
        func file(_ path: String) -> PlannedFile {
            PlannedFile(
                role: .certificate, path: path, contents: Secret("x"), ownership: .unspecified, defaults: .unspecified
            )
        }
        let cases: [([PlannedFile], DeploymentErrorCode)] = [
            ([], .configInvalid), ([file("/etc/ssl/a"), file("/etc/ssl/a")], .configInvalid),
            ([file("relative")], .configInvalid), ([file("/etc/shadow")], .policyDenied),
            ([file(service.directory.path("none/a"))], .configInvalid), ([file("/tmp/a")], .unsafeParentDirectory),
        ]
        for (files, code) in cases {
            let result = try await deploy(variant(files))
            #expect(result.errorCode == code, "\(result.message)")
            #expect(result.failedStage == .prepare)
        }
        #expect(try FileSystem.live.status(service.stateDirectory) == nil)
    }

    @Test("two deployments of one target run one after the other")
    func serialised() async throws {
        let old = try await Certificates.oldIssued()
        let new = try await Certificates.newIssued()
        try await withThrowingTaskGroup(of: DeploymentResult.self) { group in
            for round in 0..<6 {
                let plan = try service.plan(round.isMultiple(of: 2) ? old : new, job: "job-\(round)")
                group.addTask { try await deploy(plan) }
            }
            for try await result in group { #expect(result.isSuccess, "\(result.message)") }
        }
        #expect(service.loaded == service.onDisk)
    }

    @Test("cancellation before the lock stops a deployment, later it does not")
    func cancellation() async throws {
        let plan = try service.plan(try await Certificates.newIssued())
        let early = Task { [service] in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await AtomicDeployment(host: service.host()).deploy(plan)
        }
        await #expect(throws: CancellationError.self) { try await early.value }
        #expect(service.onDisk == FakeService.Loaded())

        let host = service.host()
        let late = Task { [service] in
            let cancelling = DeploymentHost(
                stateDirectory: service.stateDirectory,
                pause: { _ in },
                run: { argv, _ in
                    withUnsafeCurrentTask { $0?.cancel() }
                    return argv.contains("reload") ? service.reload() : ProcessOutcome(ending: .exited(0), output: "")
                },
                probe: { _, _ in service.served() }
            )
            return try await AtomicDeployment(host: cancelling).deploy(plan)
        }
        let result = try await late.value
        #expect(result.isSuccess, "\(result.message)")
        #expect(service.loaded == service.onDisk)
        withExtendedLifetime(host) {}
    }

    @Test("files that something else replaced after a crash are left alone")
    func superseded() async throws {
        let old = try await Certificates.oldIssued()
        _ = try await deploy(service.plan(old))
        // Dies with the very last effects: the journal stays, the deployment is complete.
        let counter = FaultPoint()
        let twin = try FakeService()
        _ = try await AtomicDeployment(host: twin.host()).deploy(twin.plan(old))
        _ = try await AtomicDeployment(host: twin.host(counter)).deploy(twin.plan(try await Certificates.newIssued()))
        let dying = service.host(FaultPoint(.crash(at: counter.effects - 20)))
        _ = try await AtomicDeployment(host: dying).deploy(
            service.plan(try await Certificates.newIssued(), job: "job-2"))
        try Data("by hand".utf8).write(to: URL(filePath: service.certificatePath))
        let report = try await AtomicDeployment(host: service.host()).recover()
        #expect(report.deployments.map(\.result.errorCode) == [.interruptedRolledBack])
        #expect(service.onDisk.certificate == "by hand")
        #expect(try service.leftovers() == [])
    }

    @Test("a damaged journal is set aside and named")
    func damagedJournal() async throws {
        let path = service.stateDirectory + "/deploy/job-9.json"
        try FileSystem.live.makePrivateDirectory(service.stateDirectory + "/deploy")
        try FileSystem.live.create(path, Array("{\"version\":1".utf8))
        let report = try await AtomicDeployment(host: service.host()).recover()
        #expect(report.unreadableJournals == [path + ".failed"])
        #expect(try await AtomicDeployment(host: service.host()).recover().unreadableJournals == [])
    }
}
