import Domain
import Encoding
import HostEffects
import Outbound
import Testing

@testable import Deployment

@Suite("The journal survives the way to disk and back")
struct DeploymentJournalTests {
    private func make(_ verification: VerificationChoice) throws -> DeploymentJournal {
        let attributes = FileAttributes(mode: 0o640, userID: 0, groupID: 33)
        return DeploymentJournal(
            jobID: try JobID("job-1"), targetID: try TargetID("t-1"),
            startedAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_123_456), stamp: 1_700_000_000_123_456_000,
            phase: .committing,
            files: [
                .init(
                    role: .key, destination: "/a", temporary: "/a.tmp", digest: "aa", attributes: attributes,
                    previous: .init(digest: "bb", attributes: attributes, backup: "/b")
                ),
                .init(
                    role: .certificate, destination: "/c", temporary: "/c.tmp", digest: "cc", attributes: attributes,
                    previous: nil
                ),
            ],
            validate: ["/usr/sbin/nginx", "-t"], reload: nil, commandTimeout: .milliseconds(1500),
            verification: verification, servedFingerprints: ["dd", "ee"], observedBefore: ["::1": "ff"], keptBackups: 3
        )
    }

    @Test(
        "with and without an endpoint",
        arguments: [
            VerificationChoice.skip(reason: "none"),
            .probe(
                VerificationPlan(
                    endpoint: TLSEndpoint(host: "::1", port: 1, serverName: "x"), backoff: .milliseconds(50))),
        ])
    func roundTrip(_ verification: VerificationChoice) throws {
        let journal = try make(verification)
        let json = try JSONValue(parsing: journal.json.text)
        #expect(DeploymentJournal(json: json) == journal)
    }

    @Test("a journal with a part missing is not taken for a shorter one")
    func damaged() throws {
        let whole = try make(.skip(reason: "none")).json
        for key in ["version", "job_id", "stamp", "phase", "files", "verification", "command_timeout_us"] {
            var part = whole
            part[key] = nil
            #expect(DeploymentJournal(json: part) == nil, "without \(key)")
        }
        var odd = whole
        odd["files"] = .array((whole["files"]?.arrayValue ?? []) + [["role": "key"]])
        #expect(DeploymentJournal(json: odd) == nil)
    }
}
