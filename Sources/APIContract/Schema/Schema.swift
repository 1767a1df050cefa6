package import Encoding

/// The shape of a JSON value: drives the checks of request bodies and the OpenAPI document alike.
package struct Schema: Sendable {
    package indirect enum Kind: Sendable {
        case any
        case boolean
        case integer(ClosedRange<Int64>)
        case number
        case text(TextRule)
        case array(of: Schema, maximum: Int)
        /// An object with free keys and values of one shape.
        case map(of: Schema, maximum: Int)
        case object([Member])
    }

    /// One named member of an object.
    package struct Member: Sendable {
        package let name: String
        package let schema: Schema
        package let isRequired: Bool
        /// `null` in a merge patch (RFC 7396) clears the member.
        package let isClearable: Bool
        /// Whether the empty string counts as not sent where the member has no empty text: earlier clients send it for
        /// members that they leave unset.
        package let emptyTextIsAbsent: Bool
        package let summary: String
    }

    package let kind: Kind
    /// The component name in OpenAPI; `nil` for shapes that are written out where they occur.
    package let name: String?
    package let summary: String
    private let chosenExample: JSONValue?

    package init(_ kind: Kind, name: String? = nil, summary: String = "", example: JSONValue? = nil) {
        self.kind = kind
        self.name = name
        self.summary = summary
        chosenExample = example
    }

    package func with(example: JSONValue) -> Schema {
        Schema(kind, name: name, summary: summary, example: example)
    }

    /// A value of this shape: the chosen one, or one put together from the members' examples.
    package var example: JSONValue {
        if let chosenExample { return chosenExample }
        switch kind {
        case .any: return .object(JSONObject())
        case .boolean: return true
        case .integer(let range): return .integer(range.contains(1) ? 1 : range.lowerBound)
        case .number: return 1.5
        case .text(let rule): return .string(rule.example)
        case .array(let element, _): return [element.example]
        case .map(let element, _): return ["key": element.example]
        case .object(let members):
            return .object(JSONObject(members.map { JSONObject.Member(key: $0.name, value: $0.schema.example) }))
        }
    }
}

extension Schema {
    package static let any = Schema(.any)
    /// An object whose members the connector type decides.
    package static let anyObject = Schema(.map(of: .any, maximum: 1000))
    package static let boolean = Schema(.boolean)
    package static let number = Schema(.number)
    package static let count = Schema(.integer(0...(1 << 53)))

    package static func integer(_ range: ClosedRange<Int64>) -> Schema { Schema(.integer(range)) }

    /// Text of `length` UTF-8 octets without control characters other than tab and line breaks.
    package static func text(_ length: ClosedRange<Int>, example: String = "text") -> Schema {
        Schema(.text(TextRule(length: length, example: example)))
    }

    package static func choice(_ choices: [String]) -> Schema {
        Schema(.text(TextRule(length: 0...255, choices: choices, example: choices.first ?? "")))
    }

    package static func form(_ form: TextForm, example: String) -> Schema {
        Schema(.text(TextRule(length: 1...form.maximumLength, form: form, example: example)))
    }

    package static func list(_ element: Schema, maximum: Int = 1000) -> Schema {
        Schema(.array(of: element, maximum: maximum))
    }

    package static let id = Schema.form(.identifier, example: "mc-api-prod")
    package static let timestamp = Schema.form(.timestamp, example: "2026-05-17T08:00:00Z")
    package static let name = Schema.text(1...255, example: "api-prod")
    package static let longText = Schema.text(0...4096, example: "")
    package static let pem = Schema.text(
        1...65_536, example: "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n")
    package static let fingerprint = Schema.text(
        0...64, example: "ab35e1a9cf6b2c2d4c7d1a8e9f0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"
    )
    package static let tags = Schema(.map(of: .text(0...255, example: "1"), maximum: 50), example: ["tier": "1"])
}
