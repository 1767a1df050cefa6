package import Domain
package import Encoding

/// How a body is meant.
package enum BodyMode: Sendable {
    /// `POST` and `PUT`: `null` means that an optional member was not sent, and so may the empty string.
    case whole
    /// `PATCH` with `application/merge-patch+json`: `null` clears a member (RFC 7396).
    case mergePatch
    /// What a server answered. Bounds and unknown members are the server's business.
    case answer
}

/// A body that does not have its shape, with every problem found.
package struct ContractViolation: Error, Hashable, Sendable {
    package let problems: [FieldProblem]

    package init(problems: [FieldProblem]) { self.problems = problems }

    /// What a handler throws for it.
    package var serviceError: ServiceError {
        let count = problems.count
        let detail = count == 1 ? (problems.first?.detail ?? "") : "\(count) fields are invalid"
        return ServiceError(.validationFailed, detail, problems: problems)
    }
}

/// Walks a value along a schema and collects what is wrong with it.
package struct SchemaCheck {
    /// More problems than this help nobody.
    private static let maximumProblems = 100

    private let mode: BodyMode
    private let refusesUnknownMembers: Bool
    package private(set) var problems: [FieldProblem] = []

    package init(mode: BodyMode, refusesUnknownMembers: Bool = false) {
        self.mode = mode
        self.refusesUnknownMembers = refusesUnknownMembers
    }

    package mutating func check(_ value: JSONValue, against schema: Schema, at pointer: JSONPointer = .root) {
        guard problems.count < Self.maximumProblems else { return }
        switch (schema.kind, value) {
        case (.any, _), (.boolean, .bool), (.number, .integer), (.number, .number): break
        case (.integer(let range), _) where value.integerValue != nil:
            checkRange(value.integerValue ?? 0, range, at: pointer)
        case (.text(let rule), .string(let text)): check(text, rule, at: pointer)
        case (.array(let element, let maximum), .array(let elements)):
            checkCount(elements.count, maximum, at: pointer)
            for (index, item) in elements.prefix(maximum).enumerated() {
                check(item, against: element, at: pointer.appending(index))
            }
        case (.map(let element, let maximum), .object(let object)):
            checkCount(object.count, maximum, at: pointer)
            for member in object.members.prefix(maximum) {
                check(member.value, against: element, at: pointer.appending(member.key))
            }
        case (.object(let members), .object(let object)): check(object, members, at: pointer)
        case (.array, .null) where mode == .answer, (.map, .null) where mode == .answer: break
        default:
            report(pointer, "invalid_type", "must be \(schema.kind.expectation), not \(value.kindName)")
        }
    }

    private mutating func check(_ object: JSONObject, _ members: [Schema.Member], at pointer: JSONPointer) {
        for member in members {
            let place = pointer.appending(member.name)
            guard let value = object[member.name], !member.isAbsent(value, mode: mode) else {
                if member.isRequired, mode != .mergePatch {
                    report(place, "required", "\(member.name) is required")
                }
                continue
            }
            if mode == .mergePatch, value.isNull {
                if !member.isClearable { report(place, "not_clearable", "\(member.name) cannot be null") }
                continue
            }
            if mode == .whole, member.isCleared(by: value) { continue }
            check(value, against: member.schema, at: place)
        }
        guard refusesUnknownMembers else { return }
        for key in object.keys where !members.contains(where: { $0.name == key }) {
            report(pointer.appending(key), "unknown_member", "there is no such member")
        }
    }

    private mutating func check(_ text: String, _ rule: TextRule, at pointer: JSONPointer) {
        if !rule.choices.isEmpty, !rule.choices.contains(text) {
            let known = rule.choices.map { $0.isEmpty ? "the empty string" : $0 }.joined(separator: ", ")
            return report(pointer, "invalid_value", "must be one of \(known)")
        }
        guard mode != .answer else { return }
        let length = text.utf8.count
        if length < rule.length.lowerBound {
            return report(pointer, length == 0 ? "required" : "too_short", "must not be empty")
        }
        if length > rule.length.upperBound {
            return report(pointer, "too_long", "must be at most \(rule.length.upperBound) bytes long")
        }
        if let octet = text.utf8.first(where: { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }) {
            return report(pointer, "control_character", "must not hold the control character 0x\(Hex.encode([octet]))")
        }
        if let form = rule.form, let fault = form.fault(text) { report(pointer, form.code, fault) }
    }

    private mutating func checkRange(_ number: Int64, _ range: ClosedRange<Int64>, at pointer: JSONPointer) {
        guard mode != .answer, !range.contains(number) else { return }
        report(pointer, "out_of_range", "must be between \(range.lowerBound) and \(range.upperBound)")
    }

    private mutating func checkCount(_ count: Int, _ maximum: Int, at pointer: JSONPointer) {
        guard mode != .answer, count > maximum else { return }
        report(pointer, "too_many", "must hold at most \(maximum) elements")
    }

    private mutating func report(_ pointer: JSONPointer, _ code: String, _ detail: String) {
        problems.append(FieldProblem(pointer: pointer.text, code: code, detail: detail))
    }
}

extension Schema.Kind {
    fileprivate var expectation: String {
        switch self {
        case .any: "a value"
        case .boolean: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .text: "a string"
        case .array: "an array"
        case .map, .object: "an object"
        }
    }
}
