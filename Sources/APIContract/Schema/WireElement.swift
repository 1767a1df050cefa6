package import Domain
package import Encoding

/// A value with one JSON form.
package protocol WireElement: Sendable {
    /// `nil` for JSON of another form.
    init?(wire: JSONValue)
    var wire: JSONValue { get }
    static var wireSchema: Schema { get }
}

extension String: WireElement {
    package init?(wire: JSONValue) {
        guard let text = wire.stringValue else { return nil }
        self = text
    }
    package var wire: JSONValue { .string(self) }
    package static var wireSchema: Schema { .text(0...4096) }
}

extension Int: WireElement {
    package init?(wire: JSONValue) {
        guard let number = wire.integerValue else { return nil }
        self = Int(number)
    }
    package var wire: JSONValue { .integer(Int64(self)) }
    package static var wireSchema: Schema { .count }
}

extension Double: WireElement {
    package init?(wire: JSONValue) {
        guard let number = wire.numberValue else { return nil }
        self = number
    }
    package var wire: JSONValue { .number(self) }
    package static var wireSchema: Schema { .number }
}

extension Bool: WireElement {
    package init?(wire: JSONValue) {
        guard let flag = wire.boolValue else { return nil }
        self = flag
    }
    package var wire: JSONValue { .bool(self) }
    package static var wireSchema: Schema { .boolean }
}

extension JSONValue: WireElement {
    package init?(wire: JSONValue) { self = wire }
    package var wire: JSONValue { self }
    package static var wireSchema: Schema { .any }
}

extension JSONObject: WireElement {
    package init?(wire: JSONValue) {
        if wire.isNull { self.init() } else if let object = wire.objectValue { self = object } else { return nil }
    }
    package var wire: JSONValue { .object(self) }
    package static var wireSchema: Schema { .anyObject }
}

extension Timestamp: WireElement {
    package init?(wire: JSONValue) {
        guard let text = wire.stringValue, let time = try? Timestamp(rfc3339: text) else { return nil }
        self = time
    }
    package var wire: JSONValue { .string(rfc3339) }
    package static var wireSchema: Schema { .timestamp }

    /// What a member holds before it is set.
    package static let epoch = Timestamp(secondsSinceEpoch: 0)
}

extension EntityID: WireElement {
    package init?(wire: JSONValue) {
        guard let text = wire.stringValue else { return nil }
        self.init(stored: text)
    }
    package var wire: JSONValue { .string(text) }
    package static var wireSchema: Schema { Schema.form(.identifier, example: "\(Kind.prefix)-1") }

    /// What a member holds before it is set; no entity has it.
    package static var unset: Self { Self(stored: "") }
}

/// Arrays are never `null` when written; `null` is read as empty, as the earlier program wrote it.
extension Array: WireElement where Element: WireElement {
    package init?(wire: JSONValue) {
        if wire.isNull {
            self = []
            return
        }
        guard let elements = wire.arrayValue else { return nil }
        var decoded: [Element] = []
        decoded.reserveCapacity(elements.count)
        for element in elements {
            guard let value = Element(wire: element) else { return nil }
            decoded.append(value)
        }
        self = decoded
    }
    package var wire: JSONValue { .array(map(\.wire)) }
    package static var wireSchema: Schema { .list(Element.wireSchema) }
}

/// Maps are written with sorted keys.
extension Dictionary: WireElement where Key == String, Value: WireElement {
    package init?(wire: JSONValue) {
        self = [:]
        if wire.isNull { return }
        guard let object = wire.objectValue else { return nil }
        for member in object {
            guard let value = Value(wire: member.value) else { return nil }
            self[member.key] = value
        }
    }
    package var wire: JSONValue {
        .object(JSONObject(sorted { $0.key < $1.key }.map { JSONObject.Member(key: $0.key, value: $0.value.wire) }))
    }
    package static var wireSchema: Schema { Schema(.map(of: Value.wireSchema, maximum: 1000)) }
}

/// Enumerations that go by their raw value.
package protocol WireEnum: WireElement, RawRepresentable<String>, CaseIterable {}

extension WireEnum {
    package init?(wire: JSONValue) {
        guard let text = wire.stringValue else { return nil }
        self.init(rawValue: text)
    }
    package var wire: JSONValue { .string(rawValue) }
    package static var wireSchema: Schema { .choice(allCases.map(\.rawValue)) }
}

extension ActorType: WireEnum {}
extension AgentStatus: WireEnum {}
extension CAState: WireEnum {}
extension CertificateSource: WireEnum {}
extension CertificateStatus: WireEnum {}
extension ConfigSource: WireEnum {}
extension ConnectionTestStatus: WireEnum {}
extension JobErrorClass: WireEnum {}
extension JobStatus: WireEnum {}
extension JobTrigger: WireEnum {}
extension JobType: WireEnum {}
extension KeyAlgorithm: WireEnum {}
extension PathOutcome: WireEnum {}
extension RevocationReason: WireEnum {}
extension SignInMethod: WireEnum {}
extension TargetType: WireEnum {}
extension VerificationStatus: WireEnum {}

/// Issuer types also go by lower-case and historical names on the way in.
extension IssuerType: WireElement {
    package init?(wire: JSONValue) {
        guard let text = wire.stringValue else { return nil }
        self.init(accepting: text)
    }
    package var wire: JSONValue { .string(rawValue) }
    package static var wireSchema: Schema {
        let known = allCases.map(\.rawValue).joined(separator: ", ")
        let form = TextForm(code: "invalid_value", maximumLength: 32) { text in
            IssuerType(accepting: text) == nil ? "must be one of \(known)" : nil
        }
        return .form(form, example: "GenericCA")
    }
}
