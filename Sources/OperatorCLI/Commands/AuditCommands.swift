package import ArgumentParser
import AuditProof
import Domain
import Encoding
import HostEffects

/// `certctl audit`.
package struct AuditCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The audit trail.",
        subcommands: [
            ListCommand<AuditEvents>.self, GetCommand<AuditEvents>.self, AuditVerifyCommand.self,
            AuditExportCommand.self, AuditCheckpointsCommand.self, AuditProofCommand.self, AuditKeysCommand.self,
            AuditSealCommand.self, AuditHoldsCommand.self, AuditHoldCommand.self, AuditReleaseCommand.self,
            AuditAcknowledgeCommand.self,
        ]
    )

    package init() {}
}

/// `audit export`.
struct AuditExportCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write out the sealed events of a period, or a bundle that proves itself.",
        discussion: """
            A bundle holds every event with its hashes and the signed checkpoints. Verify it on any machine:
            certctl audit verify --offline FILE --public-key KEYS
            """
    )

    /// An export may take long; it is cut off after this.
    private static let longest = Duration.hours(12)

    @Option(help: "RFC 3339 time; not before. Needed unless --as bundle.") var from: String?
    @Option(help: "RFC 3339 time; before. Needed unless --as bundle.") var to: String?
    @Option(name: .customLong("as"), help: "ndjson, csv, cef or bundle.") var form = "ndjson"
    @Option(help: ArgumentHelp("Write to this file.", valueName: "file")) var save: String?
    @Option(help: "At most so many events.") var limit: Int?
    @Flag(help: "End with a line that counts what was written.") var summary = false
    @Option(help: "cert_lifecycle, auth or config.") var category: String?
    @Option(help: "Name of the actor.") var actor: String?
    @Option(help: "What was done.") var action: String?
    @Option(help: "Kind of object.") var resourceType: String?
    @Option(help: "Object.") var resourceID: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let options: [(String, String?)] = [
            ("format", form), ("from", from), ("to", to), ("limit", limit.map(String.init)),
            ("summary", summary ? "true" : nil), ("category", category), ("actor", actor), ("action", action),
            ("resource_type", resourceType), ("resource_id", resourceID),
        ]
        let path = APIPath(
            ["audit", "export"], query: options.compactMap { name, value in value.map { (name: name, value: $0) } })
        let accept = ["cef": "text/plain", "csv": "text/csv"][form] ?? "application/x-ndjson"
        guard let save else {
            // Whole lines: the console ends each of its outputs with a line feed.
            let lines = LineBuffer { session.console.output($0) }
            try await session.client.download(path, accept: accept, timeout: Self.longest) { lines.add($0) }
            lines.finish()
            return
        }
        let file: NewFile
        do {
            file = try NewFile(
                destination: save, stamp: session.environment.time.now.microsecondsSinceEpoch,
                fileSystem: session.environment.fileSystem)
        } catch { throw LocalFiles.failure(error) }
        do {
            try await session.client.download(path, accept: accept, timeout: Self.longest) { try file.append($0) }
            try file.commit()
        } catch let error as FileError {
            file.discard()
            throw LocalFiles.failure(error)
        } catch {
            file.discard()
            throw error
        }
        session.progress("written to \(save)")
    }
}

/// `audit checkpoints`.
struct AuditCheckpointsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoints",
        abstract: "List signed checkpoints, newest first. Keep some elsewhere: they show a rewritten past."
    )

    private static let columns = [
        Column("NUMBER", "number"), Column("TREE SIZE", "tree_size"), Column("ROOT HASH", "root_hash"),
        Column("SIGNED", "timestamp", .instant), Column("KEY", "key_id", wide: true), Column("JWS", "jws", wide: true),
    ]

    @Flag(help: "Only the newest.") var latest = false
    @Flag(help: "Print the signed texts alone, for a file that audit verify --checkpoint takes.") var jws = false
    @Option(help: "Only the one over so many leaves.") var treeSize: Int?
    @Option(help: "At most so many.") var limit: Int?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var query: [(name: String, value: String)] = []
        if latest { query.append(("latest", "true")) }
        if let treeSize { query.append(("tree_size", String(treeSize))) }
        if let limit { query.append(("limit", String(limit))) }
        let answer = try await session.client.call("GET", APIPath(["audit", "checkpoints"], query: query)).json()
        let rows = answer["data"]?.arrayValue ?? []
        if jws {
            for row in rows { session.console.output(TerminalText.line(row["jws"]?.stringValue ?? "")) }
            return
        }
        session.console.output(try session.renderer.list(answer, rows: rows, columns: Self.columns))
    }
}

/// `audit proof ID`.
struct AuditProofCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "proof",
        abstract: "Fetch the proof that an event is in the signed log, and check it here."
    )

    @Argument(help: "Identifier of the event.") var id: String
    @Option(help: ArgumentHelp("Believe these keys instead of what the server says.", valueName: "file"))
    var publicKey: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["audit", try APIPath.checked(id), "proof"])
        let proof = try await session.client.call("GET", path).json()
        let keys = try await AuditEvidence.keys(publicKey, session)
        let hashes = (proof["audit_path"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { LogHash(hex: $0) } }
        guard let signed = try? SignedCheckpoint(text: proof["checkpoint"]?.stringValue ?? ""),
            signed.isSigned(by: keys)
        else { throw CLIFailure.notSound("the checkpoint of the proof is not signed by a known key") }
        let stated = signed.checkpoint
        guard let sequence = proof["seq"]?.integerValue, let leaf = proof["leaf"]?.stringValue,
            MerkleProof.isIncluded(
                .leaf(Array(leaf.utf8)), at: Int(sequence), in: stated.rootHash, size: stated.treeSize, path: hashes)
        else { throw CLIFailure.notSound("the proof does not lead from the event to the signed root") }
        try session.confirm(
            "\(id) is event \(sequence) of \(stated.treeSize), signed for at \(stated.timestamp.rfc3339)", proof)
    }
}

/// `audit keys`.
struct AuditKeysCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Print the public keys of checkpoints as a JWK set, for audit verify --public-key."
    )

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["audit", "keys"])).json()
        session.console.output(answer.prettyText)
    }
}

/// `audit seal`.
struct AuditSealCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Move signed events before a time to the archive directory of the server; their hashes stay."
    )

    @Option(help: "RFC 3339 time.") var until: String
    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try session.ask("Move audit events before \(until) out of the database?", unless: yes)
        let answer = try await session.client.call("POST", APIPath(["audit", "seal"]), body: ["until": .string(until)])
            .json()
        try session.confirm("archived to \(answer["file_name"]?.stringValue ?? "")", answer)
    }
}
