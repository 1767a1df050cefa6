package import Encoding

/// One member of a connector's configuration: what it means, what it accepts, and whether it is secret.
package struct ConfigField: Sendable {
    /// What a member may hold.
    package indirect enum Kind: Sendable {
        case string
        /// An absolute path on the host that uses the configuration.
        case path
        case boolean
        case integer(ClosedRange<Int64>)
        /// Integer nanoseconds, or text such as `500ms`, `10s`, `5m` (specification, targets, introduction).
        case duration(ClosedRange<Duration>)
        /// The permission bits as a decimal integer, or octal text such as `0640`.
        case fileMode
        /// One line, or an argument vector.
        case command
        case choice([String])
        case list(of: Kind)
        case object([ConfigField])
    }

    /// A value that has the right kind and is still refused.
    package struct Refusal: Hashable, Sendable {
        /// Stable and snake_case.
        package let code: String
        package let detail: String

        package init(_ code: String, _ detail: String) {
            self.code = code
            self.detail = detail
        }
    }

    package let name: String
    package let title: String
    package let description: String
    package let kind: Kind
    package let defaultValue: JSONValue?
    package let isRequired: Bool
    /// Shown as ``ConfigSchema/sentinel`` and never returned.
    package let isSecret: Bool
    /// Looks at a value that has the right kind.
    package let check: (@Sendable (JSONValue) -> Refusal?)?

    package init(
        _ name: String,
        _ kind: Kind,
        title: String,
        description: String,
        defaultValue: JSONValue? = nil,
        isRequired: Bool = false,
        isSecret: Bool = false,
        check: (@Sendable (JSONValue) -> Refusal?)? = nil
    ) {
        self.name = name
        self.kind = kind
        self.title = title
        self.description = description
        self.defaultValue = defaultValue
        self.isRequired = isRequired
        self.isSecret = isSecret
        self.check = check
    }
}
