import ArgumentParser
import Encoding
import Settings

/// `intermediates succeed ID`.
struct SucceedIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "succeed",
        abstract: "Renew a CA with a new key: make another that is to take its place.",
        discussion: """
            The successor has the terms of the other. It is staged: published, and sent to the targets that have a file of \
            trusted CAs, but it signs nothing before certctl intermediates activate. Where the key of the parent is elsewhere \
            it is pending first; its certificate is brought in with certctl intermediates import.
            """
    )

    @Argument(help: "Identifier of the CA that is succeeded.") var id: String
    @Option(help: "Name; that of the other with its generation, G2, when absent.") var name: String?
    @Option(help: "Common name; the same when absent.") var commonName: String?
    @Option(help: "Kind of its key; that of the other when absent.") var algorithm: String?
    @Option(help: "Where its key is made; see create.") var keyDriver: String?
    @Option(help: "The key to make there.") var keyDriverId: String?
    @Option(help: ArgumentHelp("In place of a root: one that exists, in PEM.", valueName: "file")) var rootCert: String?
    @Option(help: "Life time in days; that of the other's certificate when absent.") var ttlDays: Int?
    @Option(help: "How long it is staged at least, for clients that nobody knows of.") var holdHours: Int?
    @Flag(help: "It takes the place by itself, after --hold-hours and when every known target trusts it.")
    var automatic = false
    @Option(help: ArgumentHelp("File for the request, when one is made.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("name", name)
        list.add("common_name", commonName)
        list.add("algorithm", algorithm)
        list.add("key_driver", keyDriver)
        list.add("key_driver_id", keyDriverId)
        list.add("root_cert_pem", try rootCert.map { try session.text(of: $0) })
        list.add("ttl_days", ttlDays)
        list.add("hold_hours", holdHours)
        if automatic { list.add("automatic", true) }
        let path = APIPath(["intermediates", try APIPath.checked(id), "successor"])
        let reply = try await session.client.call("POST", path, body: .object(list.object))
        let answer = try reply.json()
        if let waits = try PendingApproval.text(reply) { return try session.confirm(waits, answer) }
        if let out, answer["state"]?.stringValue == "pending", let request = answer["csr_pem"]?.stringValue {
            try IssuedFiles.replace(out, with: Array(request.utf8), mode: 0o644, session.environment)
            session.progress("wrote \(out)")
        }
        session.console.output(try session.renderer.item(answer, details: Intermediates.details))
    }
}

/// `intermediates consumers ID`.
struct IntermediateConsumersCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "consumers",
        abstract: "List the targets that have to trust a CA, those that do not yet first.",
        discussion: """
            Targets with a trust_path, to which certificates of the tree are deployed. Clients that fetch the CAs themselves are \
            not among them: nobody knows who they are.
            """
    )

    static let columns = [
        Column("TARGET", "target_id"), Column("NAME", "target_name"), Column("AGENT", "agent_name"),
        Column("CERTIFICATE", "certificate_id"), Column("TRUSTS", "trusts", .yesOrNo),
        Column("SINCE", "trusted_since", .time), Column("ENABLED", "enabled", .yesOrNo, wide: true),
    ]

    @Argument(help: "Identifier of the CA.") var id: String
    @Flag(help: "Only those that do not trust it yet.") var lacking = false
    @Option(help: "Most targets to list, 200 when absent.") var limit: Int?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var query: [(String, String)] = []
        if lacking { query.append(("lacking", "true")) }
        if let limit { query.append(("limit", String(limit))) }
        let path = APIPath(["intermediates", try APIPath.checked(id), "consumers"], query: query)
        let answer = try await session.client.call("GET", path).json()
        let rows = answer["targets"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: Self.columns))
        session.progress(
            "\(answer["lacking"]?.integerValue ?? 0) of \(answer["known"]?.integerValue ?? 0) targets do not trust it yet. "
                + (answer["unknown"]?.stringValue ?? ""))
    }
}

/// `intermediates activate ID`.
struct ActivateIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Put a staged CA in the place of the one before, which retires.",
        discussion: """
            Refused while targets do not trust it, with their names, and before its time; --force with --reason does it all the \
            same. What the one before signed becomes due for renewal.
            """
    )

    @Argument(help: "Identifier of the staged CA.") var id: String
    @Flag(help: "Although targets do not trust it yet, or before its time.") var force = false
    @Option(help: "Why it is forced; for the audit trail.") var reason: String?
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard !force || reason != nil else { throw ValidationError("--force needs --reason") }
    }

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask(
            "activate the CA \(id)? It signs from then on, and the one before retires."
                + (force ? " Targets that do not trust it will refuse what it signs." : ""),
            unless: yes)
        var list = MemberList()
        if force { list.add("force", true) }
        list.add("reason", reason)
        let answer = try await session.client.call(
            "POST", APIPath(["intermediates", id, "activate"]), body: .object(list.object)
        ).json()
        let before = answer["succeeds_ca_id"]?.stringValue ?? "the one before"
        try session.confirm(
            "\(id) is active, \(before) is \(answer["predecessor_state"]?.stringValue ?? "over"), "
                + "\(answer["renewals"]?.integerValue ?? 0) renewals hurried; "
                + "\(answer["lacking"]?.integerValue ?? 0) of \(answer["known"]?.integerValue ?? 0) targets do not trust it",
            answer)
    }
}
