package import Domain

/// Settings of the command line client (specification, operations §4.14; front ends §1.2).
package enum CLISettings {
    package static let serverURL = Setting<ServerURL>(
        "server.url",
        .serverURL,
        fallback: .localhost,
        names: SettingNames(onlyFlags: ["server"]),
        help: "Base URL of the control plane."
    )
    package static let apiKey = Setting<Secret?>(
        "api_key",
        .secret,
        derived: "none: requests go out unauthenticated",
        names: SettingNames(onlyFlags: ["api-key", "api-key-file"], credential: "certctl-api-key"),
        help: "Key that authenticates requests."
    )
    package static let caBundlePath = Setting<String?>(
        "server.ca_bundle_path",
        .path,
        derived: "the CA in the local data directory for this host, else the roots of the system",
        names: SettingNames(onlyFlags: ["ca-bundle"]),
        help: "PEM file with the only CAs that may vouch for the server."
    )
    package static let insecureSkipVerify = Setting<Bool>(
        "server.tls.insecure_skip_verify",
        .bool,
        fallback: false,
        names: SettingNames(onlyFlags: ["insecure"]),
        help: "Do not verify the certificate of the server. For development, on this host only."
    )
    package static let allowInsecure = Setting<Bool>(
        "allow_insecure",
        .bool,
        fallback: false,
        names: SettingNames(onlyFlags: [], inFile: false),
        help: "Accept --insecure towards other hosts as well."
    )
    package static let format = Setting<OutputFormat>(
        "format",
        .choice,
        fallback: .table,
        help: "How results are printed."
    )
    package static let timeout = Setting<Duration>(
        "timeout",
        .duration.within(.milliseconds(100) ... .hours(1)),
        fallback: .seconds(30),
        help: "Time one request may take."
    )
    package static let dataDirectory = Setting<String?>(
        "data_dir",
        .path,
        derived: "/var/lib/certctl for root and systemd, else ~/.local/share/certctl",
        names: SettingNames(onlyFlags: []),
        help: "Data directory of a server on this host, whose CA is trusted for localhost."
    )
    package static let context = Setting<String?>(
        "context",
        ValueGrammar.string.refined("a name of at most 64 of A-Z a-z 0-9 _ -") { CLIContexts.isValidName($0) },
        derived: "current_context of the credentials file",
        names: SettingNames(inFile: false),
        help: "Named context of the credentials file to use."
    )
    package static let config = Setting<String?>(
        "config",
        .path,
        derived: "~/.config/certctl/credentials.toml",
        names: SettingNames(onlyFlags: ["credentials"], inFile: false),
        help: "Credentials file with contexts; mode 0600 is required."
    )

    /// Every setting of the command line client.
    package static let all: [SettingDeclaration] = [
        serverURL.declaration, apiKey.declaration, caBundlePath.declaration, insecureSkipVerify.declaration,
        allowInsecure.declaration, format.declaration, timeout.declaration, dataDirectory.declaration,
        context.declaration, config.declaration,
    ]
}

/// How the command line client prints results (specification, front ends §1.3).
package enum OutputFormat: String, Sendable, CaseIterable {
    case table, wide, json, jsonl, csv, yaml, name
}
