import ArgumentParser
import Domain
import Encoding
import HostEffects
import PKI

/// `import PATH…`.
struct ImportCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Bring certificates that exist already under management.",
        discussion: """
            Reads files, directories with everything below them, and standard input (-): PEM, DER, PKCS#7, PKCS#12 and \
            JKS. Each certificate is sent with its chain; authorities are chain alone, and private keys are sent \
            nowhere. Certificates with the same names become versions of one managed certificate, oldest first.

            certctl import --owner-id o-web --team-id t-web --issuer-id iss-local --renewal-policy-id rp-default /etc/ssl
            """
    )

    @Argument(help: "Files and directories; - for standard input.") var paths: [String]
    @Option(help: ArgumentHelp("Make them versions of this managed certificate.", valueName: "id"))
    var certificate: String?
    @Option(help: "Responsible owner.") var ownerID: String?
    @Option(help: "Responsible team.") var teamID: String?
    @Option(help: "Issuer that renews them.") var issuerID: String?
    @Option(help: "When they are renewed.") var renewalPolicyID: String?
    @Option(help: "Rules for their keys and names.") var certificateProfileID: String?
    @Option(help: "Free label.") var environment: String?
    @Option(help: ArgumentHelp("Label; may be repeated.", valueName: "key=value")) var tag: [String] = []
    @Option(help: ArgumentHelp("Password of key stores among the files.", valueName: "file")) var passwordFile: String?
    @Flag(help: "Check everything, store nothing.") var dryRun = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard !paths.isEmpty else { throw ValidationError("name files or directories, or - for standard input") }
        try TagOption.validate(tag)
        if certificate != nil {
            let others = [ownerID, teamID, issuerID, renewalPolicyID, certificateProfileID, environment]
            guard tag.isEmpty, others.allSatisfy({ $0 == nil }) else {
                throw ValidationError("--certificate has its own owner, team and issuer; leave the others out")
            }
        } else {
            guard ownerID != nil, teamID != nil, issuerID != nil, renewalPolicyID != nil else {
                throw ValidationError(
                    "give --owner-id, --team-id, --issuer-id and --renewal-policy-id, or --certificate")
            }
        }
    }

    func run(_ session: Session) async throws {
        var found = FoundCertificates(
            password: try PasswordFile.read(passwordFile, session) ?? Secret(""), session: session)
        for path in paths { try found.read(path) }
        for problem in found.problems { session.progress(problem) }
        let lineages = found.lineages()
        guard !lineages.isEmpty || !found.problems.isEmpty else {
            throw CLIFailure.usage("there is no certificate of a server or client in what was named")
        }
        var (imported, failed) = (0, found.problems.count)
        var rows: [JSONValue] = []
        for lineage in lineages {
            var parent = certificate
            for chain in lineage {
                let row = try await send(chain, parent, session)
                rows.append(row)
                guard row["outcome"]?.stringValue == "imported" else {
                    failed += 1
                    continue
                }
                imported += 1
                parent = parent ?? row["certificate_id"]?.stringValue
            }
        }
        session.console.output(try session.renderer.list(.array(rows), rows: rows, columns: Self.columns))
        session.progress("\(imported) \(dryRun ? "would be imported" : "imported"), \(failed) failed")
        guard failed == 0 else {
            throw CLIFailure.partialFailure("\(failed) of \(imported + failed) were not imported")
        }
    }

    private static let columns = [
        Column("SUBJECT", "subject"), Column("OUTCOME", "outcome"), Column("CERTIFICATE", "certificate_id"),
        Column("SERIAL", "serial_number"), Column("NOT AFTER", "not_after", .instant), Column("PATH", "path"),
        Column("WHY", "path_detail", wide: true), Column("ERROR", "error"),
    ]

    /// What became of one; failures of the connection end the command.
    private func send(
        _ chain: [X509Certificate], _ parent: String?, _ session: Session
    ) async throws(CLIFailure) -> JSONValue {
        let query = dryRun ? [(name: "dry_run", value: "true")] : []
        var row: JSONObject = ["subject": .string(chain[0].subject.description)]
        do {
            let answer = try await session.client.call(
                "POST", APIPath(["certificates", "import"], query: query), body: .object(request(chain, parent))
            ).json()
            row["outcome"] = "imported"
            for member in answer.objectValue ?? [:] { row[member.key] = member.value }
        } catch let failure {
            guard case .refused(let status, _, _) = failure, (400..<500).contains(status), status != 401, status != 403
            else { throw failure }
            row["outcome"] = "failed"
            row["serial_number"] = .string(chain[0].serialNumber.hex)
            row["not_after"] = .string(chain[0].notAfter.rfc3339)
            row["error"] = .string(failure.message)
        }
        return .object(row)
    }

    private func request(_ chain: [X509Certificate], _ parent: String?) -> JSONObject {
        var list = MemberList()
        list.add("pem", chain.map(\.pem).joined())
        if let parent {
            list.add("certificate_id", parent)
            return list.object
        }
        list.add("owner_id", ownerID)
        list.add("team_id", teamID)
        list.add("issuer_id", issuerID)
        list.add("renewal_policy_id", renewalPolicyID)
        list.add("certificate_profile_id", certificateProfileID)
        list.add("environment", environment)
        var body = list.object
        if !tag.isEmpty { body["tags"] = TagOption.members(tag) }
        return body
    }
}

