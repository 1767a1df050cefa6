import ArgumentParser
package import Encoding

package enum Teams: Resource {
    package typealias Filters = TextFilter
    package static let command = "teams"
    package static let noun = "team"
    package static let required = ["name"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("OWNERS", "owner_count"),
        Column("CERTIFICATES", "certificate_count"), Column("DESCRIPTION", "description", wide: true),
        Column("CREATED", "created_at", .time, wide: true),
    ]

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "For people.") var description: String?

        package init() {}

        package func members() -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("description", description)
            return list.object
        }
    }
}

package enum Owners: Resource {
    package typealias Filters = TextFilter
    package static let command = "owners"
    package static let noun = "owner"
    package static let required = ["name"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("EMAIL", "email"), Column("TEAM", "team_id"),
        Column("CERTIFICATES", "certificate_count"), Column("CREATED", "created_at", .time, wide: true),
    ]

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "Where alerts go.") var email: String?
        @Option(help: "Their team.") var teamID: String?

        package init() {}

        package func members() -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("email", email)
            list.add("team_id", teamID)
            return list.object
        }
    }
}

package enum RenewalPolicies: Resource {
    package typealias Filters = TextFilter
    package static let command = "renewal-policies"
    package static let noun = "renewal policy"
    package static let required = ["name"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("WINDOW DAYS", "renewal_window_days"),
        Column("AUTO RENEW", "auto_renew", .yesOrNo), Column("RETRIES", "max_retries"),
        Column("RETRY SECONDS", "retry_interval_seconds", wide: true),
        Column("ALERT DAYS", "alert_thresholds_days", .list, wide: true),
    ]

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "Days before expiry.") var renewalWindowDays: Int?
        @Option(help: "Whether certificates renew by themselves.") var autoRenew: Bool?
        @Option(help: "Attempts after a failure.") var maxRetries: Int?
        @Option(help: "Seconds between attempts.") var retryIntervalSeconds: Int?
        @Option(help: ArgumentHelp("Days before expiry that alert.", valueName: "30,14,7")) var alertThresholdsDays:
            String?

        package init() {}

        package func members() throws(CLIFailure) -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("renewal_window_days", renewalWindowDays)
            list.add("auto_renew", autoRenew)
            list.add("max_retries", maxRetries)
            list.add("retry_interval_seconds", retryIntervalSeconds)
            if let alertThresholdsDays {
                let days = alertThresholdsDays.split(separator: ",").map { Int($0) }
                guard !days.contains(nil) else { throw .usage("--alert-thresholds-days is not a list of numbers") }
                list.add("alert_thresholds_days", .array(days.compactMap { $0.map { JSONValue($0) } }))
            }
            return list.object
        }
    }
}
