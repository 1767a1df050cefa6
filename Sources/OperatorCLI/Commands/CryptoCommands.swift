package import ArgumentParser
import Encoding
import Settings

/// `certctl crypto`.
package struct CryptoCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "crypto",
        abstract: "Cryptography in use.",
        subcommands: [CryptoInventoryCommand.self, LintsCommand.self]
    )

    package init() {}
}

/// `crypto inventory`.
struct CryptoInventoryCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory",
        abstract: "Every algorithm in use, with the keys of certificates and authorities.",
        discussion: "--cbom writes a CycloneDX 1.6 cryptography bill of materials."
    )

    @Flag(help: "As a CycloneDX cryptography bill of materials.") var cbom = false
    @Option(help: ArgumentHelp("Write to this file.", valueName: "file")) var save: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(
            ["crypto", "inventory"], query: [(name: "format", value: cbom ? "cyclonedx" : "json")])
        let answer = try await session.client.call("GET", path, headers: [("Accept", "*/*")])
        if let save {
            try IssuedFiles.replace(save, with: answer.body + [0x0A], mode: 0o644, session.environment)
            return session.progress("wrote \(save)")
        }
        let inventory = try answer.json()
        guard !cbom, [.table, .wide].contains(session.configuration.format) else {
            return session.console.output(
                cbom ? String(decoding: answer.body, as: UTF8.self) : try session.renderer.item(inventory, details: []))
        }
        let keys = inventory["keys"]?.arrayValue ?? []
        let algorithms = inventory["algorithms"]?.arrayValue ?? []
        session.console.output(
            try session.renderer.list(.array(algorithms), rows: algorithms, columns: Self.algorithms))
        session.console.output("")
        session.console.output(try session.renderer.list(.array(keys), rows: keys, columns: Self.keys))
    }

    private static let algorithms = [
        Column("ALGORITHM", "name"), Column("PRIMITIVE", "primitive"), Column("KEYS", "keys"),
        Column("QUANTUM LEVEL", "nist_quantum_level"), Column("LEGACY", "legacy"), Column("DENIED", "denied"),
    ]
    private static let keys = [
        Column("HOLDER", "holder"), Column("KEY", "key"), Column("COUNT", "count"),
        Column("FIRST END", "first_end", .instant), Column("LAST END", "last_end", .instant),
        Column("QUANTUM VULNERABLE", "quantum_vulnerable"), Column("DENIED", "denied"),
    ]
}

/// `crypto lints`.
struct LintsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "lints",
        abstract: "The rules that certificates are held against before they are signed.",
        discussion: "CERTCTL_CA_LINTS of the server chooses another severity for those that are adjustable."
    )

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["crypto", "lints"])).json()
        let rows = answer["data"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: Self.columns))
    }

    private static let columns = [
        Column("RULE", "rule"), Column("SEVERITY", "severity"), Column("ADJUSTABLE", "adjustable"),
        Column("A CERTIFICATE", "summary"), Column("DEFAULT", "default_severity", wide: true),
        Column("SOURCE", "source", wide: true),
    ]
}
