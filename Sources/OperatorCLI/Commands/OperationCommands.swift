package import ArgumentParser
import Encoding

/// `certctl operations`.
package struct OperationsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "operations",
        abstract: "Work on many objects at once: list, show, cancel.",
        subcommands: [
            ListCommand<Operations>.self, GetCommand<Operations>.self, CancelOperationCommand.self,
        ]
    )

    package init() {}
}

/// `operations cancel ID`.
struct CancelOperationCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End an operation before its next objects; what is done stays done.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["operations", try APIPath.checked(id), "cancel"])
        let operation = try await session.client.call("POST", path).json()
        let result = BulkResult(operation["result"] ?? .null)
        try session.confirm("\(id) cancelled: " + result.text(verb: "revoked"), operation)
    }
}
