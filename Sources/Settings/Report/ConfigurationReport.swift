import Domain
import Encoding

/// The forms in which effective settings are printed.
package enum ReportFormat: String, Sendable, CaseIterable {
    case table, json, toml
}

/// Effective settings for a person: values, where they came from, secrets as fingerprints only.
package struct ConfigurationReport: Sendable {
    private let settings: [EffectiveSetting]
    private let showsOrigin: Bool
    private let fingerprint: @Sendable ([UInt8]) -> String

    /// - Parameters:
    ///   - settings: In the order in which they are shown.
    ///   - onlyChanged: Leaves out settings that have their default.
    ///   - showsOrigin: Adds where each value came from.
    ///   - fingerprint: The hexadecimal SHA-256 of a secret; four digits of it are shown.
    package init(
        _ settings: [EffectiveSetting],
        onlyChanged: Bool = false,
        showsOrigin: Bool = false,
        fingerprint: @escaping @Sendable ([UInt8]) -> String
    ) {
        self.settings = onlyChanged ? settings.filter(\.isChanged) : settings
        self.showsOrigin = showsOrigin
        self.fingerprint = fingerprint
    }

    /// The report, without a line break at its end.
    package func text(_ format: ReportFormat) -> String {
        switch format {
        case .table: table
        case .json: json.prettyText
        case .toml: toml
        }
    }

    /// What stands for the value: `set (sha256:ab12…, source=env:X)` for a secret, nothing when unset.
    private func shown(_ setting: EffectiveSetting) -> String? {
        guard let secret = setting.secret, setting.text == nil else { return setting.text }
        let digits = secret.withBytes { fingerprint($0) }.prefix(4)
        return "set (sha256:\(digits)…, source=\(setting.origin))"
    }

    private var table: String {
        var rows = [["KEY", "VALUE"] + (showsOrigin ? ["ORIGIN"] : [])]
        for setting in settings {
            let value = shown(setting) ?? setting.declaration.fallbackText.map { "(\($0))" } ?? "(unset)"
            rows.append([setting.declaration.key, value] + (showsOrigin ? [setting.origin.description] : []))
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private var json: JSONValue {
        var object = JSONObject()
        for setting in settings {
            var member: JSONObject = ["value": shown(setting).map(JSONValue.string) ?? .null]
            if showsOrigin { member["origin"] = .string(setting.origin.description) }
            member["environment"] = .string(setting.declaration.environmentName)
            object[setting.declaration.key] = .object(member)
        }
        return .object(object)
    }

    /// A file that gives the same configuration, once the secrets are filled in.
    private var toml: String {
        let entries = settings.filter { $0.declaration.names.inFile }.map { setting in
            let declaration = setting.declaration
            let origin = showsOrigin ? "  # \(setting.origin)" : ""
            if setting.secret != nil, setting.text == nil {
                return TOMLText.Entry(
                    key: declaration.key, line: "# \(TOMLText.leaf(declaration.key)) = \(shown(setting) ?? "")")
            }
            guard let text = setting.text else {
                return TOMLText.Entry(key: declaration.key, line: "# \(TOMLText.leaf(declaration.key)) is not set")
            }
            let value = TOMLText.value(text, kind: declaration.kind)
            return TOMLText.Entry(key: declaration.key, line: "\(TOMLText.leaf(declaration.key)) = \(value)\(origin)")
        }
        return TOMLText.document(entries)
    }
}
