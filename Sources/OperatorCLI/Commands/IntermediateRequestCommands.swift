import ArgumentParser
import Encoding
import Settings

/// What a new CA is to be.
struct AuthorityOptions: ParsableArguments {
    @Option(help: "Common name of its subject.") var commonName: String?
    @Option(name: .customLong("organization"), help: "O of its subject; may be repeated.") var organizations: [String] =
        []
    @Option(name: .customLong("organizational-unit"), help: "OU of its subject; may be repeated.") var units: [String] =
        []
    @Option(help: ArgumentHelp("C of its subject: two letters.", valueName: "code")) var country: String?
    @Option(help: "L of its subject.") var locality: String?
    @Option(help: "ST of its subject.") var province: String?
    @Option(help: "Kind of its key; ECDSA-P256 when absent.") var algorithm: String?
    @Option(help: "Where its key is made: database or pkcs11.") var keyDriver: String?
    @Option(help: ArgumentHelp("Its key, or the one to make: pkcs11:token=LABEL;object=KEY.", valueName: "reference"))
    var keyDriverID: String?
    @Option(help: ArgumentHelp("How many CAs may follow below it.", valueName: "count")) var pathLen: Int?
    @Option(help: ArgumentHelp("Name constraints as JSON, or @FILE.", valueName: "json")) var nameConstraints: String?
    @Option(name: .customLong("eku"), help: "A purpose that it may certify; may be repeated.") var usages: [String] = []
    @Option(name: .customLong("policy"), help: "A certificate policy; may be repeated.") var policies: [String] = []
    @Option(help: "Whether it signs certificates of somebody who is no CA.") var issuing: Bool?
    @Option(help: ArgumentHelp("Where OCSP is answered for it.", valueName: "url")) var ocspResponderURL: String?

    func add(to list: inout MemberList) throws {
        let subject = subject
        if !subject.isEmpty { list.add("subject", JSONValue.object(subject)) }
        list.add("algorithm", algorithm)
        list.add("key_driver", keyDriver)
        list.add("key_driver_id", keyDriverID)
        list.add("path_len_constraint", pathLen)
        if let nameConstraints {
            list.add("name_constraints", try RequestBody.object(nameConstraints, option: "name-constraints"))
        }
        list.add("allowed_ekus", list: usages)
        list.add("policy_oids", list: policies)
        list.add("issuing", issuing)
        list.add("ocsp_responder_url", ocspResponderURL)
    }

    private var subject: JSONObject {
        var list = MemberList()
        list.add("common_name", commonName)
        if !organizations.isEmpty { list.add("organization", JSONValue(organizations)) }
        if !units.isEmpty { list.add("organizational_unit", JSONValue(units)) }
        list.add("country", country.map { JSONValue([$0]) })
        list.add("locality", locality.map { JSONValue([$0]) })
        list.add("province", province.map { JSONValue([$0]) })
        return list.object
    }
}

/// `intermediates csr ISSUER`.
struct RequestIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "csr",
        abstract: "Make a key and a request for a CA whose parent's key is elsewhere.",
        discussion: """
            The CA is pending until its certificate is brought in with certctl intermediates import. Without --out the \
            request is printed below the CA; certctl intermediates get shows it again.
            """
    )

    @Argument(help: "Identifier of the issuer, whose hierarchy_mode is tree.") var issuer: String
    @Option(help: "Name, unique in the tree.") var name: String
    @Option(help: "Who is to sign it.") var parent: String
    @OptionGroup var wanted: AuthorityOptions
    @Option(help: ArgumentHelp("File to write the request to.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("name", name)
        list.add("parent_ca_id", parent)
        try wanted.add(to: &list)
        let path = APIPath(["issuers", try APIPath.checked(issuer), "intermediates", "csr"])
        let reply = try await session.client.call("POST", path, body: .object(list.object))
        let answer = try reply.json()
        if let waits = try PendingApproval.text(reply) { return try session.confirm(waits, answer) }
        let request = answer["csr_pem"]?.stringValue ?? ""
        session.console.output(try session.renderer.item(answer, details: Intermediates.details))
        if let out {
            try IssuedFiles.replace(out, with: Array(request.utf8), mode: 0o644, session.environment)
            session.progress("wrote \(out)")
        } else if ![.json, .jsonl, .yaml].contains(session.configuration.format) {
            session.console.output(TerminalText.block(request.hasSuffix("\n") ? String(request.dropLast()) : request))
        }
    }
}

/// `intermediates import ID FILE`.
struct ImportIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Bring in the certificate of a pending CA.",
        discussion:
            "It was signed by the parent, where the parent's key is, from the request of certctl intermediates csr."
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Argument(help: "Its certificate in PEM.") var file: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        guard let octets = try LocalFiles.read(file, fileSystem: session.environment.fileSystem) else {
            throw CLIFailure.file(message: "\(file): no such file", isPermission: false)
        }
        var list = MemberList()
        list.add("certificate_pem", String(decoding: octets, as: UTF8.self))
        let path = APIPath(["intermediates", try APIPath.checked(id), "certificate"])
        let answer = try await session.client.call("POST", path, body: .object(list.object))
        if let waits = try PendingApproval.text(answer) { return try session.confirm(waits, try answer.json()) }
        session.console.output(try session.renderer.item(try answer.json(), details: Intermediates.details))
    }
}

/// `intermediates delete ID`.
struct DeleteIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Give up a pending CA; its key is destroyed.",
        discussion: "A CA that was in service is retired instead."
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("give up the pending CA \(id)? Its key is destroyed.", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(["intermediates", id]))
        try session.confirm("deleted \(id)", try answer.json())
    }
}
