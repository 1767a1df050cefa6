import Settings

/// What the command line of the agent asks for, settings aside.
struct AgentInvocation: Hashable, Sendable {
    enum Verb: String, Sendable, CaseIterable {
        case run, enroll, adopt, status, version, help
    }

    let verb: Verb
    /// `enroll --force`: gives up an identity that is stored already.
    var isForced = false
    /// `status --json`.
    var isJSON = false
    /// What follows `adopt`.
    var adoption = KeyAdoption.Files()

    /// A command line that makes no sense.
    struct UsageError: Error, Hashable, CustomStringConvertible {
        let description: String
    }

    /// Reads what is left when the flags of settings are taken out.
    init(_ arguments: [String]) throws(UsageError) {
        var verb: Verb?
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if let option = KeyAdoption.Option(rawValue: argument) {
                guard let value = rest.popFirst() else { throw UsageError(description: "\(argument) needs a value") }
                adoption[option] = value
                continue
            }
            switch argument {
            case "-h", "-help", "--help": verb = .help
            case "-version", "--version": verb = verb ?? .version
            case "-force", "--force": isForced = true
            case "-json", "--json": isJSON = true
            default:
                guard verb == nil, !argument.hasPrefix("-"), let named = Verb(rawValue: argument) else {
                    throw UsageError(description: Self.complaint(about: argument, after: verb))
                }
                verb = named
            }
        }
        self.verb = verb ?? .run
        if isForced, self.verb != .enroll, self.verb != .help {
            throw UsageError(description: "--force belongs to enroll only")
        }
        if self.verb == .adopt, let missing = adoption.missing {
            throw UsageError(description: "adopt needs \(missing)")
        }
        if !adoption.isEmpty, self.verb != .adopt, self.verb != .help {
            throw UsageError(description: "--certificate, --cert, --key and --passphrase-file belong to adopt only")
        }
        if isJSON, self.verb != .status, self.verb != .help {
            throw UsageError(description: "--json belongs to status only")
        }
    }

    private static func complaint(about argument: String, after verb: Verb?) -> String {
        if let verb, !argument.hasPrefix("-") { return "unexpected argument \"\(argument)\" after \(verb.rawValue)" }
        let kind = argument.hasPrefix("-") ? "flag" : "command"
        let known =
            argument.hasPrefix("-")
            ? Program.agent.settings.flatMap(\.flagNames).map { "--\($0)" } + ["--force", "--json", "--help"]
                + KeyAdoption.Option.allCases.map(\.rawValue)
            : Verb.allCases.map(\.rawValue)
        let name = argument.split(separator: "=", maxSplits: 1).first.map(String.init) ?? argument
        let hint = NearestName.suggestion(for: name, among: known).map { "; did you mean \($0)?" } ?? ""
        return "unknown \(kind) \"\(name)\"\(hint)"
    }

    static var help: String {
        """
        The agent of certctl: keeps keys on this host, requests certificates and installs them.

        USAGE: certctl-agent [command] [flags]

        COMMANDS
          run       Work for the control plane until told to stop (default); enrols itself when a token is set.
          enroll    Turn a token into an identity of this host. --force gives up an identity stored already.
          adopt     Take over a certificate that exists already with its key: --certificate ID --cert FILE
                    [--key FILE] [--passphrase-file FILE]. PEM, DER, PKCS#7, PKCS#12 or JKS; while no agent runs.
          status    Show when the running agent was last heard. --json for machines. Exits 1 when it is silent.
          version   Show the version.

        EXIT STATUS
          0 told to stop, or retired by the control plane; 1 failure; 2 usage; 69 another process has the
          state directory; 75 enrolment could not reach the control plane; 77 permissions; 78 configuration.

        \(SettingFlags.help(for: .agent))
        """
    }
}
