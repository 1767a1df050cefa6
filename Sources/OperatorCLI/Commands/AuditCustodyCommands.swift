import ArgumentParser
import Domain
import Encoding

/// `audit holds`.
struct AuditHoldsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "holds", abstract: "List legal holds, newest first.")

    private static let columns = [
        Column("ID", "id"), Column("SINCE", "since", .instant), Column("UNTIL", "until", .instant),
        Column("REASON", "reason"), Column("PLACED BY", "placed_by"), Column("PLACED", "placed_at", .instant),
        Column("RELEASED", "released_at", .instant),
    ]

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["audit", "holds"])).json()
        let rows = answer["data"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: Self.columns))
    }
}

/// `audit hold`.
struct AuditHoldCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Place a legal hold: events of that time stay in the database, whatever retention says."
    )

    @Option(help: "Why.") var reason: String
    @Option(help: "RFC 3339 time: events from it on. All when absent.") var since: String?
    @Option(help: "RFC 3339 time: events before it. Without an end when absent.") var until: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var body: JSONObject = ["reason": .string(reason)]
        body["since"] = since.map { .string($0) }
        body["until"] = until.map { .string($0) }
        let answer = try await session.client.call("POST", APIPath(["audit", "holds"]), body: .object(body)).json()
        try session.confirm("\(answer["id"]?.stringValue ?? "") holds", answer)
    }
}

/// `audit release ID`.
struct AuditReleaseCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "End a legal hold.")

    @Argument(help: "Identifier of the hold.") var id: String
    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try session.ask("Release \(id), so that retention may remove its events?", unless: yes)
        let path = APIPath(["audit", "holds", try APIPath.checked(id), "release"])
        try session.confirm("\(id) is released", try await session.client.call("POST", path).json())
    }
}

/// `audit acknowledge`.
struct AuditAcknowledgeCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "acknowledge",
        abstract: "Take note that the audit log does not verify, so that changes are possible again."
    )

    @Option(help: "Why work goes on.") var reason: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call(
            "POST", APIPath(["audit", "acknowledge"]), body: ["reason": .string(reason)]
        ).json()
        try session.confirm("acknowledged: \(answer["divergence"]?.stringValue ?? "")", answer)
    }
}