/// The certificates in files, each once.
struct FoundCertificates {
    /// Directories below directories.
    private static let deepest = 32
    private static let mostFiles = 100_000

    let password: Secret
    let session: Session
    /// Files that could not be read although they were named, or look like certificates.
    private(set) var problems: [String] = []
    private var files = 0
    private var certificates: [X509Certificate] = []
    private var seen: Set<X509Certificate> = []

    init(password: Secret, session: Session) {
        self.password = password
        self.session = session
    }

    mutating func read(_ path: String) throws(CLIFailure) {
        if path == "-" {
            var lines: [String] = []
            while let line = session.console.readLine() { lines.append(line) }
            take(Array((lines.joined(separator: "\n") + "\n").utf8), "standard input", isNamed: true)
            return
        }
        try read(path, depth: 0)
    }

    private mutating func read(_ path: String, depth: Int) throws(CLIFailure) {
        let fileSystem = session.environment.fileSystem
        do {
            guard let status = try fileSystem.status(depth == 0 ? PathRules.realPath(path) ?? path : path) else {
                throw CLIFailure.file(message: "\(path): no such file", isPermission: false)
            }
            switch status.kind {
            case .directory where depth < Self.deepest:
                for name in try fileSystem.list(path).sorted() {
                    try read(path.hasSuffix("/") ? path + name : "\(path)/\(name)", depth: depth + 1)
                }
            case .regular:
                files += 1
                guard files <= Self.mostFiles else { throw CLIFailure.usage("more than \(Self.mostFiles) files") }
                let octets = try fileSystem.read(
                    PathRules.realPath(path) ?? path, atMost: KeyStoreFile.maximumSize)
                take(octets ?? [], path, isNamed: depth == 0)
            default: break
            }
        } catch let error as FileError {
            // What lies in a directory may be for others' eyes alone; what was named must be readable.
            guard depth > 0 else { throw LocalFiles.failure(error) }
            problems.append("\(path): \(error.description)")
        } catch let error as CLIFailure {
            throw error
        } catch {
            throw .file(message: "\(error)", isPermission: false)
        }
    }

    /// - `isNamed`: A directory holds other files, too; whoever names a file means it.
    private mutating func take(_ octets: [UInt8], _ path: String, isNamed: Bool) {
        do {
            for certificate in try KeyStoreFile.read(octets, password: password).everyCertificate
            where seen.insert(certificate).inserted {
                certificates.append(certificate)
            }
        } catch {
            let endings = ["pem", "crt", "cer", "der", "p7b", "p7c", "p12", "pfx", "jks"]
            let ending = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
            guard isNamed || endings.contains(ending) else { return }
            problems.append("\(path): \(error)")
        }
    }

    /// Certificates that are no authorities, each with its chain; those with the same names together, oldest first.
    func lineages() -> [[[X509Certificate]]] {
        var order: [Set<String>] = []
        var groups: [Set<String>: [[X509Certificate]]] = [:]
        for leaf in certificates where !leaf.isCA {
            var names = Set(leaf.subjectAltNames.map(\.description))
            if names.isEmpty { names = ["subject:\(leaf.subject)"] }
            if groups[names] == nil { order.append(names) }
            groups[names, default: []].append(KeyStoreContent.chain(of: leaf, among: certificates))
        }
        return order.compactMap { groups[$0]?.sorted { $0[0].notBefore < $1[0].notBefore } }
    }
}
