import ArgumentParser
import AuditProof
import Encoding
import HostEffects
import Settings

/// `intermediates ceremonies ID`.
struct IntermediateCeremoniesCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "ceremonies",
        abstract: "Show the signed records of what was done to a CA, and verify them.",
        discussion: """
            Each says what was done, with which key and parameters, by whom, when, and who agreed. The signatures are verified with \
            the keys of the audit log: those of --keys, a file that was kept elsewhere, or those that the server says.
            """
    )

    static let columns = [
        Column("ID", "id"), Column("WHAT", "operation"), Column("WHEN", "created_at", .time),
        Column("BY", "record.performed_by.id"), Column("APPROVAL", "approval_id"),
        Column("SHA-256", "record_sha256", wide: true), Column("KEY", "key_id", wide: true),
    ]

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: ArgumentHelp("Keys to verify with, as certctl audit keys writes them.", valueName: "file"))
    var keys: String?
    @Option(help: ArgumentHelp("File to write the records to, as JSON.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("GET", APIPath(["intermediates", id, "ceremonies"])).json()
        let rows = answer["ceremonies"]?.arrayValue ?? []
        try Self.verify(rows, with: try await known(session))
        if let out {
            try IssuedFiles.replace(out, with: Array((answer.text + "\n").utf8), mode: 0o644, session.environment)
            session.progress("wrote \(out)")
        } else {
            session.console.output(try session.renderer.list(answer, rows: rows, columns: Self.columns))
        }
        session.progress("\(rows.count) records, every signature is good")
    }

    private func known(_ session: Session) async throws -> CheckpointKeySet {
        let octets: [UInt8]
        if let keys {
            guard let found = try LocalFiles.read(keys, fileSystem: session.environment.fileSystem) else {
                throw CLIFailure.file(message: "\(keys): no such file", isPermission: false)
            }
            octets = found
        } else {
            octets = Array(try await session.client.call("GET", APIPath(["audit", "keys"])).json().text.utf8)
        }
        do throws(CheckpointKeyError) { return try CheckpointKeySet(parsing: octets) } catch {
            throw CLIFailure.usage("\(keys ?? "the server"): \(error)")
        }
    }

    /// The record is what was signed, whatever the members beside it say.
    private static func verify(_ rows: [JSONValue], with keys: CheckpointKeySet) throws(CLIFailure) {
        for row in rows {
            let record = CeremonyRecord(row["record"]?.objectValue ?? [:])
            guard let key = keys.key(row["key_id"]?.stringValue ?? ""),
                record.isSigned(row["signature"]?.stringValue ?? "", by: key)
            else {
                throw .notSound(
                    "the record \(row["id"]?.stringValue ?? "without a name") is not signed by a key of the audit log")
            }
        }
    }
}
