import ArgumentParser
import Domain
import Encoding

/// Paging and selection that every list takes.
struct ListOptions: ParsableArguments, QueryParameters {
    @Option(help: "Number of the page, from 1.") var page: Int?
    @Option(help: "Rows of a page, 1 to 500.") var perPage: Int?
    @Option(help: "Rows in all; the list is read by cursor.") var limit: Int?
    @Option(help: "Go on where an earlier list ended.") var cursor: String?
    @Flag(help: "Every row, page by page.") var all = false

    mutating func validate() throws {
        for (name, value) in [("--page", page), ("--per-page", perPage), ("--limit", limit)] {
            if let value, value < 1 { throw ValidationError("\(name) must be at least 1") }
        }
        if page != nil, all || limit != nil || cursor != nil {
            throw ValidationError("--page cannot be combined with --all, --limit or --cursor")
        }
    }

    var isByCursor: Bool { all || limit != nil || cursor != nil }

    var parameters: [(name: String, value: String)] {
        var parameters: [(name: String, value: String)] = []
        if let page { parameters.append(("page", String(page))) }
        if let perPage, !isByCursor { parameters.append(("per_page", String(perPage))) }
        if isByCursor {
            parameters.append(("page_size", String(min(500, perPage ?? limit ?? 500))))
            parameters.append(cursor.map { ("cursor", $0) } ?? ("pagination", "cursor"))
        }
        return parameters
    }
}

/// `list`.
struct ListCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "list", abstract: "List \(R.command.replacing("-", with: " ")).")
    }

    @OptionGroup var filters: R.Filters
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await ListPrinter(session: session, columns: R.columns)
            .show([R.command], filters: filters.parameters(at: session.environment.time.now), options: list)
    }
}

/// `get ID`.
struct GetCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "get", abstract: "Show one \(R.noun).")
    }

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath([R.command, try APIPath.checked(id)]))
        session.console.output(try session.renderer.item(try answer.json(), details: R.details))
    }
}

/// `create`.
struct CreateCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "create", abstract: "Create \(R.oneOfThem).")
    }

    @Option(help: "Identifier to give it; made up when absent.") var id: String?
    @OptionGroup var members: R.Members
    @Option(help: ArgumentHelp("JSON file with the whole body; - for standard input.", valueName: "file"))
    var input: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var body = try BodySource.object(input, members, session)
        if let id { body["id"] = .string(id) }
        let missing = R.required.filter { body[$0] == nil }
        guard missing.isEmpty else {
            let options = missing.map { "--\($0.replacing("_", with: "-"))" }.joined(separator: ", ")
            throw CLIFailure.usage("\(R.oneOfThem) needs \(options)")
        }
        let answer = try await session.client.call("POST", APIPath([R.command]), body: .object(body))
        if let waits = try PendingApproval.text(answer) { return try session.confirm(waits, try answer.json()) }
        session.console.output(try session.renderer.item(try answer.json(), details: R.details))
    }
}

/// `update ID`.
struct UpdateCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "update", abstract: "Change members of \(R.oneOfThem); the others stay.")
    }

    @Argument(help: "Identifier.") var id: String
    @OptionGroup var members: R.Members
    @Option(help: ArgumentHelp("JSON merge patch (RFC 7396) in a file; - for standard input.", valueName: "file"))
    var input: String?
    @Option(help: ArgumentHelp("Change only the version with this ETag.", valueName: "etag")) var ifMatch: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let body = try BodySource.object(input, members, session)
        guard !body.isEmpty else { throw CLIFailure.usage("nothing to change: give at least one member") }
        var headers = [(name: "Content-Type", value: "application/merge-patch+json")]
        if let ifMatch { headers.append((name: "If-Match", value: ifMatch)) }
        let path = APIPath([R.command, try APIPath.checked(id)])
        let answer = try await session.client.call("PATCH", path, body: .object(body), headers: headers)
        if let waits = try PendingApproval.text(answer) { return try session.confirm(waits, try answer.json()) }
        session.console.output(try session.renderer.item(try answer.json(), details: R.details))
    }
}

/// `delete ID`.
struct DeleteCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "delete", abstract: "Delete \(R.oneOfThem).")
    }

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("\(R.consequence) the \(R.noun) \(id)?", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath([R.command, id]))
        try session.confirm(try PendingApproval.text(answer) ?? "deleted \(id)", try answer.json())
    }
}

/// The answer to a change that a second person has to agree to first.
enum PendingApproval {
    /// What to tell; `nil` when the change is done.
    static func text(_ answer: APIAnswer) throws -> String? {
        let body = try answer.json()
        guard body["status"]?.stringValue == "pending_approval" else { return nil }
        return body["message"]?.stringValue ?? "waits for the approval of a second person"
    }
}

/// A body from a file, with the options of the line on top.
enum BodySource {
    static func object(_ input: String?, _ members: some BodyMembers, _ session: Session) throws(CLIFailure)
        -> JSONObject
    {
        var body = JSONObject()
        if let input {
            guard let object = try RequestBody.json(at: input, session).objectValue else {
                throw .usage("the body is not a JSON object")
            }
            body = object
        }
        for member in try members.members() { body[member.key] = member.value }
        return body
    }
}
