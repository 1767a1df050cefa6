package import ArgumentParser
import Encoding
import Settings

/// `certctl admin`.
package struct AdminCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "The server's inner workings.",
        subcommands: [
            SchedulerCommand.self, RotateEncryptionKeyCommand.self, ResealCommand.self, CryptoStatusCommand.self,
        ]
    )

    package init() {}
}

/// `admin scheduler`.
struct SchedulerCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduler",
        abstract: "Background loops: last run, result, and when each is due."
    )

    private static let columns = [
        Column("LOOP", "loop"), Column("LAST RESULT", "last_result"),
        Column("LAST FINISHED", "last_finished_at", .instant),
        Column("NEXT DUE", "next_due_at", .instant), Column("LAST ERROR", "last_error"),
        Column("LAST STARTED", "last_started_at", .instant, wide: true), Column("EPOCH", "leader_epoch", wide: true),
    ]

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["admin", "scheduler"])).json()
        guard [.table, .wide, .csv].contains(session.configuration.format) else {
            session.console.output(try session.renderer.item(answer, details: []))
            return
        }
        if session.configuration.format != .csv {
            session.progress("leader: \(answer["leader"]?.stringValue ?? "none")")
        }
        let rows = answer["loops"]?.arrayValue ?? []
        let page: JSONValue = ["data": .array(rows), "total": JSONValue(rows.count)]
        session.console.output(try session.renderer.list(page, rows: rows, columns: Self.columns))
    }
}
