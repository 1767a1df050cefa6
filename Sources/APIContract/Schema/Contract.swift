import Domain
package import Encoding

/// A JSON object of the API. One declaration, ``contract``, gives its checks, its coding and its OpenAPI schema.
package protocol WireValue: WireElement {
    init()
    static var contract: Contract<Self> { get }
}

extension WireValue {
    /// Fills a fresh value: `TeamBody { $0.name = "platform" }`.
    package init(_ fill: (inout Self) throws -> Void) rethrows {
        self.init()
        try fill(&self)
    }

    package init?(wire: JSONValue) {
        guard let object = wire.objectValue else { return nil }
        guard let value = Self.contract.read(object, mode: .answer) else { return nil }
        self = value
    }

    package var wire: JSONValue { .object(Self.contract.write(self)) }

    /// The same as ``wire``, by the name that call sites outside this module read better.
    package var json: JSONValue { wire }

    package static var wireSchema: Schema { contract.schema }

    /// Checks and decodes; throws every problem at once.
    package static func decode(
        _ json: JSONValue,
        mode: BodyMode = .whole,
        refusesUnknownMembers: Bool = false
    ) throws(ContractViolation) -> Self {
        var check = SchemaCheck(mode: mode, refusesUnknownMembers: refusesUnknownMembers)
        check.check(json, against: contract.schema)
        guard check.problems.isEmpty else { throw ContractViolation(problems: check.problems) }
        guard let object = json.objectValue, let value = contract.read(object, mode: mode) else {
            throw ContractViolation(problems: [.init(pointer: "", code: "invalid_type", detail: "must be an object")])
        }
        return value
    }
}

/// The members of a ``WireValue``, each declared once.
package struct Contract<Root: WireValue>: Sendable {
    package let schema: Schema
    private let fields: [Field<Root>]

    package init(_ name: String, _ summary: String, example: JSONValue? = nil, _ fields: [Field<Root>]) {
        self.fields = fields
        schema = Schema(.object(fields.map(\.member)), name: name, summary: summary, example: example)
    }

    func read(_ object: JSONObject, mode: BodyMode) -> Root? {
        var root = Root()
        for field in fields {
            guard let value = object[field.member.name] else { continue }
            guard field.member.isAbsent(value, mode: mode) || field.read(value, &root) else { return nil }
        }
        return root
    }

    func write(_ root: Root) -> JSONObject {
        var members: [JSONObject.Member] = []
        members.reserveCapacity(fields.count)
        for field in fields {
            guard let value = field.write(root) else { continue }
            members.append(JSONObject.Member(key: field.member.name, value: value))
        }
        return JSONObject(distinctMembers: members)
    }
}

extension Schema.Member {
    /// Whether a member that is there counts as not sent: earlier clients send `null` and `""` for what they leave unset.
    func isAbsent(_ value: JSONValue, mode: BodyMode) -> Bool {
        switch (mode, value) {
        case (.mergePatch, _): false
        case (.whole, .null), (.answer, .null): true
        case (.whole, .string("")): emptyTextIsAbsent && schema.hasNoEmptyText
        case (.answer, .string("")): !isRequired && schema.hasNoEmptyText
        default: false
        }
    }

    /// Whether the empty string of a `PUT` takes the value away.
    func isCleared(by value: JSONValue) -> Bool {
        value == "" && isClearable && !emptyTextIsAbsent && schema.hasNoEmptyText
    }
}

extension Schema {
    fileprivate var hasNoEmptyText: Bool {
        guard case .text(let rule) = kind else { return false }
        return rule.length.lowerBound > 0 || (!rule.choices.isEmpty && !rule.choices.contains(""))
    }
}
