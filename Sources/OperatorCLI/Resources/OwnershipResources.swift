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

package enum Profiles: Resource {
    package typealias Filters = TextFilter
    package static let command = "profiles"
    package static let noun = "profile"
    package static let required = ["name"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("MAX TTL", "max_ttl_seconds"),
        Column("EKUS", "allowed_ekus", .list), Column("ENABLED", "enabled", .yesOrNo),
        Column("DESCRIPTION", "description", wide: true),
        Column("SAN PATTERNS", "required_san_patterns", .list, wide: true),
        Column("SHORT LIVED", "allow_short_lived", .yesOrNo, wide: true),
        Column("MUST STAPLE", "must_staple", .yesOrNo, wide: true),
    ]

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "For people.") var description: String?
        @Option(help: "Longest validity in seconds; 0 for no cap.") var maxTTLSeconds: Int?
        @Option(help: ArgumentHelp("Key family and smallest size; repeat it.", valueName: "ECDSA:256"))
        var allowedKeyAlgorithm: [String] = []
        @Option(name: .customLong("allowed-ekus"), help: "Extended key usages.") var allowedEKUs: [String] = []
        @Option(help: "Pattern that names must match; repeat it.") var requiredSANPattern: [String] = []
        @Option(help: "For validity below one hour.") var allowShortLived: Bool?
        @Option(help: "Ask clients to insist on OCSP stapling (RFC 7633).") var mustStaple: Bool?
        @Option(help: "Whether it can be used.") var enabled: Bool?

        package init() {}

        package func members() throws(CLIFailure) -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("description", description)
            list.add("max_ttl_seconds", maxTTLSeconds)
            if !allowedKeyAlgorithm.isEmpty {
                var rules: [JSONValue] = []
                for text in allowedKeyAlgorithm { rules.append(try Self.rule(text)) }
                list.add("allowed_key_algorithms", .array(rules))
            }
            list.add("allowed_ekus", list: allowedEKUs)
            if !requiredSANPattern.isEmpty { list.add("required_san_patterns", JSONValue(requiredSANPattern)) }
            list.add("allow_short_lived", allowShortLived)
            list.add("must_staple", mustStaple)
            list.add("enabled", enabled)
            return list.object
        }

        private static func rule(_ text: String) throws(CLIFailure) -> JSONValue {
            let parts = text.split(separator: ":").map(String.init)
            if parts.count == 1 { return ["algorithm": .string(parts[0])] }
            guard parts.count == 2, let size = Int(parts[1]) else {
                throw .usage("--allowed-key-algorithm \"\(TerminalText.line(text))\" is not of the form ECDSA:256")
            }
            return ["algorithm": .string(parts[0]), "min_size": JSONValue(size)]
        }
    }
}
