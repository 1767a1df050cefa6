package import Domain
import Encoding

/// A renewal policy as the API shows it (specification, rest-api §7.14).
package struct RenewalPolicyBody: WireValue {
    package var id = RenewalPolicyID.unset
    package var name = ""
    package var renewalWindowDays = 30
    package var autoRenew = true
    package var maximumRetries = 3
    package var retryIntervalSeconds = 3600
    package var alertThresholdsDays: [Int] = []
    package var alertChannels: [String: [String]]?
    package var alertSeverityMap: [String: String]?
    package var profileID: ProfileID?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "RenewalPolicy", "When certificates are renewed and who hears of it.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique name."),
            .required("renewal_window_days", \.renewalWindowDays, "Days before expiry."),
            .required("auto_renew", \.autoRenew, "Whether it renews by itself."),
            .required("max_retries", \.maximumRetries, "Attempts after a failure."),
            .required("retry_interval_seconds", \.retryIntervalSeconds, "Time between attempts."),
            .defaulted("alert_thresholds_days", \.alertThresholdsDays, "Days before expiry that alert."),
            .optional("alert_channels", \.alertChannels, PolicyMembers.channels, "Tier to channels."),
            .optional("alert_severity_map", \.alertSeverityMap, PolicyMembers.severities, "Days to tier."),
            .optional("certificate_profile_id", \.profileID, "Profile it belongs to."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

/// Shapes and bounds that policy types share.
enum PolicyMembers {
    static let windowDays = Schema.integer(1...365)
    static let retries = Schema.integer(0...10)
    static let retryInterval = Schema.integer(60...86_400)
    static let thresholds = Schema.list(.integer(0...365), maximum: 20)
    static let channel = Schema.choice(["Email", "Webhook", "Slack", "Teams", "PagerDuty", "OpsGenie"])
    static let channels = Schema(
        .object(
            ["informational", "warning", "critical"].map {
                Schema.Member(
                    name: $0, schema: .list(channel, maximum: 6), isRequired: false, isClearable: false,
                    emptyTextIsAbsent: false, summary: "Channels of the tier."
                )
            }
        ),
        example: ["critical": ["PagerDuty", "Email"]]
    )
    static let severities = Schema(
        .map(of: .choice(["informational", "warning", "critical"]), maximum: 20), example: ["7": "critical"]
    )
}

/// `POST /api/v1/renewal-policies`.
package struct CreateRenewalPolicyRequest: WireValue {
    package var id: RenewalPolicyID?
    package var name = ""
    package var renewalWindowDays = 30
    package var autoRenew = true
    package var maximumRetries = 3
    package var retryIntervalSeconds = 3600
    package var alertThresholdsDays = [30, 14, 7, 0]
    package var alertChannels: [String: [String]]?
    package var alertSeverityMap: [String: String]?

    package init() {}

    package static let contract = Contract<Self>(
        "CreateRenewalPolicy", "A renewal policy to add.",
        [
            .optional("id", \.id, "Chosen identifier; rp-<slug of the name> when absent."),
            .required("name", \.name, .name, "Unique name."),
            .defaulted("renewal_window_days", \.renewalWindowDays, PolicyMembers.windowDays, "Days before expiry."),
            .defaulted("auto_renew", \.autoRenew, "Whether it renews by itself."),
            .defaulted("max_retries", \.maximumRetries, PolicyMembers.retries, "Attempts after a failure."),
            .defaulted(
                "retry_interval_seconds", \.retryIntervalSeconds, PolicyMembers.retryInterval, "Between attempts."),
            .defaulted("alert_thresholds_days", \.alertThresholdsDays, PolicyMembers.thresholds, "Days that alert."),
            .optional("alert_channels", \.alertChannels, PolicyMembers.channels, "Tier to channels."),
            .optional("alert_severity_map", \.alertSeverityMap, PolicyMembers.severities, "Days to tier."),
        ]
    )
}

/// `PUT` and `PATCH` of a renewal policy.
package struct UpdateRenewalPolicyRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var renewalWindowDays = FieldUpdate<Int>.keep
    package var autoRenew = FieldUpdate<Bool>.keep
    package var maximumRetries = FieldUpdate<Int>.keep
    package var retryIntervalSeconds = FieldUpdate<Int>.keep
    package var alertThresholdsDays = FieldUpdate<[Int]>.keep
    package var alertChannels = FieldUpdate<[String: [String]]>.keep
    package var alertSeverityMap = FieldUpdate<[String: String]>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateRenewalPolicy", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, "Unique name."),
            .update("renewal_window_days", \.renewalWindowDays, PolicyMembers.windowDays, "Days before expiry."),
            .update("auto_renew", \.autoRenew, "Whether it renews by itself."),
            .update("max_retries", \.maximumRetries, PolicyMembers.retries, "Attempts after a failure."),
            .update("retry_interval_seconds", \.retryIntervalSeconds, PolicyMembers.retryInterval, "Between attempts."),
            .update("alert_thresholds_days", \.alertThresholdsDays, PolicyMembers.thresholds, clearable: true, "Days."),
            .update("alert_channels", \.alertChannels, PolicyMembers.channels, clearable: true, "Tier to channels."),
            .update(
                "alert_severity_map", \.alertSeverityMap, PolicyMembers.severities, clearable: true, "Days to tier."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
