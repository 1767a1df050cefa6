package import ArgumentParser
import Encoding
import Settings

/// `certctl issuers`.
package struct IssuersCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "issuers",
        abstract: "Certification authorities.",
        subcommands: [
            ListCommand<Issuers>.self, GetCommand<Issuers>.self, CreateCommand<Issuers>.self,
            UpdateCommand<Issuers>.self, DeleteCommand<Issuers>.self, TestCommand<Issuers>.self,
            TypesCommand<Issuers>.self, CACertificatesCommand.self,
        ]
    )

    package init() {}
}

/// `certctl targets`.
package struct TargetsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "targets",
        abstract: "Consumers that agents deploy certificates to.",
        subcommands: [
            ListCommand<Targets>.self, GetCommand<Targets>.self, CreateCommand<Targets>.self,
            UpdateCommand<Targets>.self, DeleteCommand<Targets>.self, TestCommand<Targets>.self,
            TypesCommand<Targets>.self,
        ]
    )

    package init() {}
}

/// `test ID`.
struct TestCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "test", abstract: "Try whether the \(R.noun) works.")
    }

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath([R.command, try APIPath.checked(id), "test"])
        let answer = try await session.client.call("POST", path).json()
        let checks = (answer["checks"]?.arrayValue ?? []).map { check in
            "\(check["ok"]?.boolValue == true ? "OK  " : "FAIL") \(check["name"]?.stringValue ?? "") "
                + (check["detail"]?.stringValue ?? "")
        }
        let head = answer["message"]?.stringValue ?? answer["status"]?.stringValue ?? ""
        try session.confirm((checks + [head]).joined(separator: "\n"), answer)
        guard answer["status"]?.stringValue != "failed" else { throw CLIFailure.notReady("the test of \(id) failed") }
    }
}

/// `types`.
struct TypesCommand<R: Resource>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "types", abstract: "List the kinds of \(R.noun).")
    }

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let page = try await session.client.call("GET", APIPath(["\(R.noun)-types"])).json()
        let columns = [
            Column("TYPE", "type"), Column("TITLE", "title"), Column("SECRETS", "secret_members", .list, wide: true),
            Column("CAPABILITIES", "capabilities", wide: true), Column("SCHEMA", "config_schema", wide: true),
        ]
        session.console.output(try session.renderer.list(page, rows: page["data"]?.arrayValue ?? [], columns: columns))
    }
}

/// `issuers ca ID`.
struct CACertificatesCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "Print the issuer's own chain in PEM.",
        aliases: ["ca-certificates"]
    )

    @Argument(help: "Identifier.") var id: String
    @Option(help: ArgumentHelp("File to write the chain to.", valueName: "path")) var out: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["issuers", try APIPath.checked(id), "ca-certificates"])
        try session.show(chainOf: try await session.client.call("GET", path).json(), to: out)
    }
}
