package import ArgumentParser
import ServerRuntime

/// `certctl signer`: CA keys in a process and a user of their own.
package struct SignerCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "signer",
        abstract: "Hold the keys of CAs in a process of their own.",
        subcommands: [ServeSigner.self]
    )

    package init() {}
}

/// `certctl signer serve`.
struct ServeSigner: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer at a Unix socket: make keys, sign with them, never give one away.",
        discussion: """
            Run it as a user of its own, to which the keys belong. A server reaches it by CERTCTL_SIGNER_SOCKET and issuers \
            with the key driver exec. Ends on SIGTERM and SIGINT.
            """
    )

    @Option(help: "Absolute path of the socket. Its folder belongs to this user or root.") var socket: String
    @Option(help: "Absolute path of the folder of the keys, mode 0700; made when it is not there.") var keys: String
    @Option(help: "File with the passphrase of the keys, mode 0600 or a systemd credential.") var passphraseFile: String
    @Option(help: "User that may ask, by name or number; repeat it. Without: the signer's own user.")
    var allowUser: [String] = []
    @Option(help: "Group of the socket, by name or number, which then has mode 0660 instead of 0600.")
    var socketGroup: String?
    @Option(help: "Written into the policy of each new key: the most signatures in a minute.")
    var maxSignaturesPerMinute: Int?
    @Flag(help: "Make no keys: only those are used that are in the folder.") var noNewKeys = false

    func validate() throws {
        for (name, path) in [("--socket", socket), ("--keys", keys), ("--passphrase-file", passphraseFile)]
        where !path.hasPrefix("/") {
            throw ValidationError("\(name) must be an absolute path")
        }
        if let most = maxSignaturesPerMinute, !(1...1_000_000).contains(most) {
            throw ValidationError("--max-signatures-per-minute must be from 1 to 1000000")
        }
    }

    func run() async throws {
        var options = SignerProgram.Options(socket: socket, keys: keys, passphraseFile: passphraseFile)
        options.users = allowUser
        options.group = socketGroup
        options.makesKeys = !noNewKeys
        options.signaturesPerMinute = maxSignaturesPerMinute
        do {
            try await SignerProgram(options).run()
        } catch {
            throw ExitCode(ServerCommand.report(error))
        }
    }
}
