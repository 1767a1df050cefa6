/// What a string may be.
package struct TextRule: Sendable {
    /// Length in UTF-8 octets.
    package let length: ClosedRange<Int>
    /// The closed list of values; empty when any will do.
    package let choices: [String]
    package let form: TextForm?
    package let example: String

    package init(length: ClosedRange<Int>, choices: [String] = [], form: TextForm? = nil, example: String) {
        self.length = length
        self.choices = choices
        self.form = form
        self.example = example
    }
}

/// A syntax that strings of one meaning share.
package struct TextForm: Sendable {
    /// The `format` of JSON Schema, where there is one.
    package let format: String?
    /// An ECMA-262 pattern for clients; the check itself is code.
    package let pattern: String?
    /// The `code` of a field problem.
    package let code: String
    package let maximumLength: Int
    /// What is wrong with a text; `nil` when nothing is.
    package let fault: @Sendable (String) -> String?

    package init(
        format: String? = nil,
        pattern: String? = nil,
        code: String,
        maximumLength: Int,
        fault: @escaping @Sendable (String) -> String?
    ) {
        self.format = format
        self.pattern = pattern
        self.code = code
        self.maximumLength = maximumLength
        self.fault = fault
    }
}
