import Domain
package import Store

/// What a client says about a renewal policy; absent members take the defaults.
package struct PolicyDraft: Sendable {
    package var name: String
    /// 1–365; zero counts as absent.
    package var renewalWindowDays: Int?
    package var autoRenew: Bool?
    /// 0–10.
    package var maxRetries: Int?
    /// 60–86400.
    package var retryIntervalSeconds: Int?
    /// Each 0–365; empty counts as absent.
    package var alertThresholdsDays: [Int]?
    package var alertChannels: [String: [String]]?
    package var alertSeverityMap: [String: String]?

    package init(name: String) { self.name = name }

    package static let defaultThresholds = [30, 14, 7, 0]
    private static let tiers: Set<String> = ["informational", "warning", "critical"]
    private static let channels: Set<String> = ["Email", "Webhook", "Slack", "Teams", "PagerDuty", "OpsGenie"]

    /// What a change of `stored` leaves as it is.
    package init(_ stored: RenewalPolicyFields) {
        name = stored.name
        renewalWindowDays = stored.renewalWindowDays
        autoRenew = stored.autoRenew
        maxRetries = stored.maxRetries
        retryIntervalSeconds = stored.retryIntervalSeconds
        alertThresholdsDays = stored.alertThresholdsDays
        alertChannels = stored.alertChannels
        alertSeverityMap = stored.alertSeverityMap
    }

    /// The members as they are stored; `problems` has the reason where one is wrong.
    func checked(into problems: inout FieldProblems) -> RenewalPolicyFields {
        let window = renewalWindowDays.flatMap { $0 == 0 ? nil : $0 } ?? 30
        let retries = maxRetries ?? 3
        let interval = retryIntervalSeconds.flatMap { $0 == 0 ? nil : $0 } ?? 3600
        let thresholds = alertThresholdsDays.flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultThresholds
        let checkedName = problems.checkedName(name)
        problems.checkRange(window, at: "/renewal_window_days", 1...365)
        problems.checkRange(retries, at: "/max_retries", 0...10)
        problems.checkRange(interval, at: "/retry_interval_seconds", 60...86_400)
        for (index, days) in thresholds.enumerated() {
            problems.checkRange(days, at: "/alert_thresholds_days/\(index)", 0...365)
        }
        if thresholds.count > 32 {
            problems.add("/alert_thresholds_days", "too_many", "at most 32 thresholds")
        }
        checkChannels(into: &problems)
        checkSeverities(into: &problems)
        return RenewalPolicyFields(
            name: checkedName,
            renewalWindowDays: window,
            autoRenew: autoRenew ?? true,
            maxRetries: retries,
            retryIntervalSeconds: interval,
            alertThresholdsDays: Set(thresholds).sorted(by: >),
            alertChannels: alertChannels ?? [:],
            alertSeverityMap: alertSeverityMap ?? [:]
        )
    }

    private func checkChannels(into problems: inout FieldProblems) {
        for (tier, names) in (alertChannels ?? [:]).sorted(by: { $0.key < $1.key }) {
            let pointer = "/alert_channels/" + tier.asPointerToken
            if !Self.tiers.contains(tier) { problems.add(pointer, "unknown_tier", Self.tierAdvice) }
            for (index, name) in names.enumerated() where !Self.channels.contains(name) {
                problems.add(pointer + "/\(index)", "unknown_channel", Self.channelAdvice)
            }
        }
    }

    private func checkSeverities(into problems: inout FieldProblems) {
        for (days, tier) in (alertSeverityMap ?? [:]).sorted(by: { $0.key < $1.key }) {
            let pointer = "/alert_severity_map/" + days.asPointerToken
            if !Self.isThreshold(days) {
                problems.add(pointer, "invalid_threshold", "the member name must be a number of days, 0 to 365")
            }
            if !Self.tiers.contains(tier) { problems.add(pointer, "unknown_tier", Self.tierAdvice) }
        }
    }

    private static func isThreshold(_ text: String) -> Bool {
        guard let number = Int(text) else { return false }
        return (0...365).contains(number) && String(number) == text
    }

    private static let tierAdvice = "must be one of informational, warning, critical"
    private static let channelAdvice = "must be one of Email, Webhook, Slack, Teams, PagerDuty, OpsGenie"
}

extension String {
    /// The text as one token of a JSON pointer (RFC 6901 §3).
    var asPointerToken: String {
        var token = ""
        for character in self {
            switch character {
            case "~": token += "~0"
            case "/": token += "~1"
            default: token.append(character)
            }
        }
        return token
    }
}
