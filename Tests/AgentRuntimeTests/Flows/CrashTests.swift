import ConnectorKit
import Domain
import Foundation
import PKI
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("an agent that dies at any step goes on at the next start", .tags(.fault))
struct CrashTests {
    /// More effects than a renewal and its deployment have; the run that dies nowhere proves it.
    static let steps = 0..<120

    @Test("key and certificate always match, one version is issued, one outcome is reported", arguments: steps)
    func deathAtStep(number: Int) async throws {
        let directory = try TemporaryDirectory("crash")
        let plane = try FakeControlPlane()
        let target = FakeTarget()
        let host = MortalHost()
        plane.order("job-1")

        let first = AgentUnderTest(directory: directory, plane: plane, target: target, host: host)
        host.die(at: number)
        try? await first.start()
        for _ in 0..<2 where !host.isDead { await first.workOnce() }
        if number == Self.steps.upperBound - 1 { #expect(!host.isDead, "raise the number of steps") }
        try expectMatchingPair(target, number)

        // The next process, after the leases of the dead one ran out or before.
        if number.isMultiple(of: 2) { plane.requeueAbandonedDeployments() }
        let second = AgentUnderTest(directory: directory, plane: plane, target: target)
        try await second.start()
        await second.runJobs()
        for _ in 0..<3 { await second.workOnce() }
        plane.requeueAbandonedDeployments()
        await second.workOnce()

        try expectMatchingPair(target, number)
        let state = plane.current
        #expect(state.unexpected.isEmpty)
        #expect(state.versions.count == 1, "issued twice")
        #expect(Set(state.submittedKeys).count == 1, "two keys for one request")
        #expect(target.current.installed?.leaf.subjectPublicKey == state.versions.first?.publicKey)
        let deployment = try #require(state.jobs.first { $0.id == "deploy-1" })
        #expect(deployment.outcomes == ["Completed"], "\(deployment)")
        #expect(try second.session.state.spool.reports().isEmpty)
        #expect(try second.session.state.claims.claims().isEmpty)
        let current = try second.keys.withSlot(of: KeySlotTests.certificate) { try $0.currentVersion() }
        #expect(current?.text == "certver-1")
        try expectNoLeftovers(directory)
    }

    @Test(
        "what the dead process was given and did not begin is given again, before any lease has ended", arguments: steps
    )
    func nothingWaitsForALease(number: Int) async throws {
        let directory = try TemporaryDirectory("crash")
        let plane = try FakeControlPlane()
        let target = FakeTarget()
        let host = MortalHost()
        plane.order("job-1")

        let first = AgentUnderTest(directory: directory, plane: plane, target: target, host: host)
        host.die(at: number)
        try? await first.start()
        for _ in 0..<2 where !host.isDead { await first.workOnce() }
        let second = AgentUnderTest(directory: directory, plane: plane, target: target)
        try await second.start()
        await second.runJobs()
        for _ in 0..<3 { await second.workOnce() }

        let deployment = try #require(plane.current.jobs.first { $0.id == "deploy-1" })
        #expect(deployment.outcomes == ["Completed"] && deployment.attempt == 1, "\(deployment)")
        try expectMatchingPair(target, number)
    }

    private func expectMatchingPair(_ target: FakeTarget, _ number: Int) throws {
        guard let installed = target.current.installed else { return }
        let key = try PrivateKey(pem: try #require(installed.key))
        #expect(key.matches(installed.leaf.subjectPublicKey), "died at \(number)")
    }

    private func expectNoLeftovers(_ directory: TemporaryDirectory) throws {
        let paths = try #require(FileManager.default.enumerator(atPath: directory.url.path)).compactMap {
            $0 as? String
        }
        #expect(!paths.contains { $0.contains(".certctl-tmp.") })
    }
}

extension Tag {
    @Tag static var fault: Self
}

extension FakeControlPlane {
    /// Leases of deployments that nobody finished run out.
    fileprivate func requeueAbandonedDeployments() {
        change { state in
            for index in state.jobs.indices
            where state.jobs[index].isDeployment && state.jobs[index].status == "Running" {
                state.jobs[index].status = "Pending"
            }
        }
    }
}
