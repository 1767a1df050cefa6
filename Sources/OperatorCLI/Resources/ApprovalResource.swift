import ArgumentParser

package enum Approvals: Resource {
    package typealias Members = NoMembers
    package static let command = "approvals"
    package static let noun = "approval"
    package static let required: [String] = []
    package static let columns = [
        Column("ID", "id"), Column("KIND", "kind"), Column("STATE", "state"), Column("REQUESTED BY", "requested_by"),
        Column("CERTIFICATE", "certificate_id"), Column("PROFILE", "profile_id"),
        Column("CREATED", "created_at", .time), Column("JOB", "job_id", wide: true),
        Column("EXPIRES", "expires_at", .time, wide: true), Column("DECIDED BY", "decided_by", wide: true),
    ]
    package static let details = [
        Column("ID", "id"), Column("KIND", "kind"), Column("STATE", "state"), Column("REQUESTED BY", "requested_by"),
        Column("CERTIFICATE ID", "certificate_id"), Column("PROFILE ID", "profile_id"), Column("JOB ID", "job_id"),
        Column("CHANGES", "diff", .changes),
        Column("REQUEST", "payload_json"), Column("DIGEST", "payload_digest"),
        Column("CREATED AT", "created_at", .time), Column("EXPIRES AT", "expires_at", .time),
        Column("DECIDED BY", "decided_by"), Column("DECIDED AT", "decided_at", .time), Column("NOTE", "decision_note"),
        Column("WITHDRAWN", "withdrawn", .yesOrNo),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "pending, approved, rejected or expired.") var state: String?
        @Option(help: "cert_issuance, profile_edit, role_grant, bulk_revoke or ca_ceremony.") var kind: String?
        @Option(help: "Approvals about this certificate.") var certificateID: String?
        @Option(help: "Who asked.") var requestedBy: String?

        package init() {}

        package var parameters: [(name: String, value: String)] {
            let options: [(String, String?)] = [
                ("state", state), ("kind", kind), ("certificate_id", certificateID), ("requested_by", requestedBy),
            ]
            return options.compactMap { name, value in value.map { (name, $0) } }
        }
    }
}
