package import Domain

/// The validated configuration of the command line client.
package struct CLIConfiguration: Configuration {
    package static let program = Program.cli

    package let serverURL: ServerURL
    package let apiKey: Secret?
    package let trust: Trust
    package let format: OutputFormat
    /// Time one request may take.
    package let timeout: Duration
    /// The credentials file to write to; `nil` without a home directory.
    package let credentialsPath: String?

    /// Who vouches for the server.
    package enum Trust: Hashable, Sendable {
        case system
        case bundle(path: String)
        /// The CA of a server on this host, if there is one.
        case localServer(path: String)
        case nobody
    }

    package init(reading reader: inout SettingReader) {
        serverURL = reader.read(CLISettings.serverURL)
        apiKey = reader.read(CLISettings.apiKey)
        format = reader.read(CLISettings.format)
        timeout = reader.read(CLISettings.timeout)
        _ = reader.read(CLISettings.context)
        credentialsPath =
            reader.read(CLISettings.config) ?? Program.cli.defaultFiles(reader.host.environment).first
        if let credentialsPath { reader.derive(CLISettings.config, credentialsPath) }
        trust = Self.trust(serverURL, &reader)
    }

    private static func trust(_ url: ServerURL, _ reader: inout SettingReader) -> Trust {
        let bundle = reader.read(CLISettings.caBundlePath)
        let directory = reader.read(CLISettings.dataDirectory) ?? DataDirectory.fallback(reader.host)
        if let directory { reader.derive(CLISettings.dataDirectory, directory) }
        let allowed = reader.read(CLISettings.allowInsecure)
        if reader.read(CLISettings.insecureSkipVerify) {
            guard allowed || url.isLoopback else {
                reader.reject(
                    CLISettings.insecureSkipVerify,
                    because: "is refused for \(url.host), which is not this host; "
                        + "use --ca-bundle, or set CERTCTL_ALLOW_INSECURE=1"
                )
                return .system
            }
            return .nobody
        }
        if let bundle { return .bundle(path: bundle) }
        if url.isLoopback, let directory { return .localServer(path: "\(directory)/tls/ca.crt") }
        return .system
    }
}
