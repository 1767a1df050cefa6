package import ArgumentParser
import Domain
import ServerRuntime
import Settings

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `certctl local-user`: local accounts of an installation, at its own host and without a credential.
package struct LocalUserCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "local-user",
        abstract: "Make or unlock a local account on the server's own host.",
        discussion: """
            For the first local administrator, and for one who is locked out. Needs access to the database and nothing \
            else; SQLite needs the server stopped. People can sign in to local accounts while \
            CERTCTL_BREAKGLASS_ENABLED is true.
            """,
        subcommands: [SetLocalUser.self, UnlockLocalUser.self]
    )

    package init() {}
}

/// `certctl local-user set`.
struct SetLocalUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a local account, or give one another password; its sessions end and it is unlocked.",
        discussion: "The password is the first line of standard input; on a terminal it is asked for, unseen."
    )

    @Argument(help: "Name of the account: bg- and a name.") var name: String
    @Option(help: "Role to grant everywhere, such as r-admin; repeat it.") var role: [String] = []
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        guard let password = HiddenLine.read("Password for \(name):"), !password.isEmpty else {
            throw ValidationError("no password on standard input")
        }
        let (name, role) = (name, role)
        let status = await DatabaseVerb.perform(for: .exclusive, flags: options.flags, host: .current()) { schema in
            try await schema.setLocalAccount(name, password: password, roles: role)
            StandardOutput.write("password of \(name) set")
            return .success
        }
        throw ExitCode(status)
    }
}

/// `certctl local-user unlock`.
struct UnlockLocalUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "End the lock of a local account.")

    @Argument(help: "Name of the account.") var name: String
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        let name = name
        let status = await DatabaseVerb.perform(for: .exclusive, flags: options.flags, host: .current()) { schema in
            try await schema.unlockLocalAccount(name)
            StandardOutput.write("unlocked \(name)")
            return .success
        }
        throw ExitCode(status)
    }
}

/// A line that does not appear on the terminal.
enum HiddenLine {
    static func read(_ prompt: String) -> Secret? {
        guard isatty(STDIN_FILENO) == 1 else { return readLine().map { Secret($0) } }
        StandardError.write(prompt)
        var shown = termios()
        guard tcgetattr(STDIN_FILENO, &shown) == 0 else { return nil }
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown) }
        return readLine().map { Secret($0) }
    }
}
