import Encoding
import Query

/// Reading and writing of columns that hold JSON.
enum JSONColumn {
    static func parse(_ text: String, column: String) throws(DatabaseError) -> JSONValue {
        do {
            return try JSONValue(parsing: text)
        } catch {
            throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "column \(column) holds broken JSON")
        }
    }

    static func value(_ json: JSONValue) -> Value { .json(json.text) }

    static func value(_ texts: [String]) -> Value { .json(JSONValue(texts).text) }

    static func value(_ map: [String: String]) -> Value {
        let members = map.sorted { $0.key < $1.key }.map { JSONObject.Member(key: $0.key, value: .string($0.value)) }
        return .json(JSONValue.object(JSONObject(distinctMembers: members)).text)
    }
}

extension Row {
    func json(_ column: String) throws(DatabaseError) -> JSONValue {
        try JSONColumn.parse(try text(column), column: column)
    }

    func optionalJSON(_ column: String) throws(DatabaseError) -> JSONValue? {
        guard let text = try optionalText(column) else { return nil }
        return try JSONColumn.parse(text, column: column)
    }

    /// A JSON array of strings.
    func texts(_ column: String) throws(DatabaseError) -> [String] {
        let elements = try json(column).arrayValue ?? []
        return elements.compactMap(\.stringValue)
    }

    /// A JSON object whose members are strings.
    func textMap(_ column: String) throws(DatabaseError) -> [String: String] {
        var map: [String: String] = [:]
        for member in try json(column).objectValue ?? [:] {
            if let text = member.value.stringValue { map[member.key] = text }
        }
        return map
    }
}
