import ConnectorKit
import Deployment
import Domain
import Encoding
import Foundation
import PKI
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("targets §1.8 and §1.9: from a job to a certificate that is served")
struct FlowTests {
    let directory: TemporaryDirectory
    let plane: FakeControlPlane
    let target = FakeTarget()

    init() throws {
        directory = try TemporaryDirectory("flow")
        plane = try FakeControlPlane()
    }

    private func agent() -> AgentUnderTest { AgentUnderTest(directory: directory, plane: plane, target: target) }

    private func started() async throws -> AgentUnderTest {
        let agent = agent()
        try await agent.start()
        return agent
    }

    private func slotFiles() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory.path("keys/cert-web"))) ?? []).sorted()
    }

    private func outcome(_ job: String) -> [String] { plane.current.jobs.first { $0.id == job }?.outcomes ?? [] }

    @Test("a renewal makes a key, gets it certified, installs both and reports what is served")
    func wholePath() async throws {
        let agent = try await started()
        plane.order("job-1")
        await agent.workOnce()
        await agent.workOnce()
        let version = try #require(plane.current.versions.first)
        #expect(plane.current.versions.count == 1)
        let installed = try #require(target.current.installed)
        #expect(try PrivateKey(pem: try #require(installed.key)).matches(installed.leaf.subjectPublicKey))
        #expect(installed.leaf.subjectPublicKey == version.publicKey)
        #expect(installed.leaf.subjectAltNames.map(\.text).sorted() == ["192.0.2.1", "www.example.test"])
        #expect(outcome("deploy-1") == ["Completed"])
        #expect(plane.current.verifications.first?["verified"] == true)
        #expect(plane.current.verifications.first?["actual_fingerprint"] == .string(installed.fingerprint))
        #expect(slotFiles() == ["certver-1.key", "current", "slot.json"])
        #expect(try agent.session.state.spool.reports().isEmpty)
        #expect(try agent.session.state.claims.claims().isEmpty)
        #expect(plane.current.unexpected.isEmpty)
    }

    @Test("an issuer that answers later: the waiting key is found by the certificate")
    func laterIssuance() async throws {
        let agent = try await started()
        plane.change { $0.signsAtOnce = false }
        plane.order("job-1")
        await agent.workOnce()
        #expect(slotFiles() == ["pending.key"])
        try plane.issuePending()
        await agent.workOnce()
        #expect(outcome("deploy-1") == ["Completed"])
        #expect(slotFiles() == ["certver-1.key", "current", "slot.json"])
    }

    @Test("a key lost between request and certificate fails the deployment, and the next order gets a new key")
    func lostPendingKey() async throws {
        let agent = try await started()
        plane.change { $0.signsAtOnce = false }
        plane.order("job-1")
        await agent.workOnce()
        try FileManager.default.removeItem(atPath: directory.path("keys/cert-web/pending.key"))
        try plane.issuePending()
        await agent.workOnce()
        #expect(outcome("deploy-1") == ["Failed"])
        #expect(target.current.installations == 0)
        plane.change { $0.signsAtOnce = true }
        plane.order("job-2")
        await agent.workOnce()
        await agent.workOnce()
        #expect(outcome("deploy-2") == ["Completed"])
        #expect(Set(plane.current.submittedKeys).count == 2)
        #expect(target.current.installed?.leaf.subjectPublicKey == plane.current.submittedKeys.last)
    }

    @Test("a CSR whose outcome is unknown goes again with the same key", arguments: [500, 502, 429])
    func unknownOutcome(status: Int) async throws {
        let agent = try await started()
        plane.order("job-1")
        plane.change { $0.scripted = [("/csr", FakeControlPlane.error(status, nil, "try again"))] }
        await agent.workOnce()
        let waiting = try agent.keys.withSlot(of: KeySlotTests.certificate) { try $0.pendingKey(for: .ecdsaP256) }
        #expect(plane.current.jobs.first?.status == "AwaitingCSR")
        await agent.workOnce()
        #expect(plane.current.submittedKeys.isEmpty, "the job rests first")
        // A restarted agent does not know of the pause.
        let restarted = try await started()
        await restarted.workOnce()
        #expect(plane.current.submittedKeys == [waiting.publicKey])
        #expect(plane.current.versions.count == 1)
    }

    @Test("a refused CSR is not reported again, keeps its key and rests", arguments: [400, 409, 422])
    func refusedCSR(status: Int) async throws {
        let agent = try await started()
        plane.order("job-1")
        plane.change { $0.scripted = [("/csr", FakeControlPlane.error(status, "policy_violation", "no wildcard"))] }
        await agent.workOnce()
        await agent.workOnce()
        #expect(slotFiles() == ["pending.key"])
        #expect(!plane.current.calls.contains { $0.contains("/status") })
        #expect(plane.current.calls.count { $0.contains("/csr") } == 1)
    }

    @Test("a certificate for another key is not pinned and never installed")
    func foreignCertificate() async throws {
        let agent = try await started()
        let stranger = try PrivateKey.generate(.ecdsaP256)
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "www.example.test", subjectAltNames: [], key: stranger
        )
        let pem = try TestCA.shared.get().sign(csr.pem)
        plane.order("job-1")
        await agent.workOnce()
        // The control plane mixes up versions: the deployment names a certificate of somebody else.
        plane.change { state in
            state.versions = [.init(id: "certver-1", pem: pem, publicKey: stranger.publicKey)]
        }
        await agent.workOnce()
        #expect(target.current.installations == 0)
        #expect(outcome("deploy-1") == ["Failed"])
        #expect(slotFiles() == ["certver-1.key", "slot.json"])
    }

    @Test("without any key the failure says so, and nothing is written")
    func missingKey() async throws {
        let agent = try await started()
        plane.order("job-1")
        await agent.workOnce()
        try FileManager.default.removeItem(atPath: directory.path("keys/cert-web"))
        await agent.workOnce()
        #expect(target.current.installations == 0)
        #expect(outcome("deploy-1") == ["Failed"])
    }

    @Test("a failed deployment keeps the earlier version current and both keys")
    func failedDeployment() async throws {
        let agent = try await started()
        plane.order("job-1")
        await agent.workOnce()
        await agent.workOnce()
        target.change { $0.error = .reloadFailedRolledBack }
        plane.order("job-2")
        await agent.workOnce()
        await agent.workOnce()
        #expect(outcome("deploy-2") == ["Failed"])
        #expect(slotFiles() == ["certver-1.key", "certver-2.key", "current", "slot.json"])
        let current = try agent.keys.withSlot(of: KeySlotTests.certificate) { try $0.currentVersion() }
        #expect(current?.text == "certver-1")
        // The deployment is retried, the issuance is not.
        target.change { $0.error = nil }
        plane.change { state in
            for index in state.jobs.indices where state.jobs[index].id == "deploy-2" {
                state.jobs[index].status = "Pending"
            }
        }
        await agent.workOnce()
        #expect(outcome("deploy-2") == ["Failed", "Completed"])
        #expect(plane.current.versions.count == 2)
    }

    @Test("a claim that somebody else has by now is left before anything changes")
    func lostClaim() async throws {
        let agent = try await started()
        plane.order("job-1")
        await agent.workOnce()
        plane.change { $0.scripted = [("/status", FakeControlPlane.error(409, "invalid_state", "attempt 1 is over"))] }
        await agent.workOnce()
        #expect(target.current.installations == 0)
        #expect(try agent.session.state.claims.claims().isEmpty)
        #expect(try agent.session.state.spool.reports().isEmpty)
    }

    @Test("a report that nobody takes waits in the spool and is delivered once")
    func spooled() async throws {
        let agent = try await started()
        plane.order("job-1")
        await agent.workOnce()
        _ = try await PollService(session: agent.session, isPrompt: true).ask()
        let reporting = "deploy-1/status"
        plane.change { state in
            state.scripted = [
                (reporting, FakeControlPlane.json(["status": "updated"])),
                (reporting, FakeControlPlane.error(503, nil, "restarting")),
            ]
        }
        await agent.runJobs()
        #expect(await SpoolService(session: agent.session).deliverAll().waiting == 1)
        #expect(outcome("deploy-1").isEmpty)
        let restarted = try await started()
        #expect(await SpoolService(session: restarted.session).deliverAll().isClear)
        #expect(outcome("deploy-1") == ["Completed"])
    }

    @Test("a refused work item is reported once, in its own words")
    func refusedItem() async throws {
        let agent = try await started()
        plane.change { $0.targetConfig = ["key_path": "********"] }
        plane.order("job-1")
        await agent.workOnce()
        await agent.workOnce()
        #expect(outcome("deploy-1") == ["Failed"])
        #expect(target.current.installations == 0)
    }

    @Test("different targets in parallel, one target never twice at once", .timeLimit(.minutes(1)))
    func exclusivity() async throws {
        let agent = try await started()
        plane.order("job-1", certificate: "cert-web")
        await agent.workOnce()
        plane.change { state in
            for number in 2...5 {
                var job = FakeControlPlane.Job(
                    id: "extra-\(number)", isDeployment: true, certificate: "cert-web", status: "Pending")
                job.version = "certver-1"
                state.jobs.append(job)
            }
        }
        _ = try await PollService(session: agent.session, isPrompt: true).ask()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { await agent.runJobs() } }
        }
        await agent.runJobs()
        #expect(target.current.mostRunning == 1)
        #expect(target.current.installations == 5)
    }
}
