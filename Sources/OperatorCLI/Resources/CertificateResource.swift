import ArgumentParser
package import Domain
package import Encoding
import Settings

package enum Certificates: Resource {
    package static let command = "certificates"
    package static let noun = "certificate"
    package static let consequence = "archive"
    package static let required = [
        "name", "common_name", "owner_id", "team_id", "issuer_id", "renewal_policy_id",
    ]
    package static let columns = [
        Column("ID", "id"), Column("COMMON NAME", "common_name"), Column("STATUS", "status"),
        Column("EXPIRES", "expires_at", .time), Column("ISSUER", "issuer_id"), Column("NAME", "name", wide: true),
        Column("OWNER", "owner_id", wide: true), Column("TEAM", "team_id", wide: true),
        Column("ENVIRONMENT", "environment", wide: true), Column("SERIAL", "serial_number", wide: true),
    ]
    package static let details = [
        Column("ID", "id"), Column("NAME", "name"), Column("COMMON NAME", "common_name"), Column("STATUS", "status"),
        Column("ISSUER ID", "issuer_id"), Column("OWNER ID", "owner_id"), Column("TEAM ID", "team_id"),
        Column("POLICY ID", "renewal_policy_id"), Column("PROFILE ID", "certificate_profile_id"),
        Column("EXPIRES AT", "expires_at", .time), Column("SANS", "sans", .list), Column("SERIAL", "serial_number"),
        Column("FINGERPRINT", "fingerprint_sha256"), Column("TARGETS", "target_ids", .list),
        Column("DEPLOYED", "deployment_summary.deployed"), Column("DEPLOY FAILED", "deployment_summary.failed"),
        Column("JOB ID", "job_id"),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "Status; several with commas.") var status: String?
        @Option(name: .customLong("env"), help: "Environment.") var environment: String?
        @Option(help: "Owner.") var ownerID: String?
        @Option(help: "Team.") var teamID: String?
        @Option(help: "Issuer.") var issuerID: String?
        @Option(help: "Profile.") var profileID: String?
        @Option(help: "Deployed through a target of this agent.") var agentID: String?
        @Option(help: "RFC 3339 time.") var expiresBefore: String?
        @Option(help: "RFC 3339 time.") var expiresAfter: String?
        @Option(help: "RFC 3339 time.") var createdAfter: String?
        @Option(help: "RFC 3339 time.") var updatedAfter: String?
        @Option(help: ArgumentHelp("Label.", valueName: "key=value")) var tag: [String] = []
        @Option(help: ArgumentHelp("Expiring from now until then, such as 30d.", valueName: "duration"))
        var expiringIn: WatchLimit?
        @Option(parsing: .unconditional, help: "Member to sort by; - in front for descending.") var sort: String?
        @Option(help: ArgumentHelp("Members to fetch.", valueName: "a,b,c")) var fields: String?
        @Option(name: .customLong("q"), help: "Text to look for in names.") var search: String?

        package init() {}

        package func validate() throws {
            if expiringIn != nil, expiresBefore != nil || expiresAfter != nil {
                throw ValidationError("give --expiring-in alone, without --expires-before and --expires-after")
            }
            for text in tag where !text.contains("=") { throw ValidationError("--tag \(text) is not key=value") }
        }

        package var parameters: [(name: String, value: String)] {
            let options: [(String, String?)] = [
                ("status", status), ("environment", environment), ("owner_id", ownerID), ("team_id", teamID),
                ("issuer_id", issuerID), ("profile_id", profileID), ("agent_id", agentID),
                ("expires_before", expiresBefore), ("expires_after", expiresAfter), ("created_after", createdAfter),
                ("updated_after", updatedAfter), ("sort", sort), ("q", search),
                ("fields", fields),
            ]
            let tags = tag.map { text in
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (name: "tag.\(parts[0])", value: String(parts.last ?? ""))
            }
            return options.compactMap { name, value in value.map { (name, $0) } } + tags
        }

        package func parameters(at now: Timestamp) -> [(name: String, value: String)] {
            guard let expiringIn else { return parameters }
            return parameters + [
                ("expires_after", now.rfc3339), ("expires_before", (now + expiringIn.duration).rfc3339),
            ]
        }
    }

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "Subject common name.") var commonName: String?
        @Option(help: "Alternative name; repeat it.") var san: [String] = []
        @Option(name: .customLong("env"), help: "Free label.") var environment: String?
        @Option(help: "Responsible owner.") var ownerID: String?
        @Option(help: "Responsible team.") var teamID: String?
        @Option(help: "Issuer that signs it.") var issuerID: String?
        @Option(help: "When it is renewed.") var renewalPolicyID: String?
        @Option(help: "Rules for its key and names.") var profileID: String?
        @Option(help: "Target to deploy to; repeat it.") var targetID: [String] = []
        @Option(help: ArgumentHelp("Label; repeat it.", valueName: "key=value")) var tag: [String] = []

        package init() {}

        package func members() throws(CLIFailure) -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("common_name", commonName)
            list.add("sans", list: san)
            list.add("environment", environment)
            list.add("owner_id", ownerID)
            list.add("team_id", teamID)
            list.add("issuer_id", issuerID)
            list.add("renewal_policy_id", renewalPolicyID)
            list.add("certificate_profile_id", profileID)
            list.add("target_ids", list: targetID)
            if !tag.isEmpty {
                var tags = JSONObject()
                for text in tag {
                    let (key, value) = try RequestBody.pair(text, option: "tag")
                    tags[key] = .string(value)
                }
                list.add("tags", .object(tags))
            }
            return list.object
        }
    }
}
