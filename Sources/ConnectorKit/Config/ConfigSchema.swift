package import Domain
package import Encoding

/// The declared configuration of a connector type. Validation, redaction, the merge of kept secrets and the
/// exported JSON Schema all derive from it.
package struct ConfigSchema: Sendable {
    /// Stands for a secret in answers, and for "keep the stored one" in updates.
    package static let sentinel = "********"

    package let fields: [ConfigField]

    package init(_ fields: [ConfigField]) { self.fields = fields }

    /// Everything that is wrong with `config`, each problem with its JSON pointer below `base`.
    ///
    /// Members that the schema does not know are no error; ``unknownMembers(of:)`` names them. An explicit
    /// `null` counts as absent. A remaining sentinel is a problem: it must never be taken for a value.
    package func problems(in config: JSONValue, at base: JSONPointer) -> [FieldProblem] {
        guard case .object(let object) = config else {
            return [FieldProblem(pointer: base.text, code: "wrong_type", detail: "the configuration must be an object")]
        }
        return Self.problems(in: object, fields, at: base)
    }

    private static func problems(
        in object: JSONObject,
        _ fields: [ConfigField],
        at base: JSONPointer
    ) -> [FieldProblem] {
        let leftOver = unknown(object, fields).filter { object[$0] == .string(sentinel) }.map { name in
            FieldProblem(
                pointer: base.appending(name).text, code: "redacted_value",
                detail: "\(name) holds the placeholder of a hidden value; there is no stored value to keep")
        }
        return leftOver
            + fields.flatMap { field -> [FieldProblem] in
                let pointer = base.appending(field.name)
                guard let value = object[field.name], !value.isNull else {
                    guard field.isRequired else { return [] }
                    return [FieldProblem(pointer: pointer.text, code: "required", detail: "\(field.name) is required")]
                }
                return problems(of: value, field, at: pointer)
            }
    }

    private static func problems(
        of value: JSONValue,
        _ field: ConfigField,
        at pointer: JSONPointer
    ) -> [FieldProblem] {
        if value == .string(sentinel) {
            let detail = "\(field.name) holds the placeholder of a hidden secret; there is no stored value to keep"
            return [FieldProblem(pointer: pointer.text, code: "redacted_value", detail: detail)]
        }
        if case .object(let members) = field.kind, case .object(let object) = value {
            return problems(in: object, members, at: pointer)
        }
        if let refusal = field.kind.refusal(of: value) ?? field.check?(value) {
            return [FieldProblem(pointer: pointer.text, code: refusal.code, detail: "\(field.name): \(refusal.detail)")]
        }
        return []
    }

    /// Members at the top that the schema does not declare, for a warning.
    package func unknownMembers(of config: JSONObject) -> [String] {
        Self.unknown(config, fields)
    }

    private static func unknown(_ object: JSONObject, _ fields: [ConfigField]) -> [String] {
        let known = Set(fields.map(\.name))
        return object.keys.filter { !known.contains($0) }
    }

    /// The configuration as an answer may show it: secrets that are set become the sentinel, and so does whatever the
    /// schema does not know, which may be a secret under a misspelt name.
    package func redacted(_ config: JSONObject) -> JSONObject { Self.redacted(config, fields) }

    private static func redacted(_ object: JSONObject, _ fields: [ConfigField]) -> JSONObject {
        var shown = object
        for name in unknown(object, fields) where object[name]?.isNull == false { shown[name] = .string(sentinel) }
        for field in fields {
            guard let value = object[field.name] else { continue }
            if field.isSecret, !value.isNull, value != .string("") {
                shown[field.name] = .string(sentinel)
            } else if case .object(let members) = field.kind, case .object(let inner) = value {
                shown[field.name] = .object(redacted(inner, members))
            }
        }
        return shown
    }

    /// The update with every sentinel replaced by the stored value of the same secret.
    ///
    /// A sentinel without a stored value stays, and ``problems(in:at:)`` refuses it.
    package func merged(_ update: JSONObject, keeping stored: JSONObject) -> JSONObject {
        Self.merged(update, keeping: stored, fields)
    }

    private static func merged(
        _ update: JSONObject,
        keeping stored: JSONObject,
        _ fields: [ConfigField]
    ) -> JSONObject {
        var result = update
        for name in unknown(update, fields) where update[name] == .string(sentinel) {
            if let kept = stored[name] { result[name] = kept }
        }
        for field in fields {
            guard let value = update[field.name] else { continue }
            if field.isSecret, value == .string(sentinel), let kept = stored[field.name] {
                result[field.name] = kept
            } else if case .object(let members) = field.kind, case .object(let inner) = value {
                let old = stored[field.name]?.objectValue ?? [:]
                result[field.name] = .object(merged(inner, keeping: old, members))
            }
        }
        return result
    }
}
