/// A command as a configuration writes it: one line of text, or the argument vector itself.
package enum CommandText: Hashable, Sendable {
    case line(String)
    case vector([String])
}

/// Why a command is refused (specification, targets §3).
package enum CommandViolation: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(limit: Int)
    /// `position` counts characters from zero within the whole line, or within the argument.
    case forbiddenCharacter(String, position: Int)
    case leadingHyphen
    case relativeProgram(String)
    case programNotFound(String)
    case programNotSecure(String, finding: String)
    case interpreter(String)
    case notAllowed(String)

    /// Stable and snake_case, for field problems.
    package var code: String {
        switch self {
        case .empty: "required"
        case .tooLong: "too_long"
        case .forbiddenCharacter: "forbidden_character"
        case .leadingHyphen, .relativeProgram: "invalid_program"
        case .programNotFound: "program_not_found"
        case .programNotSecure: "program_not_secure"
        case .interpreter: "interpreter"
        case .notAllowed: "command_not_allowed"
        }
    }

    package var description: String {
        switch self {
        case .empty: "the command is empty"
        case .tooLong(let limit): "the command is longer than \(limit) characters"
        case .forbiddenCharacter(let character, let position):
            "character \(character) at position \(position) is not allowed: commands run without a shell"
        case .leadingHyphen: "the program name begins with a hyphen"
        case .relativeProgram(let name): "\(name) is a relative path; write the absolute path or the bare name"
        case .programNotFound(let name):
            "there is no program \(name) in \(CommandRules.searchPath.joined(separator: ":"))"
        case .programNotSecure(let path, let finding): "the program \(path) \(finding), so another user could change it"
        case .interpreter(let name):
            "\(name) runs other commands; name the program itself, or list it in CERTCTL_AGENT_ALLOWED_COMMANDS"
        case .notAllowed(let name): "this host does not allow \(name) (CERTCTL_AGENT_ALLOWED_COMMANDS)"
        }
    }
}

/// Turns configured commands into argument vectors. What it returns is safe to hand to ``ChildProcess``.
package enum CommandRules {
    /// The longest command, in characters over all arguments.
    package static let lengthLimit = 1024

    /// Where bare program names are looked up, whatever `PATH` this process has.
    package static let searchPath = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// Programs that need no mention in the host policy.
    package static let wellKnown: Set<String> = [
        "nginx", "apachectl", "apache2ctl", "httpd", "haproxy", "systemctl", "service", "rc-service", "postfix",
        "postconf", "doveadm", "doveconf", "keytool", "caddy", "traefik", "envoy", "kill", "docker", "podman",
        "supervisorctl",
    ]

    /// The textual rules; they hold on the server, which does not know the host.
    package static func argumentVector(_ command: CommandText) throws(CommandViolation) -> [String] {
        let arguments: [String]
        switch command {
        case .line(let line):
            try checkCharacters(line)
            arguments = line.split { $0 == " " || $0 == "\t" }.map(String.init)
        case .vector(let vector):
            for argument in vector { try checkCharacters(argument) }
            arguments = vector
        }
        guard let program = arguments.first, !program.isEmpty else { throw .empty }
        guard arguments.reduce(0, { $0 + $1.count + 1 }) - 1 <= lengthLimit else { throw .tooLong(limit: lengthLimit) }
        if program.hasPrefix("-") { throw .leadingHyphen }
        if program.contains("/"), !program.hasPrefix("/") { throw .relativeProgram(program) }
        if program.contains(" ") || program.contains("\t") { throw .forbiddenCharacter("space", position: 0) }
        return arguments
    }

    private static func checkCharacters(_ text: String) throws(CommandViolation) {
        if text.count > lengthLimit { throw .tooLong(limit: lengthLimit) }
        for (position, scalar) in text.unicodeScalars.enumerated() {
            if scalar == " " || scalar == "\t" { continue }
            guard (0x21...0x7E).contains(scalar.value), !forbidden.contains(scalar) else {
                throw .forbiddenCharacter(name(of: scalar), position: position)
            }
        }
    }

    /// What a shell would interpret, were there one: the rule holds even where the remote side has one.
    private static let forbidden: Set<Unicode.Scalar> = [
        ";", "|", "&", "$", "`", "(", ")", "{", "}", "<", ">", "\\", "\"", "'", "*", "?", "[", "]", "~",
    ]

    private static func name(of scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return (0x21...0x7E).contains(scalar.value) ? "'\(scalar)' (\(code))" : code
    }
}
