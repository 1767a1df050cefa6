import Deployment
import Domain
import Foundation
import HostEffects
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("a terminal report is kept until it was acknowledged")
struct ReportSpoolTests {
    let directory: TemporaryDirectory
    let spool: ReportSpool

    init() throws {
        directory = try TemporaryDirectory("spool")
        spool = ReportSpool(
            folder: DurableFolder(directory: directory.path("spool"), fileSystem: .live, random: .system)
        )
        try spool.prepare()
    }

    static func report(_ job: String, _ attempt: Int = 1, at seconds: Int64 = 1_800_000_000) -> TerminalReport {
        var result = DeploymentResult(
            startedAt: Timestamp(secondsSinceEpoch: seconds),
            verification: .skipped("no endpoint", expected: String(repeating: "a", count: 64))
        )
        result.errorCode = .validateFailed
        result.message = "nginx: [emerg] broken"
        return TerminalReport(
            job: JobID(stored: job), attempt: attempt,
            outcome: .failed(.validateFailed, message: "nginx: [emerg] broken \u{2603}"),
            installation: .init(target: TargetID(stored: "tgt-1"), result: result),
            finishedAt: Timestamp(secondsSinceEpoch: seconds)
        )
    }

    @Test("what was stored is read back, oldest first, and the file is closed to others")
    func roundTrip() throws {
        let reports = [Self.report("job-b", at: 2), Self.report("job-a", at: 3), Self.report("job-c", at: 1)]
        for report in reports { try spool.store(report) }
        #expect(try spool.reports().map(\.job.text) == ["job-c", "job-b", "job-a"])
        #expect(try spool.reports().first?.outcome == reports[2].outcome)
        #expect(try spool.reports().first?.installation?.target.text == "tgt-1")
        #expect(try spool.reports().first?.installation?.result.message == "nginx: [emerg] broken")
        let file = directory.path("spool/job-a@1.json")
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    }

    @Test("one attempt has one report")
    func idempotent() throws {
        try spool.store(Self.report("job-a"))
        try spool.store(Self.report("job-a"))
        #expect(try spool.reports().count == 1)
        #expect(try spool.contains(JobID(stored: "job-a"), attempt: 1))
        try spool.remove(JobID(stored: "job-a"), attempt: 1)
        try spool.remove(JobID(stored: "job-a"), attempt: 1)
        #expect(try spool.reports().isEmpty)
    }

    @Test("reports of earlier attempts are dropped, those of later ones and of other jobs stay")
    func earlierAttempts() throws {
        for (job, attempt) in [("job-a", 1), ("job-a", 2), ("job-a", 3), ("job-b", 1)] {
            try spool.store(Self.report(job, attempt))
        }
        try spool.removeReports(of: JobID(stored: "job-a"), before: 3)
        #expect(try spool.reports().map { "\($0.job)@\($0.attempt)" } == ["job-a@3", "job-b@1"])
    }

    @Test(
        "a damaged file is set aside and hides nothing",
        arguments: ["", "{", "{}", "[1]", "{\"job_id\":\"../x\",\"attempt\":1}"])
    func damaged(content: String) throws {
        try spool.store(Self.report("job-a"))
        try content.write(toFile: directory.path("spool/job-x@1.json"), atomically: true, encoding: .utf8)
        #expect(try spool.reports().map(\.job.text) == ["job-a"])
        #expect(try spool.folder.names() == ["job-a@1.json", "job-x@1.json.damaged"])
    }

    @Test("no temporary file is taken for a report")
    func temporaries() throws {
        try "{}".write(toFile: directory.path("spool/job-a@1.json.certctl-tmp.5"), atomically: true, encoding: .utf8)
        #expect(try spool.reports().isEmpty)
        try spool.folder.removeTemporaries()
        #expect(try spool.folder.names().isEmpty)
    }
}
