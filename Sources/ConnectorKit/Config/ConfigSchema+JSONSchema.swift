package import Encoding

extension ConfigSchema {
    /// JSON Schema (2020-12) for forms and clients. Secret fields carry `"writeOnly": true`.
    package var jsonSchema: JSONValue {
        var schema = Self.objectSchema(fields)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        return schema
    }

    private static func objectSchema(_ fields: [ConfigField]) -> JSONValue {
        var properties = JSONObject()
        for field in fields { properties[field.name] = schema(of: field) }
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        let required = fields.filter(\.isRequired).map(\.name)
        if !required.isEmpty { schema["required"] = JSONValue(required) }
        return .object(schema)
    }

    private static func schema(of field: ConfigField) -> JSONValue {
        var schema = kindSchema(field.kind)
        schema["title"] = .string(field.title)
        schema["description"] = .string(field.description)
        if let value = field.defaultValue { schema["default"] = value }
        if field.isSecret {
            schema["writeOnly"] = true
            schema["x-secret"] = true
        }
        return schema
    }

    private static func kindSchema(_ kind: ConfigField.Kind) -> JSONValue {
        switch kind {
        case .string: ["type": "string"]
        case .path: ["type": "string", "pattern": "^/"]
        case .boolean: ["type": "boolean"]
        case .integer(let range):
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .duration:
            ["type": ["integer", "string"], "minimum": 0, "pattern": "^([0-9]+(ns|us|ms|s|m|h))+$"]
        case .fileMode: ["type": ["integer", "string"], "minimum": 0, "maximum": 511, "pattern": "^0?[0-7]{3}$"]
        case .command: ["type": ["string", "array"], "items": ["type": "string"], "minItems": 1, "maxLength": 1024]
        case .choice(let choices): ["type": "string", "enum": JSONValue(choices)]
        case .list(let element): ["type": "array", "items": kindSchema(element)]
        case .object(let fields): objectSchema(fields)
        }
    }
}
