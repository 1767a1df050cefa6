package import Domain
import Encoding
import Query

/// What a client decides about a renewal policy.
package struct RenewalPolicyFields: Hashable, Sendable {
    package var name: String
    package var renewalWindowDays: Int
    package var autoRenew: Bool
    package var maxRetries: Int
    package var retryIntervalSeconds: Int
    /// Descending, without duplicates.
    package var alertThresholdsDays: [Int]
    /// Tier to channels.
    package var alertChannels: [String: [String]]
    /// Threshold in days, as text, to tier.
    package var alertSeverityMap: [String: String]

    package init(
        name: String,
        renewalWindowDays: Int = 30,
        autoRenew: Bool = true,
        maxRetries: Int = 3,
        retryIntervalSeconds: Int = 3600,
        alertThresholdsDays: [Int] = [30, 14, 7, 0],
        alertChannels: [String: [String]] = [:],
        alertSeverityMap: [String: String] = [:]
    ) {
        self.name = name
        self.renewalWindowDays = renewalWindowDays
        self.autoRenew = autoRenew
        self.maxRetries = maxRetries
        self.retryIntervalSeconds = retryIntervalSeconds
        self.alertThresholdsDays = alertThresholdsDays
        self.alertChannels = alertChannels
        self.alertSeverityMap = alertSeverityMap
    }

    /// - `p`: what stands before each column name, where a join needs it.
    init(_ row: Row, prefix p: String = "") throws(DatabaseError) {
        name = try row.text(p + "name")
        renewalWindowDays = try row.int(p + "renewal_window_days")
        autoRenew = try row.bool(p + "auto_renew")
        maxRetries = try row.int(p + "max_retries")
        retryIntervalSeconds = try row.int(p + "retry_interval_seconds")
        alertThresholdsDays = (try row.json(p + "alert_thresholds_days").arrayValue ?? [])
            .compactMap { $0.integerValue.map(Int.init) }
        var channels: [String: [String]] = [:]
        for member in try row.json(p + "alert_channels").objectValue ?? [:] {
            channels[member.key] = (member.value.arrayValue ?? []).compactMap(\.stringValue)
        }
        alertChannels = channels
        alertSeverityMap = try row.textMap(p + "alert_severity_map")
    }

    var thresholdsValue: Value {
        JSONColumn.value(.array(alertThresholdsDays.map { .integer(Int64($0)) }))
    }

    var channelsValue: Value {
        let members = alertChannels.sorted { $0.key < $1.key }
            .map { JSONObject.Member(key: $0.key, value: JSONValue($0.value)) }
        return JSONColumn.value(.object(JSONObject(distinctMembers: members)))
    }
}

/// When and how often certificates are renewed, as stored.
package struct RenewalPolicy: Hashable, Sendable {
    package let id: RenewalPolicyID
    package let fields: RenewalPolicyFields
    package let profileID: ProfileID?
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        fields = try RenewalPolicyFields(row)
        profileID = try row.optionalID("certificate_profile_id")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    package var retryInterval: Duration { .seconds(fields.retryIntervalSeconds) }
    /// Attempts of a job under this policy: the first one and the retries.
    package var maxAttempts: Int { fields.maxRetries + 1 }
}

/// Which policies a list shows.
package struct RenewalPolicyFilter: Hashable, Sendable {
    package var search: String?

    package init(search: String? = nil) { self.search = search }
}

package enum RenewalPolicySort: String, ListSort {
    case name
    case createdAt = "created_at"
    case updatedAt = "updated_at"

    var key: SQL {
        switch self {
        case .name: "name"
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        }
    }
}
