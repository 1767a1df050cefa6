import Domain
import Encoding
import Settings

/// A configured client while one command runs.
package struct Session: Sendable {
    let environment: CLIEnvironment
    let configuration: CLIConfiguration
    let client: APIClient
    let renderer: Renderer
    let isQuiet: Bool

    var console: Console { environment.console }

    /// Loads the configuration and prepares the connection; nothing is sent yet.
    static func open(_ options: GlobalOptions, in environment: CLIEnvironment) throws -> Session {
        let flags = try options.settingFlags(environment.console)
        let loaded = try SettingsLoader.load(CLIConfiguration.self, flags: flags, host: environment.host)
        let console = environment.console
        let configuration = loaded.configuration
        var warnings = loaded.warnings
        if configuration.trust == .nobody { warnings.append("the server's certificate is not verified") }
        if !options.quiet {
            for warning in warnings { console.diagnostics("warning: \(TerminalText.line(warning))") }
        }
        let isVerbose = options.verbose
        let client = APIClient(
            transport: try environment.connect(configuration),
            apiKey: configuration.apiKey,
            timeout: configuration.timeout,
            time: environment.time,
            random: environment.random,
            trace: { line in if isVerbose { console.diagnostics(TerminalText.line(line)) } }
        )
        let columns = options.columns?.split(separator: ",").map(String.init) ?? []
        return Session(
            environment: environment,
            configuration: configuration,
            client: client,
            renderer: Renderer(
                format: configuration.format,
                columns: columns,
                hasHeader: !options.noHeaders,
                width: console.width
            ),
            isQuiet: options.quiet
        )
    }

    /// Progress for the person who waits.
    func progress(_ text: String) {
        if !isQuiet { console.diagnostics(TerminalText.block(text)) }
    }

    /// A sentence for people, the server's object for programs.
    func confirm(_ sentence: String, _ object: JSONValue) throws(CLIFailure) {
        switch configuration.format {
        case .table, .wide: console.output(TerminalText.block(sentence))
        case .json, .jsonl, .yaml, .csv, .name: console.output(try renderer.item(object, details: []))
        }
    }

    /// Asks before something is destroyed; without a person to ask, `--yes` must say so.
    func ask(_ question: String, unless confirmed: Bool) throws(CLIFailure) {
        if confirmed { return }
        guard console.isInteractive else {
            throw .usage("\(question)\n  not asked, because there is no terminal: add --yes")
        }
        console.diagnostics("\(TerminalText.block(question)) [y/N]")
        let answer = console.readLine()?.lowercased() ?? ""
        guard answer == "y" || answer == "yes" else { throw .usage("cancelled; nothing was changed") }
    }
}
