package import Domain

/// The effective value of one setting, for reports.
package struct EffectiveSetting: Sendable {
    package let declaration: SettingDeclaration
    /// The value in its own grammar; `nil` when unset or secret.
    package let text: String?
    /// The value of a secret setting that is set.
    package let secret: Secret?
    package let origin: Origin

    /// Whether any source but the default named the value.
    package var isChanged: Bool { origin != .fallback }
}

/// Hands typed values to the initializer of a configuration and collects everything that is wrong.
///
/// After a violation the fallback is returned, so that one pass finds all of them; the loader then throws the
/// half-built configuration away.
package struct SettingReader: Sendable {
    package let host: SettingHost
    private let values: [String: RawSetting]
    private(set) var violations: [SettingViolation]
    private(set) var effective: [String: EffectiveSetting] = [:]
    private var rejected: Set<String> = []

    init(host: SettingHost, values: [String: RawSetting], violations: [SettingViolation]) {
        self.host = host
        self.values = values
        self.violations = violations
    }

    /// The effective value of `setting`.
    package mutating func read<Value>(_ setting: Setting<Value>) -> Value {
        let declaration = setting.declaration
        guard let raw = values[declaration.key] else {
            record(declaration, text: setting.grammar.render(setting.fallback), secret: nil, origin: .fallback)
            return setting.fallback
        }
        guard let value = setting.grammar.parse(raw.content) else {
            let spelled = declaration.isSecret ? "the value" : "\"\(raw.content.shown)\""
            reject(declaration, because: "\(spelled) from \(raw.origin) is not \(declaration.expectation)")
            return setting.fallback
        }
        let secret: Secret? = declaration.isSecret ? Secret(raw.content.shown) : nil
        let text = declaration.isSecret ? nil : setting.grammar.render(value)
        record(declaration, text: text, secret: secret, origin: raw.origin)
        return value
    }

    /// Whether any source but the default named the setting.
    package func isGiven<Value>(_ setting: Setting<Value>) -> Bool { values[setting.declaration.key] != nil }

    /// Where the value came from; `nil` when it is the default.
    package func origin<Value>(of setting: Setting<Value>) -> Origin? { values[setting.declaration.key]?.origin }

    /// Whether the value of the setting has been found wrong.
    package func isRejected<Value>(_ setting: Setting<Value>) -> Bool { rejected.contains(setting.declaration.key) }

    /// Records that the value of `setting` breaks a rule that its grammar cannot state.
    package mutating func reject<Value>(
        _ setting: Setting<Value>,
        because reason: String,
        kind: SettingViolation.Kind = .invalid
    ) {
        reject(setting.declaration, because: reason, kind: kind)
    }

    private mutating func reject(
        _ declaration: SettingDeclaration,
        because reason: String,
        kind: SettingViolation.Kind = .invalid
    ) {
        rejected.insert(declaration.key)
        violations.append(SettingViolation(subject: declaration.environmentName, message: reason, kind: kind))
    }

    /// Records the value that took the place of an unset setting.
    package mutating func derive<Value>(_ setting: Setting<Value>, _ text: String) {
        let origin = effective[setting.declaration.key]?.origin ?? .fallback
        record(setting.declaration, text: text, secret: nil, origin: origin)
    }

    private mutating func record(_ declaration: SettingDeclaration, text: String?, secret: Secret?, origin: Origin) {
        effective[declaration.key] = EffectiveSetting(
            declaration: declaration,
            text: text,
            secret: secret,
            origin: origin
        )
    }
}
