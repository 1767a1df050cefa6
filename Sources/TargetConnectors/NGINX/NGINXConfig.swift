import ConnectorKit
import Deployment
import Domain
import Encoding
import HostEffects

/// The validated configuration of an NGINX target (specification, targets §4.3).
struct NGINXConfig: Sendable {
    /// What the certificate file holds beside the leaf.
    enum ChainMode: String, Sendable, CaseIterable {
        /// Leaf and intermediates: what nginx needs, since it has no directive for a separate chain.
        case fullchain
        /// As ``fullchain``, and the intermediates once more in `chain_path` for others who want them.
        case separate
        /// The leaf alone, on explicit request.
        case leaf
    }

    let certificatePath: String
    let keyPath: String?
    let chainPath: String?
    let trustPath: String?
    let reload: CommandText
    let validate: CommandText
    let chainMode: ChainMode
    let certificateOwnership: Ownership
    let keyOwnership: Ownership
    let chainOwnership: Ownership
    let trustOwnership: Ownership
    let commandTimeout: Duration
    let verification: VerificationChoice
    let backupRetention: BackupRetention

    /// Takes a configuration that ``schema`` has found to be right.
    init?(_ config: JSONObject, defaults: TargetDefaults) {
        guard let certificatePath = config["cert_path"]?.stringValue else { return nil }
        self.certificatePath = certificatePath
        keyPath = config["key_path"]?.stringValue
        chainPath = config["chain_path"]?.stringValue
        trustPath = config["trust_path"]?.stringValue
        reload = config["reload_command"].flatMap(CommandText.init(json:)) ?? Self.defaultReload
        validate = config["validate_command"].flatMap(CommandText.init(json:)) ?? Self.defaultValidate
        let mode = config["chain_mode"]?.stringValue.flatMap(ChainMode.init(rawValue:))
        chainMode = mode ?? (chainPath == nil ? .fullchain : .separate)
        certificateOwnership = FileTargetFields.ownership("cert", in: config)
        keyOwnership = FileTargetFields.ownership("key", in: config)
        chainOwnership = FileTargetFields.ownership("chain", in: config)
        trustOwnership = FileTargetFields.ownership("trust", in: config)
        commandTimeout = config["command_timeout"].flatMap(DurationText.duration) ?? .seconds(60)
        verification = FileTargetFields.verification(in: config, defaults: defaults)
        backupRetention = FileTargetFields.retention(in: config, defaults: defaults)
    }

    /// Checks the new configuration and exits 1 on an error, unlike a bare `HUP`.
    static let defaultReload = CommandText.line("nginx -s reload")
    static let defaultValidate = CommandText.line("nginx -t")

    static let schema = ConfigSchema(
        paths + commands + ownerships + FileTargetFields.verification + FileTargetFields.common)

    private static let paths: [ConfigField] = [
        ConfigField(
            "cert_path",
            .path,
            title: "Certificate file",
            description: "What ssl_certificate names: leaf and intermediates. The directory must exist.",
            isRequired: true,
            check: FieldChecks.path
        ),
        ConfigField(
            "key_path",
            .path,
            title: "Key file",
            description: "What ssl_certificate_key names.",
            check: FieldChecks.path
        ),
        ConfigField(
            "chain_path",
            .path,
            title: "Chain file",
            description: "The intermediates once more, for programs that want them apart.",
            check: FieldChecks.path
        ),
        ConfigField(
            "trust_path",
            .path,
            title: "File of trusted CAs",
            description: "What ssl_client_certificate names: the CAs of the issuer's tree, kept as the tree is.",
            check: FieldChecks.path
        ),
        ConfigField(
            "chain_mode",
            .choice(ChainMode.allCases.map(\.rawValue)),
            title: "Chain",
            description: "leaf writes the leaf alone; separate needs chain_path."
        ),
    ]

    private static let commands: [ConfigField] = [
        ConfigField(
            "reload_command",
            .command,
            title: "Reload command",
            description: "Runs without a shell after the files are in place.",
            defaultValue: "nginx -s reload",
            check: FieldChecks.command
        ),
        ConfigField(
            "validate_command",
            .command,
            title: "Validate command",
            description: "Runs without a shell before and after the files change; a failure undoes the change.",
            defaultValue: "nginx -t",
            check: FieldChecks.command
        ),
    ]

    private static let ownerships: [ConfigField] =
        FileTargetFields.ownership("cert", "certificate file") + FileTargetFields.ownership("key", "key file")
        + FileTargetFields.ownership("chain", "chain file")
        + FileTargetFields.ownership("trust", "file of trusted CAs")

    /// Rules that span fields.
    static func crossCheck(_ config: JSONObject, _ base: JSONPointer) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        var seen: [String: String] = [:]
        for name in ["cert_path", "key_path", "chain_path", "trust_path"] {
            guard let path = config[name]?.stringValue else { continue }
            if let first = seen[path] {
                let detail = "\(name) and \(first) name the same file"
                problems.append(
                    FieldProblem(pointer: base.appending(name).text, code: "duplicate_path", detail: detail))
            }
            seen[path] = name
        }
        if config["chain_mode"]?.stringValue == ChainMode.separate.rawValue, config["chain_path"]?.stringValue == nil {
            let pointer = base.appending("chain_path").text
            problems.append(
                FieldProblem(pointer: pointer, code: "required", detail: "chain_mode separate needs chain_path")
            )
        }
        return problems
    }
}
