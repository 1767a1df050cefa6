/// What the operator of this host allows, whatever the server asks for (specification, targets §3).
package struct HostPolicy: Hashable, Sendable {
    /// Path prefixes that may be written; `nil` allows every path that is not a protected system path.
    package let allowedPaths: [String]?
    /// Programs by name or absolute path; `nil` allows all but interpreters.
    package let allowedCommands: [String]?
    /// Target types by name; `nil` allows all.
    package let allowedTargetTypes: [String]?

    package init(
        allowedPaths: [String]? = nil,
        allowedCommands: [String]? = nil,
        allowedTargetTypes: [String]? = nil
    ) {
        self.allowedPaths = allowedPaths
        self.allowedCommands = allowedCommands
        self.allowedTargetTypes = allowedTargetTypes
    }

    package static let unrestricted = HostPolicy()

    package func allows(path: String) -> Bool {
        guard let allowedPaths else { return true }
        return allowedPaths.contains {
            PathText.isWithin(path, $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0)
        }
    }

    package func allows(targetType: String) -> Bool { allowedTargetTypes?.contains(targetType) ?? true }

    /// Whether the operator named this program, by name or by absolute path.
    func names(program: String) -> Bool {
        guard let allowedCommands else { return false }
        return allowedCommands.contains { $0 == program || $0 == PathText.name(of: program) }
    }
}
