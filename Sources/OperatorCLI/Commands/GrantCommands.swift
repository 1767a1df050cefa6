import ArgumentParser
import Encoding

/// Whose roles are meant.
struct ActorOptions: ParsableArguments {
    @Argument(help: "Name of the API key, or id of another actor.") var actor: String
    @Option(help: "APIKey, User or Agent.") var type = "APIKey"

    func path(_ rest: [String]) throws -> [String] {
        ["auth", "actors", try APIPath.checked(type), try APIPath.checked(actor), "roles"] + rest
    }
}

/// `auth keys assign NAME --role ROLE`.
struct AssignRoleCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "assign",
        abstract: "Grant a role to an API key or another actor, everywhere or for one issuer or profile."
    )

    @OptionGroup var actor: ActorOptions
    @Option(help: "Role, such as r-operator.") var role: String
    @OptionGroup var scope: ScopeOptions
    @Option(help: "When the grant ends, as an RFC 3339 time.") var expiresAt: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("role_id", role)
        scope.add(to: &list)
        list.add("expires_at", expiresAt)
        let answer = try await session.client.call(
            "POST", APIPath(try actor.path([])), body: .object(list.object))
        try session.confirm(try PendingApproval.text(answer) ?? "granted \(role) to \(actor.actor)", try answer.json())
    }
}

/// `auth keys revoke NAME --role ROLE`.
struct RevokeRoleCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a role from an API key or another actor, in all scopes or in one."
    )

    @OptionGroup var actor: ActorOptions
    @Option(help: "Role, such as r-operator.") var role: String
    @OptionGroup var scope: ScopeOptions
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = try actor.path([try APIPath.checked(role)])
        try session.ask("take \(role) from \(actor.actor)?", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(path, query: scope.query))
        try session.confirm("revoked \(role) from \(actor.actor)", try answer.json())
    }
}

/// `auth keys set-roles NAME --role ROLE …`.
struct SetRolesCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-roles",
        abstract: "Make the roles of an actor exactly these, all at once; none takes all roles away.",
        discussion: "A role is written ROLE, ROLE@issuer:ID or ROLE@profile:ID."
    )

    @OptionGroup var actor: ActorOptions
    @Option(help: "Role it is to have; repeat it.") var role: [String] = []
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let grants = try role.map(Self.grant)
        let path = try actor.path([])
        let shown = role.isEmpty ? "no role" : role.joined(separator: ", ")
        try session.ask("leave \(actor.actor) with \(shown)?", unless: yes)
        let answer = try await session.client.call(
            "PUT", APIPath(path), body: ["grants": .array(grants)])
        try session.confirm("\(actor.actor) now has \(shown)", try answer.json())
    }

    private static func grant(_ text: String) throws(CLIFailure) -> JSONValue {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return ["role_id": .string(text)] }
        let scope = parts[1].split(separator: ":", maxSplits: 1).map(String.init)
        guard scope.count == 2, ["issuer", "profile"].contains(scope[0]) else {
            throw .usage("\"\(TerminalText.line(text))\" is not ROLE, ROLE@issuer:ID or ROLE@profile:ID")
        }
        return ["role_id": .string(parts[0]), "scope_type": .string(scope[0]), "scope_id": .string(scope[1])]
    }
}

/// `auth explain PERMISSION`.
struct ExplainCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Why you, or another actor, may do something; exit 5 when it is not allowed."
    )

    @Argument(help: "Permission, such as cert.issue.") var permission: String
    @Option(help: "Another actor than you: the name of an API key, or an id.") var actor: String?
    @Option(help: "APIKey, User or Agent.") var type: String?
    @OptionGroup var scope: ScopeOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("permission", permission)
        list.add("actor_id", actor)
        list.add("actor_type", type)
        scope.add(to: &list)
        let answer = try await session.client.call(
            "POST", APIPath(["auth", "explain"]), body: .object(list.object)
        ).json()
        let isAllowed = answer["allowed"]?.boolValue == true
        let reasons = (answer["because"]?.arrayValue ?? []).map { reason in
            let grant = reason["grant_id"]?.stringValue ?? ""
            let by = grant.isEmpty ? "" : " by grant \(grant)"
            return "  \(reason["role_id"]?.stringValue ?? "") @ \(reason["scope"]?.stringValue ?? "")\(by)"
        }
        try session.confirm(([isAllowed ? "allowed:" : "not allowed"] + reasons).joined(separator: "\n"), answer)
        guard isAllowed else { throw CLIFailure.denied("missing \(answer["missing"]?.stringValue ?? permission)") }
    }
}
