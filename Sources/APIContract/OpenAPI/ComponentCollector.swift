import Encoding

/// Turns schemas into JSON Schema 2020-12, named ones once under `components`.
struct ComponentCollector {
    private(set) var schemas = JSONObject()

    /// A reference to a named schema, or the schema itself.
    mutating func reference(_ schema: Schema) -> JSONValue {
        guard let name = schema.name else { return json(schema) }
        if schemas[name] == nil {
            schemas[name] = .null
            schemas[name] = json(schema)
        }
        return ["$ref": .string("#/components/schemas/\(name)")]
    }

    private mutating func json(_ schema: Schema) -> JSONValue {
        switch schema.kind {
        case .any: return [:]
        case .boolean: return ["type": "boolean"]
        case .number: return ["type": "number"]
        case .integer(let range):
            return ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .text(let rule): return Self.json(rule)
        case .array(let element, let maximum):
            return ["type": "array", "items": reference(element), "maxItems": JSONValue(maximum)]
        case .map(let element, let maximum):
            return ["type": "object", "additionalProperties": reference(element), "maxProperties": JSONValue(maximum)]
        case .object(let members): return json(members, schema.summary)
        }
    }

    private mutating func json(_ members: [Schema.Member], _ summary: String) -> JSONValue {
        var properties = JSONObject()
        for member in members {
            var property = reference(member.schema)
            property["description"] = .string(member.summary)
            properties[member.name] = property
        }
        var object: JSONValue = ["type": "object", "properties": .object(properties)]
        if !summary.isEmpty { object["description"] = .string(summary) }
        let required = members.filter(\.isRequired).map(\.name)
        if !required.isEmpty { object["required"] = JSONValue(required) }
        return object
    }

    private static func json(_ rule: TextRule) -> JSONValue {
        var schema: JSONValue = ["type": "string"]
        if !rule.choices.isEmpty {
            schema["enum"] = JSONValue(rule.choices)
            return schema
        }
        if rule.length.lowerBound > 0 { schema["minLength"] = JSONValue(rule.length.lowerBound) }
        schema["maxLength"] = JSONValue(rule.length.upperBound)
        if let format = rule.form?.format { schema["format"] = .string(format) }
        if let pattern = rule.form?.pattern { schema["pattern"] = .string(pattern) }
        return schema
    }
}
