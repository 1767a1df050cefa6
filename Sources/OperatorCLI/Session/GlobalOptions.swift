import ArgumentParser
import Settings

extension OutputFormat: ExpressibleByArgument {}

/// Options that every command of the client takes, anywhere on the line.
package struct GlobalOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .long], help: "table, wide, json, jsonl, csv, yaml or name.")
    var format: OutputFormat?

    @Flag(help: "The same as --format json.")
    var json = false

    @Option(help: ArgumentHelp("Columns to show, in this order.", valueName: "a,b,c"))
    var columns: String?

    @Flag(help: "Leave out the header line and the total.")
    var noHeaders = false

    @Option(name: [.customShort("s"), .long], help: ArgumentHelp("Base URL of the server.", valueName: "url"))
    var server: String?

    @Option(
        name: [.customShort("c"), .long], help: ArgumentHelp("Context of the credentials file.", valueName: "name"))
    var context: String?

    @Option(help: ArgumentHelp("Credentials file.", valueName: "path"))
    var credentials: String?

    @Option(help: ArgumentHelp("API key; - reads it from standard input.", valueName: "key"))
    var apiKey: String?

    @Option(help: ArgumentHelp("File with the API key.", valueName: "path"))
    var apiKeyFile: String?

    @Option(help: ArgumentHelp("PEM file with the CAs to believe.", valueName: "path"))
    var caBundle: String?

    @Flag(help: "Do not verify the server's certificate (development, on this host only).")
    var insecure = false

    @Option(help: ArgumentHelp("Time one request may take.", valueName: "duration"))
    var timeout: String?

    @Flag(name: .shortAndLong, help: "No progress and no warnings.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Tell about requests, their status and duration.")
    var verbose = false

    package init() {}

    package func validate() throws {
        if json, let format, format != .json { throw ValidationError("--json contradicts --format \(format.rawValue)") }
        if apiKey != nil, apiKeyFile != nil { throw ValidationError("give only one of --api-key and --api-key-file") }
    }

    /// The values as setting flags; standard input is read here when it carries the key.
    func settingFlags(_ console: Console) throws(CLIFailure) -> [FlagValue] {
        var flags: [FlagValue] = []
        func add(_ key: String, _ flag: String, _ text: String?, _ form: FlagValue.Form = .argument) {
            if let text { flags.append(FlagValue(key: key, flag: flag, text: text, form: form)) }
        }
        add("server.url", "server", server)
        add("context", "context", context)
        add("config", "credentials", credentials)
        add("server.ca_bundle_path", "ca-bundle", caBundle)
        add("server.tls.insecure_skip_verify", "insecure", insecure ? "true" : nil)
        add("timeout", "timeout", timeout)
        add("format", "format", json ? "json" : format?.rawValue)
        add("api_key", "api-key-file", apiKeyFile, .file)
        if apiKey == "-" {
            guard let line = console.readLine(), !line.isEmpty else { throw .usage("no API key on standard input") }
            add("api_key", "api-key", line, .standardInput)
        } else {
            add("api_key", "api-key", apiKey)
        }
        return flags
    }

    /// The format for errors when the configuration itself is in error.
    var formatForErrors: OutputFormat { json ? .json : format ?? .table }
}
