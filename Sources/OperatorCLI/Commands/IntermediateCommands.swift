package import ArgumentParser
import Encoding
import Settings

/// `certctl intermediates`.
package struct IntermediatesCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "intermediates",
        abstract: "CAs of issuers that are trees: roots, intermediates, issuing CAs.",
        subcommands: [
            ListIntermediatesCommand.self, GetIntermediateCommand.self, CreateIntermediateCommand.self,
            RequestIntermediateCommand.self, ImportIntermediateCommand.self, AdoptIntermediateCommand.self,
            DeleteIntermediateCommand.self,
            UpdateIntermediateCommand.self, IntermediateChainCommand.self, IntermediateChainsCommand.self,
            CrossSignIntermediateCommand.self,
            CrossRequestIntermediateCommand.self, WithdrawCACertificateCommand.self, RenewIntermediateCommand.self,
            SucceedIntermediateCommand.self, IntermediateConsumersCommand.self, ActivateIntermediateCommand.self,
            RetireIntermediateCommand.self, ReactivateIntermediateCommand.self, RevokeIntermediateCommand.self,
            IntermediateCeremoniesCommand.self,
        ]
    )

    package init() {}
}

/// How CAs are shown.
enum Intermediates {
    static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("STATE", "state"), Column("PARENT", "parent_ca_id"),
        Column("KEY", "key_algorithm"), Column("ISSUING", "issuing", .yesOrNo), Column("ENDS", "not_after", .time),
        Column("PATH LENGTH", "path_len_constraint", wide: true), Column("KEY DRIVER", "key_driver", wide: true),
        Column("SUBJECT", "subject", wide: true),
    ]
    static let details =
        columns + [
            Column("ISSUER", "owning_issuer_id"), Column("KEY REFERENCE", "key_driver_id"),
            Column("SERIAL NUMBER", "serial_number"), Column("STARTS", "not_before", .time),
            Column("NAME CONSTRAINTS", "name_constraints"), Column("PURPOSES", "allowed_ekus", .list),
            Column("POLICIES", "policy_oids", .list), Column("OCSP ADDRESS", "ocsp_responder_url"),
            Column("CRL VALIDITY (S)", "crl_validity_seconds"), Column("CRL INTERVAL (S)", "crl_interval_seconds"),
            Column("SUCCEEDS", "succeeds_ca_id"), Column("STAGED", "staged_at", .time),
            Column("HELD UNTIL", "activation_at", .time), Column("BY ITSELF", "activation_automatic", .yesOrNo),
            Column("ACTIVATED", "activated_at", .time),
            Column("RETIRING SINCE", "retiring_at", .time), Column("RETIRED", "retired_at", .time),
            Column("REVOKED", "revoked_at", .time), Column("REVOCATION REASON", "revocation_reason"),
            Column("KEY RELEASED", "key_released_at", .time), Column("CAS BELOW", "drain.children"),
            Column("CERTIFICATES", "drain.certificates"), Column("OPEN ORDERS", "drain.orders"),
            Column("LAST CERTIFICATE ENDS", "drain.last_end", .time),
        ]
}

/// `intermediates list ISSUER`.
struct ListIntermediatesCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the CAs of a tree.")

    @Argument(help: "Identifier of the issuer.") var issuer: String
    @Option(help: "Those in this state: pending, staged, active, retiring, retired, revoked.") var state: String?
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await ListPrinter(session: session, columns: Intermediates.columns).show(
            ["issuers", try APIPath.checked(issuer), "intermediates"], filters: state.map { [("state", $0)] } ?? [],
            options: list)
    }
}

/// `intermediates get ID`.
struct GetIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show a CA, with what keeps it from ending.")

    @Argument(help: "Identifier of the CA.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["intermediates", try APIPath.checked(id)]))
        session.console.output(try session.renderer.item(try answer.json(), details: Intermediates.details))
    }
}

