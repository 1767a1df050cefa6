package import ArgumentParser
import Encoding

/// `certctl approvals`.
package struct ApprovalsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "approvals",
        abstract: "Requests that wait for a second person: list, show, approve, reject, withdraw.",
        subcommands: [
            ListCommand<Approvals>.self, GetCommand<Approvals>.self, ApproveCommand.self, RejectCommand.self,
            WithdrawCommand.self,
        ]
    )

    package init() {}
}

/// `approvals approve ID`.
struct ApproveCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Agree to what somebody else asked for; it is then done."
    )

    @Argument(help: "Identifier.") var id: String
    @Option(help: "Why, for the record.") var note: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await Decision.send(id, "approve", note: note, session)
    }
}

/// `approvals reject ID`.
struct RejectCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject", abstract: "Refuse what somebody else asked for.")

    @Argument(help: "Identifier.") var id: String
    @Option(help: "Why, for the record.") var note: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await Decision.send(id, "reject", note: note, session)
    }
}

/// `approvals withdraw ID`.
struct WithdrawCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Take back what you asked for.")

    @Argument(help: "Identifier.") var id: String
    @Option(help: "Why, for the record.") var note: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await Decision.send(id, "withdraw", note: note, session)
    }
}

private enum Decision {
    static func send(_ id: String, _ verb: String, note: String?, _ session: Session) async throws {
        let id = try APIPath.checked(id)
        var list = MemberList()
        list.add("note", note)
        let answer = try await session.client.call(
            "POST", APIPath(["approvals", id, verb]), body: .object(list.object)
        ).json()
        try session.confirm("\(answer["action"]?.stringValue ?? verb) \(id)", answer)
    }
}

/// `jobs approve ID`.
struct ApproveJobCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Agree to what a job waits for; the same as approving its request."
    )

    @Argument(help: "Identifier.") var id: String
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("POST", APIPath(["jobs", id, "approve"]))
        try session.confirm("approved \(id)", try answer.json())
        if let limit = waiting.limit { try await JobWatcher(session: session, limit: limit).wait(for: [id]) }
    }
}

/// `jobs reject ID`.
struct RejectJobCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject",
        abstract: "Refuse what a job waits for; the job is cancelled."
    )

    @Argument(help: "Identifier.") var id: String
    @Option(help: "Why, for the record.") var reason: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        var list = MemberList()
        list.add("reason", reason)
        let answer = try await session.client.call("POST", APIPath(["jobs", id, "reject"]), body: .object(list.object))
        try session.confirm("rejected \(id)", try answer.json())
    }
}
