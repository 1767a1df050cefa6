import APIContract
package import ArgumentParser
import Domain
import Encoding
import HostEffects
import Settings

/// `certctl setup`.
package struct SetupCommand: OperatorCommand {
    package static let configuration = CommandConfiguration(
        commandName: "setup",
        abstract: "Make the first administrator with the server's one-time token and store its key.",
        discussion: "The key goes into the credentials file (mode 0600) as a context, which becomes the usual one."
    )

    @Option(help: "The token that the server printed; - reads it from standard input.") var token: String?
    @Option(help: ArgumentHelp("File with the token.", valueName: "path")) var tokenFile: String?
    @Option(help: "Base URL of the server; the same as --server.") var url: String?
    @Option(help: "Name of the administrator.") var name = "admin"
    @Option(help: "Name of the context to write.") var saveAs = "default"
    @OptionGroup(title: "Global options") var options: GlobalOptions

    package init() {}

    package var globals: GlobalOptions {
        var globals = options
        if let url { globals.server = url }
        return globals
    }

    package func validate() throws {
        if (token == nil) == (tokenFile == nil) { throw ValidationError("give one of --token and --token-file") }
        if url != nil, options.server != nil { throw ValidationError("give only one of --url and --server") }
        if !CLIContexts.isValidName(saveAs) { throw ValidationError("--save-as is not a name of A-Z a-z 0-9 _ -") }
    }

    package func run(_ session: Session) async throws {
        // The place for the key is checked before the token is used up: it works only once.
        var file = try CredentialsFile.open(session)
        try file.save(session.environment)
        let body: JSONValue = ["token": .string(try readToken(session)), "actor_name": .string(name)]
        let json = try await session.client.call("POST", APIPath(["auth", "bootstrap"]), body: body).json()
        guard let answer = BootstrapAnswer(wire: json) else {
            throw CLIFailure.malformedAnswer("the server's answer is not that of a set-up")
        }
        file.set(saveAs, context(session, key: answer.keyValue))
        try file.use(saveAs)
        do {
            try file.save(session.environment)
        } catch {
            // The token is spent: losing the only administrator's key would be worse than showing it.
            session.console.output(answer.keyValue)
            throw error
        }
        let lines = [
            "administrator \(answer.actorID) created",
            "key stored in \(file.path) (context \(saveAs))",
            "try: certctl status, certctl certs issue app.example.test --save .",
        ]
        let summary: JSONValue = [
            "actor_id": .string(answer.actorID), "api_key_id": .string(answer.apiKeyID.text),
            "context": .string(saveAs), "credentials_file": .string(file.path),
        ]
        try session.confirm(lines.joined(separator: "\n"), summary)
    }

    private func readToken(_ session: Session) throws(CLIFailure) -> String {
        let text: String
        if let tokenFile {
            guard let octets = try LocalFiles.read(tokenFile, fileSystem: session.environment.fileSystem) else {
                throw .file(message: "\(tokenFile): no such file", isPermission: false)
            }
            text = String(decoding: octets, as: UTF8.self)
        } else if token == "-" {
            text = session.console.readLine() ?? ""
        } else {
            text = token ?? ""
        }
        let trimmed = text.filter { !$0.isWhitespace }
        guard !trimmed.isEmpty else { throw .usage("the token is empty") }
        return trimmed
    }

    private func context(_ session: Session, key: String) -> [String: String] {
        var values = ["server.url": session.configuration.serverURL.text, "api_key": key]
        if case .bundle(let path) = session.configuration.trust {
            values["server.ca_bundle_path"] = PathRules.realPath(path) ?? path
        }
        return values
    }
}
