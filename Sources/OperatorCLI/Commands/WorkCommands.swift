package import ArgumentParser
import Encoding

/// `certctl jobs`.
package struct JobsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Jobs: list, watch, cancel, retry, approve, reject.",
        subcommands: [
            ListCommand<Jobs>.self, GetJobCommand.self, WatchCommand.self, CancelCommand.self, RetryCommand.self,
            VerificationCommand.self, ApproveJobCommand.self, RejectJobCommand.self,
        ]
    )

    package init() {}
}

/// `jobs get ID`.
struct GetJobCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one job.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        if let limit = waiting.limit { try await JobWatcher(session: session, limit: limit).wait(for: [id]) }
        let answer = try await session.client.call("GET", APIPath(["jobs", id]))
        session.console.output(try session.renderer.item(try answer.json(), details: Jobs.details))
    }
}

/// `jobs watch ID…`.
struct WatchCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow jobs until they end."
    )

    @Argument(help: "Identifiers.") var ids: [String]
    @Option(help: ArgumentHelp("The most to wait; 24h unless given.", valueName: "duration")) var atMost: WatchLimit?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var checked: [String] = []
        for id in ids { checked.append(try APIPath.checked(id)) }
        let watcher = JobWatcher(session: session, limit: atMost?.duration ?? .seconds(86_400))
        let jobs = try await watcher.wait(for: checked)
        let page: JSONValue = ["data": .array(jobs), "total": JSONValue(jobs.count)]
        session.console.output(try session.renderer.list(page, rows: jobs, columns: Jobs.columns))
    }
}

/// `jobs cancel ID`.
struct CancelCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Cancel a job that has not ended.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("POST", APIPath(["jobs", id, "cancel"]))
        try session.confirm("cancelled \(id)", try answer.json())
    }
}

/// `jobs retry ID`.
struct RetryCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "retry", abstract: "Try a failed job again.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("POST", APIPath(["jobs", id, "retry"]))
        try session.confirm("retrying \(id)", try answer.json())
        if let limit = waiting.limit { try await JobWatcher(session: session, limit: limit).wait(for: [id]) }
    }
}

/// `jobs verification ID`.
struct VerificationCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "verification",
        abstract: "Show what the endpoint was seen to serve."
    )

    static let details = [
        Column("JOB ID", "job_id"), Column("TARGET ID", "target_id"), Column("VERIFIED", "verified", .yesOrNo),
        Column("EXPECTED", "expected_fingerprint"), Column("ACTUAL", "actual_fingerprint"),
        Column("VERIFIED AT", "verified_at", .time), Column("ERROR", "error"), Column("PATH", "path"),
        Column("WHY", "path_detail"),
    ]

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["jobs", try APIPath.checked(id), "verification"]))
        session.console.output(try session.renderer.item(try answer.json(), details: Self.details))
    }
}
