import ArgumentParser
import Encoding

/// `certctl auth breakglass`.
struct BreakglassCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "breakglass",
        abstract: "Local accounts with a password, for the day when nothing else lets people in.",
        discussion: "The server knows these only while CERTCTL_BREAKGLASS_ENABLED is true.",
        subcommands: [
            ListBreakglassCommand.self, SetBreakglassCommand.self, UnlockBreakglassCommand.self,
            RemoveBreakglassCommand.self,
        ]
    )

    static let path = ["auth", "breakglass", "credentials"]
}

/// `auth breakglass list`.
struct ListBreakglassCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List local accounts.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(BreakglassCommand.path)).json()
        let columns = [
            Column("ACCOUNT", "actor_id"), Column("PASSWORD SET", "last_password_change_at", .instant),
            Column("CODE", "second_factor", .yesOrNo), Column("FAILURES", "failure_count"),
            Column("LOCKED UNTIL", "locked_until", .time),
        ]
        let rows = answer["credentials"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: columns))
    }
}

/// `auth breakglass set ACCOUNT`.
struct SetBreakglassCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a local account, or give one another password; its sessions end.",
        discussion: "The password is the first line of standard input: never an argument, which others can see."
    )

    @Argument(help: "Name of the account: bg- and a name.") var account: String
    @Option(help: "Role to grant everywhere; repeat it.") var role: [String] = []
    @Option(help: "Name of the person.") var displayName: String?
    @Option(help: "Address of the person.") var email: String?
    @Flag(help: "Ask for a code of an authenticator app too; its secret is shown once.") var secondFactor = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        if session.console.isInteractive { session.progress("Password for \(account):") }
        guard let password = session.console.readLine(), !password.isEmpty else {
            throw CLIFailure.usage("no password on standard input")
        }
        var list = MemberList()
        list.add("actor_id", account)
        list.add("password", password)
        list.add("display_name", displayName)
        list.add("email", email)
        list.add("roles", list: role)
        if secondFactor { list.add("second_factor", true) }
        let path = APIPath(BreakglassCommand.path)
        let answer = try await session.client.call("POST", path, body: .object(list.object)).json()
        let details = [
            Column("ACCOUNT", "actor_id"), Column("CREATED AT", "created_at", .time),
            Column("SECRET FOR THE APP", "totp_secret"), Column("THE SAME AS A URI", "totp_uri"),
        ]
        session.console.output(try session.renderer.item(answer, details: details))
    }
}

/// `auth breakglass unlock ACCOUNT`.
struct UnlockBreakglassCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "End the lock of a local account.")

    @Argument(help: "Name of the account.") var account: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let account = try APIPath.checked(account)
        let path = APIPath(BreakglassCommand.path + [account, "unlock"])
        try session.confirm("unlocked \(account)", try await session.client.call("POST", path).json())
    }
}

/// `auth breakglass remove ACCOUNT`.
struct RemoveBreakglassCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take the password of a local account away; its sessions end.")

    @Argument(help: "Name of the account.") var account: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let account = try APIPath.checked(account)
        try session.ask("take the password of \(account) away?", unless: yes)
        let path = APIPath(BreakglassCommand.path + [account])
        try session.confirm("removed \(account)", try await session.client.call("DELETE", path).json())
    }
}
