import Encoding

extension ConfigField.Kind {
    /// Why `value` does not have this kind; `nil` when it does.
    func refusal(of value: JSONValue) -> ConfigField.Refusal? {
        switch self {
        case .string: value.stringValue == nil ? wrongType("a string", value) : nil
        case .path: pathRefusal(value)
        case .boolean: value.boolValue == nil ? wrongType("true or false", value) : nil
        case .integer(let range): integerRefusal(value, range)
        case .duration(let range): durationRefusal(value, range)
        case .fileMode: fileModeRefusal(value)
        case .command: commandRefusal(value)
        case .choice(let choices): choiceRefusal(value, choices)
        case .list(let kind): listRefusal(value, kind)
        case .object: value.objectValue == nil ? wrongType("an object", value) : nil
        }
    }

    private func wrongType(_ expected: String, _ value: JSONValue) -> ConfigField.Refusal {
        .init("wrong_type", "must be \(expected), is \(value.kindName)")
    }

    private func pathRefusal(_ value: JSONValue) -> ConfigField.Refusal? {
        guard let text = value.stringValue else { return wrongType("a path", value) }
        return text.hasPrefix("/") ? nil : .init("not_absolute", "must be an absolute path")
    }

    private func integerRefusal(_ value: JSONValue, _ range: ClosedRange<Int64>) -> ConfigField.Refusal? {
        guard let number = value.integerValue else { return wrongType("an integer", value) }
        if range.contains(number) { return nil }
        return .init("out_of_range", "must be from \(range.lowerBound) to \(range.upperBound)")
    }

    private func durationRefusal(_ value: JSONValue, _ range: ClosedRange<Duration>) -> ConfigField.Refusal? {
        guard value.stringValue != nil || value.integerValue != nil else {
            return wrongType("a duration such as \"10s\" or integer nanoseconds", value)
        }
        guard let duration = DurationText.duration(value) else {
            return .init("invalid_duration", "write a number with ms, s, m or h, such as \"10s\"")
        }
        if range.contains(duration) { return nil }
        let bounds = "\(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
        return .init("out_of_range", "must be from \(bounds); integers are nanoseconds")
    }

    private func fileModeRefusal(_ value: JSONValue) -> ConfigField.Refusal? {
        guard value.stringValue != nil || value.integerValue != nil else {
            return wrongType("octal text such as \"0640\" or the decimal value of the bits", value)
        }
        if FileModeText.mode(value) != nil { return nil }
        return .init(
            "invalid_mode",
            "must be octal text up to \"0777\" or a decimal integer up to 511; 640 as a number is almost surely a mistake"
        )
    }

    private func commandRefusal(_ value: JSONValue) -> ConfigField.Refusal? {
        if value.stringValue != nil { return nil }
        if let arguments = value.arrayValue, arguments.allSatisfy({ $0.stringValue != nil }) { return nil }
        return wrongType("a command line or an array of arguments", value)
    }

    private func choiceRefusal(_ value: JSONValue, _ choices: [String]) -> ConfigField.Refusal? {
        guard let text = value.stringValue else { return wrongType("a string", value) }
        if choices.contains(text) { return nil }
        return .init("unknown_value", "must be one of \(choices.joined(separator: ", "))")
    }

    private func listRefusal(_ value: JSONValue, _ kind: ConfigField.Kind) -> ConfigField.Refusal? {
        guard let elements = value.arrayValue else { return wrongType("an array", value) }
        for (index, element) in elements.enumerated() {
            if let refusal = kind.refusal(of: element) {
                return .init(refusal.code, "element \(index): \(refusal.detail)")
            }
        }
        return nil
    }
}
