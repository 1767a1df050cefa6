/// One reason why a configuration is refused.
package struct SettingViolation: Error, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// What an exit code is chosen by.
    package enum Kind: Hashable, Sendable {
        case invalid
        /// A file is open to others, or closed to this program.
        case permission
    }

    /// The environment name of the setting, or the file or key that is at fault.
    package let subject: String
    package let message: String
    package let kind: Kind

    package init(subject: String, message: String, kind: Kind = .invalid) {
        self.subject = subject
        self.message = message
        self.kind = kind
    }

    package var description: String { "\(subject): \(message)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.subject, left.message) < (right.subject, right.message)
    }
}

/// Every violation of one load, sorted by variable.
package struct InvalidConfiguration: Error, Sendable, CustomStringConvertible {
    package let program: Program
    package let violations: [SettingViolation]

    package init(program: Program, violations: [SettingViolation]) {
        self.program = program
        self.violations = Set(violations).sorted()
    }

    /// `78` (EX_CONFIG), or `77` (EX_NOPERM) when nothing but permissions is wrong.
    package var exitCode: Int32 {
        violations.allSatisfy { $0.kind == .permission } ? 77 : 78
    }

    /// One violation per line.
    package var description: String { violations.map(\.description).joined(separator: "\n") }
}
