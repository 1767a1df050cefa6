import Deployment
import Domain
import HostEffects
import TestSupport
import Testing

@Suite("Targets §2: entirely old or entirely new, whatever fails and wherever it ends", .tags(.fault))
struct AtomicDeploymentFaultTests {
    enum Start: String, CaseIterable, Sendable {
        /// The first deployment: there are no files yet.
        case empty
        case oldPair
    }

    /// A service in the starting state, and the number of effects of a deployment from there.
    private func prepare(_ start: Start) async throws -> FakeService {
        let service = try FakeService()
        if start == .oldPair {
            let plan = try service.plan(try await Certificates.oldIssued(), job: "job-0")
            let result = try await AtomicDeployment(host: service.host()).deploy(plan)
            try #require(result.isSuccess, "\(result.message)")
        }
        return service
    }

    private func effects(_ start: Start) async throws -> Int {
        let service = try await prepare(start)
        let counter = FaultPoint()
        let plan = try service.plan(try await Certificates.newIssued())
        let result = try await AtomicDeployment(host: service.host(counter)).deploy(plan)
        try #require(result.isSuccess, "\(result.message)")
        return counter.effects
    }

    @Test("one effect fails: the result tells the truth, and files and service agree", arguments: Start.allCases)
    func oneFault(_ start: Start) async throws {
        let old = try await Certificates.oldIssued()
        let new = try await Certificates.newIssued()
        let newState = FakeService.Loaded(certificate: new.fullChain, key: new.key)
        let oldState =
            start == .empty
            ? FakeService.Loaded() : FakeService.Loaded(certificate: old.fullChain, key: old.key)
        let count = try await effects(start)
        #expect(count > 40)
        for fault in 0..<count {
            let service = try await prepare(start)
            let host = service.host(FaultPoint(.fail(at: fault)))
            let result = try await AtomicDeployment(host: host).deploy(service.plan(new))
            let context = "fault \(fault): \(result.message)"
            if result.isSuccess {
                #expect(service.onDisk == newState, "\(context)")
                #expect(service.loaded == newState, "\(context)")
            } else {
                #expect(result.errorCode != nil, "\(context)")
                #expect(result.needsManualAction == false, "\(context)")
                #expect(service.onDisk == oldState, "\(context)")
                // Without old files there was nothing to load again.
                if start == .oldPair { #expect(service.loaded == oldState, "\(context)") }
            }
            _ = try await AtomicDeployment(host: service.host()).recover()
            #expect(try service.leftovers() == [], "\(context)")
            let again = try await AtomicDeployment(host: service.host()).deploy(service.plan(new, job: "job-2"))
            #expect(again.isSuccess, "\(context), then \(again.message)")
            #expect(service.loaded == newState, "\(context)")
        }
    }

    @Test("the process dies at an effect: recovery completes or undoes it", arguments: Start.allCases)
    func crash(_ start: Start) async throws {
        let old = try await Certificates.oldIssued()
        let new = try await Certificates.newIssued()
        let newState = FakeService.Loaded(certificate: new.fullChain, key: new.key)
        let oldState =
            start == .empty
            ? FakeService.Loaded() : FakeService.Loaded(certificate: old.fullChain, key: old.key)
        var completed = 0
        var undone = 0
        for fault in 0..<(try await effects(start)) {
            let service = try await prepare(start)
            let dying = service.host(FaultPoint(.crash(at: fault)))
            _ = try await AtomicDeployment(host: dying).deploy(service.plan(new))
            let report = try await AtomicDeployment(host: service.host()).recover()
            let messages = report.deployments.map(\.result.message)
            let context = "crash \(fault): \(messages)"
            #expect(report.deployments.count <= 1 && report.unreadableJournals.isEmpty, "\(context)")
            #expect(report.deployments.allSatisfy { !$0.result.needsManualAction }, "\(context)")
            let state = service.onDisk
            #expect(state == oldState || state == newState, "\(context)")
            if state == newState {
                completed += 1
                #expect(service.loaded == newState, "\(context)")
            } else {
                undone += 1
                if start == .oldPair { #expect(service.loaded == oldState, "\(context)") }
            }
            #expect(try service.leftovers() == [], "\(context)")
            let second = try await AtomicDeployment(host: service.host()).recover()
            #expect(second.deployments.isEmpty, "\(context): recovery is needed once")
            let again = try await AtomicDeployment(host: service.host()).deploy(service.plan(new, job: "job-2"))
            #expect(again.isSuccess && service.loaded == newState, "\(context), then \(again.message)")
        }
        #expect(completed > 5 && undone > 5)
    }

    @Test("the process dies during a roll-back: recovery ends it")
    func crashDuringRollBack() async throws {
        let old = try await Certificates.oldIssued()
        let oldState = FakeService.Loaded(certificate: old.fullChain, key: old.key)
        let new = try await Certificates.newIssued()
        func fail(_ service: FakeService, _ fault: FaultPoint) async throws -> DeploymentResult {
            service.failReloads(1)
            return try await AtomicDeployment(host: service.host(fault)).deploy(service.plan(new))
        }
        let counter = FaultPoint()
        let result = try await fail(try await prepare(.oldPair), counter)
        try #require(result.errorCode == .reloadFailedRolledBack, "\(result.message)")
        for fault in (counter.effects - 25)..<counter.effects {
            let service = try await prepare(.oldPair)
            _ = try await fail(service, FaultPoint(.crash(at: fault)))
            service.failReloads(0)
            _ = try await AtomicDeployment(host: service.host()).recover()
            #expect(service.onDisk == service.loaded, "crash \(fault)")
            if service.onDisk != oldState { #expect(service.onDisk.certificate == new.fullChain, "crash \(fault)") }
            #expect(try service.leftovers() == [], "crash \(fault)")
        }
    }
}

extension Tag {
    @Tag static var fault: Self
}
