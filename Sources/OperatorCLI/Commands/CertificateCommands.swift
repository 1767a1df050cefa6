package import ArgumentParser
import Encoding

/// `certctl certs`.
package struct CertsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "certs",
        abstract: "Certificates: list, issue, renew, deploy, revoke, archive.",
        subcommands: [
            ListCommand<Certificates>.self, GetCommand<Certificates>.self, CreateCommand<Certificates>.self,
            IssueCommand.self, UpdateCommand<Certificates>.self, ArchiveCommand.self, UnarchiveCommand.self,
            RenewCommand.self, DeployCommand.self, VersionsCommand.self, CertificateTargetsCommand.self,
            AttachCommand.self, DetachCommand.self, SubmitCSRCommand.self, RevokeCommand.self, ReleaseCommand.self,
            BulkRevokeCommand.self, ExportCommand.self,
            RevocationsCommand.self, RetryRevocationCommand.self,
        ]
    )

    package init() {}
}

/// `certs archive ID`.
struct ArchiveCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive",
        abstract: "Take a certificate out of management; its record stays."
    )

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("archive the certificate \(id)? It will not be renewed any more.", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(["certificates", id]))
        try session.confirm("archived \(id)", try answer.json())
    }
}

/// `certs unarchive ID`.
struct UnarchiveCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "unarchive",
        abstract: "Bring an archived certificate back under management."
    )

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("POST", APIPath(["certificates", id, "unarchive"]))
        try session.confirm("unarchived \(id)", try answer.json())
    }
}

/// `certs renew ID`.
struct RenewCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Renew a certificate now."
    )

    @Argument(help: "Identifier.") var id: String
    @Flag(help: "Renew although a renewal is in progress.") var force = false
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let path = APIPath(["certificates", id, "renew"], query: force ? [(name: "force", value: "true")] : [])
        let answer = try await session.client.call("POST", path).json()
        let job = answer["job_id"]?.stringValue
        try session.confirm("renewal of \(id) triggered" + (job.map { "\nJob ID: \($0)" } ?? ""), answer)
        if let limit = waiting.limit, let job { try await JobWatcher(session: session, limit: limit).wait(for: [job]) }
    }
}

/// `certs deploy ID`.
struct DeployCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Deploy the current version to the attached targets."
    )

    @Argument(help: "Identifier.") var id: String
    @Option(help: "One target instead of all.") var targetID: String?
    @Flag(help: "Write and reload although the target already has the files; also what is not valid now.") var force =
        false
    @OptionGroup var waiting: WaitOption
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        var body = JSONObject()
        if let targetID { body["target_id"] = .string(targetID) }
        if force { body["force"] = true }
        let path = APIPath(["certificates", id, "deploy"])
        let answer = try await session.client.call("POST", path, body: .object(body)).json()
        let jobs = (answer["jobs"]?.arrayValue ?? []).compactMap { $0["job_id"]?.stringValue }
        let lines = ["deployment of \(id) triggered"] + jobs.map { "Job ID: \($0)" }
        try session.confirm(lines.joined(separator: "\n"), answer)
        if let limit = waiting.limit { try await JobWatcher(session: session, limit: limit).wait(for: jobs) }
    }
}

/// `certs versions ID [VERSION]`.
struct VersionsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions",
        abstract: "List the issued versions, or show one with its chain."
    )

    static let columns = [
        Column("ID", "id"), Column("SERIAL", "serial_number"), Column("NOT BEFORE", "not_before", .time),
        Column("NOT AFTER", "not_after", .time), Column("KEY", "key_algorithm"),
        Column("FINGERPRINT", "fingerprint_sha256", wide: true), Column("ISSUER", "issuer_id", wide: true),
        Column("LINTS", "lint_findings", .findings, wide: true), Column("PATH", "path", wide: true),
        Column("WHY", "path_detail", wide: true),
    ]

    @Argument(help: "Identifier of the certificate.") var id: String
    @Argument(help: "Identifier of a version.") var version: String?
    @Flag(help: "Print the certificate chain in PEM and nothing else.") var pem = false
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        if pem, version == nil { throw ValidationError("--pem needs the identifier of a version") }
    }

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        guard let version else {
            try await ListPrinter(session: session, columns: Self.columns)
                .show(["certificates", id, "versions"], filters: [], options: list)
            return
        }
        let path = APIPath(["certificates", id, "versions", try APIPath.checked(version)])
        let answer = try await session.client.call("GET", path).json()
        if pem {
            session.console.output(TerminalText.block(answer["pem_chain"]?.stringValue ?? ""))
        } else {
            let details = Self.columns + [Column("CSR", "csr_pem")]
            session.console.output(try session.renderer.item(answer, details: details))
        }
    }
}

/// `certs targets ID`.
struct CertificateTargetsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "targets",
        abstract: "List the targets that a certificate is deployed to."
    )

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["certificates", try APIPath.checked(id), "targets"])
        let page = try await session.client.call("GET", path).json()
        let rows = page["data"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(page, rows: rows, columns: Targets.columns))
    }
}

/// `certs attach ID TARGET`.
struct AttachCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Attach a target; certs deploy then deploys to it."
    )

    @Argument(help: "Identifier of the certificate.") var id: String
    @Argument(help: "Identifier of the target.") var target: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["certificates", try APIPath.checked(id), "targets", try APIPath.checked(target)])
        _ = try await session.client.call("PUT", path)
        try session.confirm("attached \(target) to \(id)", ["status": "attached"])
    }
}

/// `certs detach ID TARGET`.
struct DetachCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach",
        abstract: "Detach a target; what was deployed stays there."
    )

    @Argument(help: "Identifier of the certificate.") var id: String
    @Argument(help: "Identifier of the target.") var target: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["certificates", try APIPath.checked(id), "targets", try APIPath.checked(target)])
        try session.ask("detach \(target) from \(id)? It will not receive renewed certificates.", unless: yes)
        _ = try await session.client.call("DELETE", path)
        try session.confirm("detached \(target) from \(id)", ["status": "detached"])
    }
}
