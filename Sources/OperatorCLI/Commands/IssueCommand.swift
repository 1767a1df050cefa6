import ArgumentParser
import Domain
import Encoding
import PKI

extension KeySpec: ExpressibleByArgument {}

/// `certs issue NAME`.
struct IssueCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Issue a certificate; with --save the key is generated here and never leaves this host.",
        discussion: "Creates the certificate record when there is none of that name. Owner and team may be left out "
            + "while there is at most one owner."
    )

    @Argument(help: "Subject common name: a host name, an address or a mailbox.") var name: String
    @Option(help: ArgumentHelp("Directory for NAME.key, NAME.crt and NAME.chain.crt.", valueName: "dir")) var save:
        String?
    @Flag(help: "Replace files that exist.") var overwrite = false
    @Option(help: "Kind of key to generate with --save.") var key: KeySpec = .ecdsaP256
    @OptionGroup var members: IssueMembers
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        if overwrite, save == nil { throw ValidationError("--overwrite needs --save") }
        if save != nil, (try? SubjectAltName(classifying: name)) == nil {
            throw ValidationError("\"\(name)\" is no host name, address or mailbox")
        }
    }

    func run(_ session: Session) async throws {
        // Files are checked first: a certificate whose key cannot be kept would be of no use.
        let files = try save.map {
            try IssuedFiles(directory: $0, name: name, overwrite: overwrite, session.environment)
        }
        let record = try await CertificateRecord(session: session, name: name, members: members)
            .findOrCreate(issuing: files == nil)
        guard let id = record["id"]?.stringValue else { throw CLIFailure.malformedAnswer("the record has no id") }
        guard let files else {
            try await issueOnServer(id, record, session)
            return
        }
        let privateKey = try PrivateKey.generate(key)
        var names: [SubjectAltName] = []
        for text in members.san { names.append(try SubjectAltName(classifying: text)) }
        let request = try CertificationRequestBuilder.makeCSR(commonName: name, subjectAltNames: names, key: privateKey)
        let version = try await CSRSubmission(session: session, certificate: id)
            .submit(request.pem, waitingFor: waiting.limit ?? .minutes(10))
        let written = try files.write(key: privateKey, chain: version["pem_chain"]?.stringValue ?? "")
        for path in written { session.progress("wrote \(path)") }
        session.console.output(try session.renderer.item(version, details: VersionsCommand.columns))
    }

    private func issueOnServer(_ id: String, _ record: JSONValue, _ session: Session) async throws(CLIFailure) {
        var job = record["job_id"]?.stringValue
        if job == nil {
            job = try await session.client.call("POST", APIPath(["certificates", id, "renew"])).json()["job_id"]?
                .stringValue
        }
        let jobLine = job.map { "\nJob ID: \($0)" } ?? ""
        try session.confirm("issuance of \(id) triggered; an agent generates the key\(jobLine)", record)
        if let limit = waiting.limit, let job { try await JobWatcher(session: session, limit: limit).wait(for: [job]) }
    }
}

/// What a new certificate record is made of.
struct IssueMembers: ParsableArguments {
    @Option(help: "Identifier of the record.") var id: String?
    @Option(help: "Alternative name; repeat it.") var san: [String] = []
    @Option(help: "Responsible owner.") var ownerID: String?
    @Option(help: "Responsible team.") var teamID: String?
    @Option(help: "Issuer that signs it.") var issuerID = "iss-local"
    @Option(help: "When it is renewed.") var renewalPolicyID = "rp-default"
    @Option(help: "Rules for its key and names.") var profileID: String?
    @Option(name: .customLong("env"), help: "Free label.") var environment: String?
    @Option(help: "Target to deploy to; repeat it.") var targetID: [String] = []
}
