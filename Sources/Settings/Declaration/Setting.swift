/// One setting of one program: the only place that says how it is named, what it accepts and what it means.
///
/// The environment name and the flag are derived from the key: `server.tls.cert_path`,
/// `CERTCTL_SERVER_TLS_CERT_PATH`, `--server-tls-cert-path`.
package struct Setting<Value: Sendable>: Sendable {
    package let declaration: SettingDeclaration
    let grammar: ValueGrammar<Value>
    /// The value when no source names one.
    let fallback: Value

    /// Declares a setting.
    ///
    /// - Parameters:
    ///   - key: The dotted name in a configuration file.
    ///   - grammar: What the value may look like, bounds included.
    ///   - fallback: The value when no source names one.
    ///   - derived: In words, where the value comes from when `fallback` is only a marker for "unset".
    ///   - reload: Whether a running server can take a new value.
    ///   - names: Further names, and sources that do not apply.
    ///   - help: One or two sentences for the operator.
    package init(
        _ key: String,
        _ grammar: ValueGrammar<Value>,
        fallback: Value,
        derived: String? = nil,
        reload: ReloadClass = .restart,
        names: SettingNames = SettingNames(),
        help: String
    ) {
        self.grammar = grammar
        self.fallback = fallback
        declaration = SettingDeclaration(
            key: key,
            kind: grammar.kind,
            expectation: grammar.expectation,
            isSecret: grammar.isSecret,
            fallbackText: derived ?? grammar.render(fallback),
            isFallbackDerived: derived != nil,
            reload: reload,
            names: names,
            help: help
        )
    }
}

extension Setting {
    /// Declares a setting that may stay unset.
    package init<Wrapped: Sendable>(
        _ key: String,
        _ grammar: ValueGrammar<Wrapped>,
        derived: String? = nil,
        reload: ReloadClass = .restart,
        names: SettingNames = SettingNames(),
        help: String
    ) where Value == Wrapped? {
        self.init(key, grammar.optional, fallback: nil, derived: derived, reload: reload, names: names, help: help)
    }
}

/// Whether a new value needs a restart (specification, operations §3.3).
package enum ReloadClass: String, Sendable {
    case hot, restart
}

/// Names of a setting beyond the derived ones, and the sources it cannot come from.
package struct SettingNames: Sendable {
    /// Accepted environment names besides the derived one.
    let environmentAliases: [String]
    /// Accepted flags besides the derived one, without hyphens.
    let flagAliases: [String]
    /// The only accepted flags, of a program that declares its flags itself.
    let onlyFlags: [String]?
    /// The file name of a systemd credential that carries the value.
    let credential: String?
    /// False for settings that say where the configuration file is.
    let inFile: Bool

    package init(
        environmentAliases: [String] = [],
        flagAliases: [String] = [],
        onlyFlags: [String]? = nil,
        credential: String? = nil,
        inFile: Bool = true
    ) {
        self.environmentAliases = environmentAliases
        self.flagAliases = flagAliases
        self.onlyFlags = onlyFlags
        self.credential = credential
        self.inFile = inFile
    }
}

/// A setting without its value type: what listings, help, templates and the loader need.
package struct SettingDeclaration: Sendable {
    package let key: String
    /// The name of the value grammar: `duration`, `list` …
    package let kind: String
    /// What a value must look like, as the end of the sentence "is not …".
    package let expectation: String
    package let isSecret: Bool
    /// The default in words or in its own grammar; `nil` when there is none.
    package let fallbackText: String?
    package let isFallbackDerived: Bool
    package let reload: ReloadClass
    package let help: String
    let names: SettingNames

    init(
        key: String,
        kind: String,
        expectation: String,
        isSecret: Bool,
        fallbackText: String?,
        isFallbackDerived: Bool,
        reload: ReloadClass,
        names: SettingNames,
        help: String
    ) {
        self.key = key
        self.kind = kind
        self.expectation = expectation
        self.isSecret = isSecret
        self.fallbackText = fallbackText
        self.isFallbackDerived = isFallbackDerived
        self.reload = reload
        self.names = names
        self.help = help
    }

    /// `CERTCTL_` and the key in capitals.
    package var environmentName: String {
        "CERTCTL_" + key.uppercased().replacing(".", with: "_")
    }

    /// The long flag that is derived from the key, without its hyphens.
    package var flagName: String {
        key.replacing(".", with: "-").replacing("_", with: "-")
    }

    var environmentNames: [String] { [environmentName] + names.environmentAliases }
    /// Every accepted long flag without its hyphens.
    package var flagNames: [String] { names.onlyFlags ?? [flagName] + names.flagAliases }
    /// The file of `$CREDENTIALS_DIRECTORY` that may carry the value: every secret has one.
    package var credentialName: String? { names.credential ?? (isSecret ? "certctl-\(flagName)" : nil) }
    /// A setting that locates the configuration file has no `_FILE` variant: the name would be taken twice.
    var hasFileVariant: Bool { names.inFile }
}
