import ConnectorKit
import Domain
import Encoding

/// Looks whether a deployment could succeed on a target of this host. Changes nothing.
struct HostTester: Sendable {
    /// - Throws: ``JobFailure`` when the target cannot be made out.
    let test: @Sendable (TestAssignment) async throws(JobFailure) -> [TargetCheck]
}

/// Answers the test of a target with what this host says to it (specification, rest-api §7.7).
struct HostTestFlow: Sendable {
    let session: AgentSession
    let tester: HostTester

    func run(_ work: TestAssignment) async -> JobEnding {
        do throws(JobFailure) {
            let checks = try await tester.test(work)
            let failed = checks.filter { !$0.isOK }.map { "\($0.name): \($0.detail)" }
            let outcome: TerminalReport.Outcome =
                failed.isEmpty ? .completed : .failed(nil, message: failed.joined(separator: "; "))
            return .report(report(work, outcome, ["checks": .array(checks.map(\.json))]))
        } catch {
            return .report(report(work, .failed(error.code, message: error.message), nil))
        }
    }

    private func report(
        _ work: TestAssignment,
        _ outcome: TerminalReport.Outcome,
        _ findings: JSONObject?
    ) -> TerminalReport {
        TerminalReport(
            job: work.job, attempt: work.attempt, outcome: outcome, findings: findings, finishedAt: session.time.now
        )
    }
}
