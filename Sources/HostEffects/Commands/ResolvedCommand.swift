#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A command that passed the rules of this host: an absolute program that only root can change.
package struct ResolvedCommand: Hashable, Sendable {
    /// The first element is an absolute path.
    package let argv: [String]
    /// Neither well known nor named by the host policy; plans say so.
    package let isFlagged: Bool

    /// For display; arguments are separated by spaces.
    package var text: String { argv.joined(separator: " ") }

    /// Resolves the program through the fixed search path and checks it against policy and file modes.
    /// - Throws: ``CommandViolation``, or ``FileError`` when the program cannot be inspected.
    package init(_ command: CommandText, policy: HostPolicy, fileSystem: FileSystem) throws {
        let arguments = try CommandRules.argumentVector(command)
        let program = try Self.locate(arguments[0], fileSystem: fileSystem)
        let name = PathText.name(of: program)
        let real = PathRules.realPath(program) ?? program
        let isNamed = policy.names(program: program)
        if !isNamed {
            for candidate in [PathText.name(of: arguments[0]), name, PathText.name(of: real)]
            where Self.isInterpreter(candidate) {
                throw CommandViolation.interpreter(candidate)
            }
        }
        let isWellKnown = CommandRules.wellKnown.contains(name)
        if policy.allowedCommands != nil, !isNamed, !isWellKnown { throw CommandViolation.notAllowed(arguments[0]) }
        try Self.checkProgram(real, fileSystem: fileSystem)
        argv = [program] + arguments.dropFirst()
        isFlagged = !isNamed && !isWellKnown
    }

    private static func locate(_ program: String, fileSystem: FileSystem) throws -> String {
        if program.hasPrefix("/") {
            guard access(program, X_OK) == 0 else { throw CommandViolation.programNotFound(program) }
            return program
        }
        for directory in CommandRules.searchPath {
            let candidate = PathText.join(directory, program)
            if access(candidate, X_OK) == 0, let real = PathRules.realPath(candidate),
                try fileSystem.status(real)?.kind == .regular
            {
                return candidate
            }
        }
        throw CommandViolation.programNotFound(program)
    }

    private static func checkProgram(_ path: String, fileSystem: FileSystem) throws {
        guard let status = try fileSystem.status(path), status.kind == .regular else {
            throw CommandViolation.programNotFound(path)
        }
        if status.userID != 0 {
            throw CommandViolation.programNotSecure(path, finding: "belongs to uid \(status.userID), not to root")
        }
        if status.isWritableByGroup || status.isWritableByOthers {
            throw CommandViolation.programNotSecure(
                path,
                finding: "is writable by its group or by everybody (mode \(status.attributes.octalMode))"
            )
        }
    }

    /// Programs that run what their arguments say, which would make the rules on characters moot.
    static func isInterpreter(_ name: String) -> Bool {
        let exact: Set<String> = [
            "sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox", "env", "xargs", "find", "awk",
            "gawk", "mawk", "nawk", "sudo", "su", "doas", "tclsh", "expect", "osascript", "pwsh",
        ]
        if exact.contains(name) { return true }
        return ["python", "perl", "ruby", "node", "php", "lua"].contains { name.hasPrefix($0) }
    }
}
