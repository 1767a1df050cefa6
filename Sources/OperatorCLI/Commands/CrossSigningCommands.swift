import ArgumentParser
import Encoding
import Settings

/// `intermediates chains ID`.
struct IntermediateChainsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "chains",
        abstract: "List the ways from a CA to each root.",
        discussion: "Number 0 goes by its own parents. With --number and --out one of them is written, the root last."
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: "Write this one.") var number: Int?
    @Option(help: ArgumentHelp("File to write it to.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard out == nil || number != nil else { throw ValidationError("--out needs --number") }
    }

    func run(_ session: Session) async throws {
        let path = APIPath(["intermediates", try APIPath.checked(id), "chains"])
        let answer = try await session.client.call("GET", path).json()
        let chains = answer["chains"]?.arrayValue ?? []
        guard let number else {
            let columns = [
                Column("NUMBER", "number"), Column("ROOT", "root"), Column("ENDS", "not_after", .time),
            ]
            session.console.output(try session.renderer.list(answer, rows: chains, columns: columns))
            return
        }
        guard let chain = chains.first(where: { $0["number"]?.integerValue == Int64(number) }) else {
            throw CLIFailure.usage("\(id) has no chain of the number \(number)")
        }
        try session.show(chainOf: chain, to: out)
    }
}

/// `intermediates cross-sign ID`.
struct CrossSignIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "cross-sign",
        abstract: "Give a CA a further certificate, of the same name and key, by another parent.",
        discussion: """
            With --parent alone that CA signs it, of this tree or another. With --cert it was signed elsewhere, from the \
            request of certctl intermediates cross-csr: by --parent, or by the first of --chain, whose last is the root.
            """
    )

    @Argument(help: "Identifier of the CA that gets it.") var id: String
    @Option(help: "Who signs it, or signed it.") var parent: String?
    @Option(help: ArgumentHelp("The certificate in PEM, when it was signed elsewhere.", valueName: "file"))
    var cert: String?
    @Option(help: ArgumentHelp("Whoever signed it, up to the root, in PEM.", valueName: "file")) var chain: String?
    @Option(help: "Life time in days; as long as the certificate it has when absent.") var ttlDays: Int?
    @Option(help: ArgumentHelp("How many CAs may follow below it.", valueName: "count")) var pathLen: Int?
    @Option(help: ArgumentHelp("Name constraints as JSON, or @FILE.", valueName: "json")) var nameConstraints: String?
    @Option(name: .customLong("eku"), help: "A purpose that it may certify; may be repeated.") var usages: [String] = []
    @Option(name: .customLong("policy"), help: "A certificate policy; may be repeated.") var policies: [String] = []
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    static let details = [
        Column("ID", "id"), Column("CA", "ca_id"), Column("PARENT", "parent_ca_id"), Column("SIGNED BY", "issuer"),
        Column("SERIAL NUMBER", "serial_number"), Column("STARTS", "not_before", .time),
        Column("ENDS", "not_after", .time),
    ]

    func validate() throws {
        guard parent != nil || cert != nil else {
            throw ValidationError("say who signs it with --parent, or bring the certificate with --cert")
        }
        guard chain == nil || cert != nil else { throw ValidationError("--chain belongs to --cert") }
    }

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("parent_ca_id", parent)
        list.add("certificate_pem", try cert.map { try session.text(of: $0) })
        list.add("chain_pem", try chain.map { try session.text(of: $0) })
        list.add("ttl_days", ttlDays)
        list.add("path_len_constraint", pathLen)
        if let nameConstraints {
            list.add("name_constraints", try RequestBody.object(nameConstraints, option: "name-constraints"))
        }
        list.add("allowed_ekus", list: usages)
        list.add("policy_oids", list: policies)
        let path = APIPath(["intermediates", try APIPath.checked(id), "cross-sign"])
        let answer = try await session.client.call("POST", path, body: .object(list.object))
        session.console.output(try session.renderer.item(try answer.json(), details: Self.details))
    }
}

/// `intermediates cross-csr ID`.
struct CrossRequestIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "cross-csr",
        abstract: "Make a request by which somebody elsewhere can certify a CA that has a certificate.",
        discussion: "What comes back is brought in with certctl intermediates cross-sign --cert."
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: ArgumentHelp("File to write the request to.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["intermediates", try APIPath.checked(id), "csr"])
        let answer = try await session.client.call("POST", path).json()
        let request = answer["csr_pem"]?.stringValue ?? ""
        if let out {
            try IssuedFiles.replace(out, with: Array(request.utf8), mode: 0o644, session.environment)
            session.progress("wrote \(out)")
        } else {
            session.console.output(TerminalText.block(request.hasSuffix("\n") ? String(request.dropLast()) : request))
        }
    }
}

/// `intermediates withdraw ID CERTIFICATE`.
struct WithdrawCACertificateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw",
        abstract: "Take a further certificate of a CA out of the chains, and revoke it when it was signed here.",
        discussion: """
            Reasons: unspecified, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn. Chains that came \
            with certificates before still have it.
            """
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Argument(help: "Identifier of its certificate, as chains --json says it.") var certificate: String
    @Option(help: "Why; see above.") var reason: String?
    @Option(help: "For the audit trail.") var note: String?
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let (id, certificate) = (try APIPath.checked(id), try APIPath.checked(certificate))
        try session.ask(
            "withdraw the certificate \(certificate) of the CA \(id)? Clients will refuse chains with it, for good.",
            unless: yes)
        var list = MemberList()
        list.add("reason", reason)
        list.add("note", note)
        let path = APIPath(["intermediates", id, "certificates", certificate, "withdraw"])
        let answer = try await session.client.call("POST", path, body: .object(list.object)).json()
        let listed = answer["listed_by"]?.stringValue.map { "on the revocation list of \($0)" }
        try session.confirm(
            "\(certificate) is withdrawn, \(listed ?? "and revoked by whoever signed it, elsewhere, when they do so")",
            answer)
    }
}

/// `intermediates renew ID`.
struct RenewIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Give a CA a certificate that holds longer, of the same name and key, by its parent.",
        discussion: """
            With --cert it was signed where the key of the parent is, from the request of certctl intermediates cross-csr. \
            The certificate before stays valid, and is sent no more.
            """
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: "Life time in days; that of the certificate it has when absent.") var ttlDays: Int?
    @Option(help: ArgumentHelp("The certificate in PEM, when it was signed elsewhere.", valueName: "file"))
    var cert: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard cert == nil || ttlDays == nil else { throw ValidationError("--ttl-days does not go with --cert") }
    }

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("ttl_days", ttlDays)
        list.add("certificate_pem", try cert.map { try session.text(of: $0) })
        let path = APIPath(["intermediates", try APIPath.checked(id), "renew"])
        let answer = try await session.client.call("POST", path, body: .object(list.object))
        session.console.output(try session.renderer.item(try answer.json(), details: Intermediates.details))
    }
}

extension Session {
    /// The text of a file that has to be there.
    func text(of file: String) throws -> String {
        guard let octets = try LocalFiles.read(file, fileSystem: environment.fileSystem) else {
            throw CLIFailure.file(message: "\(file): no such file", isPermission: false)
        }
        return String(decoding: octets, as: UTF8.self)
    }
}
