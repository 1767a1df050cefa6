import ArgumentParser

package enum Operations: Resource {
    package typealias Members = NoMembers
    package static let command = "operations"
    package static let noun = "operation"
    package static let required: [String] = []
    package static let columns = [
        Column("ID", "id"), Column("KIND", "kind"), Column("STATE", "state"), Column("DONE", "progress.done"),
        Column("TOTAL", "progress.total"), Column("FAILED", "result.total_failed"), Column("BY", "created_by"),
        Column("CREATED", "created_at", .time), Column("APPROVAL", "approval_id", wide: true),
        Column("FINISHED", "finished_at", .time, wide: true),
    ]
    package static let details = [
        Column("ID", "id"), Column("KIND", "kind"), Column("STATE", "state"), Column("REASON", "reason"),
        Column("CRITERIA", "criteria"), Column("TOTAL", "progress.total"), Column("DONE", "progress.done"),
        Column("REVOKED", "result.total_revoked"), Column("SKIPPED", "result.total_skipped"),
        Column("FAILED", "result.total_failed"), Column("APPROVAL ID", "approval_id"),
        Column("CREATED BY", "created_by"), Column("CREATED AT", "created_at", .time),
        Column("STARTED AT", "started_at", .time), Column("FINISHED AT", "finished_at", .time),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "awaiting_approval, running, succeeded, failed or cancelled.") var state: String?
        @Option(help: "bulk_revoke.") var kind: String?

        package init() {}

        package var parameters: [(name: String, value: String)] {
            [("state", state), ("kind", kind)].compactMap { name, value in value.map { (name, $0) } }
        }
    }
}