/// `intermediates create ISSUER`.
struct CreateIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a CA below another, or make or register the root of a tree.",
        discussion: """
            Without --parent it is a root: made here with --common-name, or registered with --root-cert, whose key is \
            named by --key-driver-id (a file of the server or a key in a token) or stays offline.
            """
    )

    @Argument(help: "Identifier of the issuer, whose hierarchy_mode is tree.") var issuer: String
    @Option(help: "Name, unique in the tree.") var name: String?
    @Option(help: "Who signs it.") var parent: String?
    @Option(help: ArgumentHelp("A root that exists, in PEM.", valueName: "file")) var rootCert: String?
    @Option(help: "Life time in days; five years when absent, of a root ten.") var ttlDays: Int?
    @OptionGroup var wanted: AuthorityOptions
    @Option(help: ArgumentHelp("JSON file with the whole body; - for standard input.", valueName: "file"))
    var input: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var body = try BodySource.object(input, NoMembers(), session)
        for member in try members(session) { body[member.key] = member.value }
        guard body["name"] != nil else { throw CLIFailure.usage("a CA needs --name") }
        let path = APIPath(["issuers", try APIPath.checked(issuer), "intermediates"])
        let answer = try await session.client.call("POST", path, body: .object(body))
        if let waits = try PendingApproval.text(answer) { return try session.confirm(waits, try answer.json()) }
        session.console.output(try session.renderer.item(try answer.json(), details: Intermediates.details))
    }

    private func members(_ session: Session) throws -> JSONObject {
        var list = MemberList()
        list.add("name", name)
        list.add("parent_ca_id", parent)
        if let rootCert {
            guard let octets = try LocalFiles.read(rootCert, fileSystem: session.environment.fileSystem) else {
                throw CLIFailure.file(message: "\(rootCert): no such file", isPermission: false)
            }
            list.add("root_cert_pem", String(decoding: octets, as: UTF8.self))
        }
        list.add("ttl_days", ttlDays)
        try wanted.add(to: &list)
        return list.object
    }
}

/// `intermediates chain ID`.
struct IntermediateChainCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "chain", abstract: "Print a CA and those above it in PEM.")

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: ArgumentHelp("File to write the chain to.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["intermediates", try APIPath.checked(id), "chain"])
        try session.show(chainOf: try await session.client.call("GET", path).json(), to: out)
    }
}

/// `intermediates retire ID`.
struct RetireIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Take a CA out of service; with --confirm end it.",
        discussion: """
            A CA that retires signs nothing new, and what it signed is renewed elsewhere. It ends when nothing hangs on \
            it any more: its last revocation list is signed, and its key is destroyed.

            With --force it ends before: certificates that it signed stay good until they expire, can't be revoked any more, and \
            have no OCSP. A second person has to agree.
            """
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Flag(help: "End a CA that is retiring. It cannot be undone.") var confirm = false
    @Flag(help: "With --confirm and --note: although certificates are good or CAs below it retire.") var force = false
    @Option(help: "For the audit trail.") var note: String?
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard !force || (confirm && note != nil) else { throw ValidationError("--force needs --confirm and --note") }
    }

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        if force {
            try session.ask(
                "end the CA \(id) by force? Its key is destroyed. Certificates that it signed stay good, and nobody can revoke them any more.",
                unless: yes)
        } else if confirm {
            try session.ask("end the CA \(id)? Its key is destroyed, and it can't be undone.", unless: yes)
        } else {
            try session.ask("retire the CA \(id)? It signs nothing new from then on.", unless: yes)
        }
        var list = MemberList()
        list.add("note", note)
        if confirm { list.add("confirm", true) }
        if force { list.add("force", true) }
        let reply = try await session.client.call(
            "POST", APIPath(["intermediates", id, "retire"]), body: .object(list.object))
        let answer = try reply.json()
        if let waits = try PendingApproval.text(reply) { return try session.confirm(waits, answer) }
        let drain = answer["drain"]
        let counts =
            "\(drain?["children"]?.integerValue ?? 0) CAs below it, "
            + "\(drain?["certificates"]?.integerValue ?? 0) certificates, "
            + "\(drain?["orders"]?.integerValue ?? 0) open orders"
        try session.confirm("\(id) is \(answer["state"]?.stringValue ?? "retiring"): \(counts)", answer)
    }
}

/// `intermediates reactivate ID`.
struct ReactivateIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reactivate", abstract: "Take a retiring CA back into service.")

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: "For the audit trail.") var note: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("note", note)
        let path = APIPath(["intermediates", try APIPath.checked(id), "reactivate"])
        let answer = try await session.client.call("POST", path, body: .object(list.object)).json()
        try session.confirm("\(id) is \(answer["state"]?.stringValue ?? "active")", answer)
    }
}
