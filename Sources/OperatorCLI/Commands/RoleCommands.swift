import ArgumentParser
import Encoding
import Settings

/// `certctl auth roles`.
struct RolesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roles",
        abstract: "Roles: what each allows.",
        subcommands: [
            ListRolesCommand.self, GetRoleCommand.self, CreateRoleCommand.self, UpdateRoleCommand.self,
            DeleteRoleCommand.self, AllowCommand.self, DisallowCommand.self,
        ]
    )

    static let path = ["auth", "roles"]
    static let columns = [Column("ID", "id"), Column("NAME", "name"), Column("DESCRIPTION", "description")]
}

/// Where a grant or a permission of a role holds, as options.
struct ScopeOptions: ParsableArguments {
    @Option(help: "Only for this issuer.") var issuer: String?
    @Option(help: "Only for this profile.") var profile: String?

    func validate() throws {
        guard issuer == nil || profile == nil else {
            throw ValidationError("--issuer and --profile exclude each other; grant twice to allow both")
        }
    }

    var type: String { issuer != nil ? "issuer" : profile != nil ? "profile" : "global" }
    var id: String? { issuer ?? profile }

    func add(to list: inout MemberList) {
        guard let id else { return }
        list.add("scope_type", type)
        list.add("scope_id", id)
    }

    /// The query that names exactly this scope; empty where none was given.
    var query: [(name: String, value: String)] { id.map { [("scope_type", type), ("scope_id", $0)] } ?? [] }
}

/// `auth roles list`.
struct ListRolesCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List roles.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(RolesCommand.path)).json()
        let rows = answer["roles"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: RolesCommand.columns))
    }
}

/// `auth roles get ID`.
struct GetRoleCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show a role with its permissions.")

    @Argument(help: "Identifier, such as r-operator.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(RolesCommand.path + [try APIPath.checked(id)])
        let answer = try await session.client.call("GET", path).json()
        guard [.table, .wide].contains(session.configuration.format) else {
            session.console.output(try session.renderer.item(answer, details: []))
            return
        }
        let role = answer["role"] ?? .object(JSONObject())
        let permissions = (answer["permissions"]?.arrayValue ?? []).map { held in
            let scope = held["scope_id"]?.stringValue.map { ":\($0)" } ?? ""
            let name = held["permission"]?.stringValue ?? ""
            return "  " + TerminalText.line("\(name) @ \(held["scope_type"]?.stringValue ?? "")\(scope)")
        }
        let details = try session.renderer.item(role, details: RolesCommand.columns)
        session.console.output(([details, "Permissions:"] + permissions).joined(separator: "\n"))
    }
}

/// `auth roles create NAME`.
struct CreateRoleCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a role, empty or as a copy of another one.")

    @Argument(help: "Name.") var name: String
    @Option(help: "What it is for.") var description: String?
    @Option(help: "Role whose permissions it starts with.") var copyFrom: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("name", name)
        list.add("description", description)
        list.add("copy_from", copyFrom)
        let answer = try await session.client.call(
            "POST", APIPath(RolesCommand.path), body: .object(list.object)
        ).json()
        session.console.output(try session.renderer.item(answer, details: RolesCommand.columns))
    }
}

/// `auth roles update ID`.
struct UpdateRoleCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Change name or description of a role.")

    @Argument(help: "Identifier.") var id: String
    @Option(help: "New name.") var name: String?
    @Option(help: "What it is for.") var description: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard name != nil || description != nil else { throw ValidationError("nothing to change") }
    }

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("name", name)
        list.add("description", description)
        let path = APIPath(RolesCommand.path + [try APIPath.checked(id)])
        let answer = try await session.client.call("PATCH", path, body: .object(list.object)).json()
        session.console.output(try session.renderer.item(answer, details: RolesCommand.columns))
    }
}

/// `auth roles delete ID`.
struct DeleteRoleCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a role that nobody holds.")

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("delete the role \(id)?", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(RolesCommand.path + [id]))
        try session.confirm("deleted \(id)", try answer.json())
    }
}

/// `auth roles allow ID PERMISSION`.
struct AllowCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow",
        abstract: "Add a permission to a role; whoever holds the role may use it at once."
    )

    @Argument(help: "Identifier of the role.") var id: String
    @Argument(help: "Permission, such as cert.read.") var permission: String
    @OptionGroup var scope: ScopeOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("permission", permission)
        scope.add(to: &list)
        let path = APIPath(RolesCommand.path + [try APIPath.checked(id), "permissions"])
        let answer = try await session.client.call("POST", path, body: .object(list.object))
        try session.confirm("\(id) allows \(permission)", try answer.json())
    }
}

/// `auth roles disallow ID PERMISSION`.
struct DisallowCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "disallow", abstract: "Remove a permission from a role.")

    @Argument(help: "Identifier of the role.") var id: String
    @Argument(help: "Permission, such as cert.read.") var permission: String
    @OptionGroup var scope: ScopeOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let segments = [try APIPath.checked(id), "permissions", try APIPath.checked(permission)]
        let answer = try await session.client.call(
            "DELETE", APIPath(RolesCommand.path + segments, query: scope.query))
        try session.confirm("\(id) no longer allows \(permission)", try answer.json())
    }
}
