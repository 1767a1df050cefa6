import Domain
import Foundation
import TestSupport
import Testing

@Suite("agent settings: how often the agent calls, and how much it does at once", .tags(.slow))
struct AgentPaceTests {
    private static let heartbeat = "/api/v1/agents/{id}/heartbeat"
    private static let work = "/api/v1/agents/{id}/work"

    @Test("intervals, the wait of a poll and the number of parallel jobs are what the settings say")
    func pace() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        async let plain = AgentProcess.enroll(
            named: "plain", with: server, settings: ["CERTCTL_AGENT_POLL_WAIT": "0s"])
        async let waiting = AgentProcess.enroll(
            named: "waiting", with: server,
            settings: ["CERTCTL_AGENT_POLL_WAIT": "1s", "CERTCTL_HEARTBEAT_INTERVAL": "2s"])
        async let narrow = AgentProcess.enroll(
            named: "narrow", with: server, settings: ["CERTCTL_AGENT_MAX_PARALLEL": "1"])
        async let wide = AgentProcess.enroll(
            named: "wide", with: server, settings: ["CERTCTL_AGENT_MAX_PARALLEL": "2"])
        let agents = try await [plain, waiting, narrow, wide]

        let sites = try await startDeployments(server, narrow: agents[2], wide: agents[3])
        try await expectRhythm(server, plain: agents[0].id, waiting: agents[1].id)
        try await expectParallelism(server)
        withExtendedLifetime(sites) {}
        for agent in agents { await agent.stop() }
        await server.stop()
    }

    /// Two targets for each agent, whose deployments take most of a second.
    private func startDeployments(
        _ server: ControlPlane,
        narrow: AgentProcess,
        wide: AgentProcess
    ) async throws -> [SiteFiles] {
        var sites: [SiteFiles] = []
        for (name, agent) in [("narrow", narrow), ("wide", wide)] {
            for number in 1...2 {
                let site = try SiteFiles()
                sites.append(site)
                try await server.createTarget(
                    "tgt-\(name)-\(number)", agent: agent.id,
                    site.configuration(["validate_command": ["sleep", "0.5"]])
                )
            }
            try await server.issue(name, to: ["tgt-\(name)-1", "tgt-\(name)-2"])
        }
        return sites
    }

    private func expectRhythm(_ server: ControlPlane, plain: String, waiting: String) async throws {
        let isComplete = await eventually(within: .seconds(15), every: .milliseconds(100)) {
            server.requests(of: plain, on: Self.work).count >= 2
                && server.requests(of: plain, on: Self.heartbeat).count >= 2
                && server.requests(of: waiting, on: Self.work).count >= 2
                && server.requests(of: waiting, on: Self.heartbeat).count >= 2
        }
        #expect(isComplete, "\(server.process.output)")
        for route in [Self.work, Self.heartbeat] {
            let requests = server.requests(of: plain, on: route)
            expectGaps(requests, of: 1, route)
            #expect(requests.allSatisfy { $0.status == 200 && $0.milliseconds < 900 }, "\(requests)")
        }
        expectGaps(server.requests(of: waiting, on: Self.heartbeat), of: 2, "heartbeat")
        // The server held each question as long as the agent asked for, and the next one came at once.
        let held = server.requests(of: waiting, on: Self.work)
        #expect(held.allSatisfy { (950..<3000).contains($0.milliseconds) }, "\(held)")
        expectGaps(held, of: 1, "held poll")
    }

    /// The interval with its spread of a tenth; a busy machine may be late, never early.
    private func expectGaps(_ requests: [LoggedRequest], of seconds: Double, _ what: String) {
        for (first, second) in zip(requests, requests.dropFirst()) {
            let gap = (second.endedAt - first.endedAt).inSeconds
            #expect(gap > seconds * 0.88 && gap < seconds * 1.12 + 2, "\(what): \(gap) s after \(first)")
        }
    }

    private func expectParallelism(_ server: ControlPlane) async throws {
        for (name, isParallel) in [("narrow", false), ("wide", true)] {
            var busy: [ClosedRange<Timestamp>] = []
            for number in 1...2 {
                let deployment = try await server.deployment(to: "tgt-\(name)-\(number)")
                #expect(deployment.isCompleted, "\(deployment.job)")
                let first = try #require(deployment.phase("validate_before"))
                let last = try #require(deployment.phase("validate"))
                busy.append(first.start...last.start)
            }
            #expect(busy[0].overlaps(busy[1]) == isParallel, "\(name): \(busy)")
        }
    }
}
