package import Domain

/// `POST /api/v1/audit/holds`.
package struct AuditHoldRequest: WireValue {
    package var since: Timestamp?
    package var until: Timestamp?
    package var reason = ""

    package init() {}

    package static let contract = Contract<Self>(
        "AuditHoldRequest", "Which events must stay in the database, and why.",
        [
            .optional("since", \.since, "Events from this time on; from the first when absent."),
            .optional("until", \.until, "Events before this time; without an end when absent."),
            .required("reason", \.reason, .text(1...1024, example: "Case 2026-17"), "Why."),
        ]
    )
}

/// A legal hold.
package struct AuditHoldBody: WireValue {
    package var id = AuditHoldID(stored: "")
    package var since: Timestamp?
    package var until: Timestamp?
    package var reason = ""
    package var placedBy = ""
    package var placedAt = Timestamp.epoch
    package var releasedBy: String?
    package var releasedAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "AuditHold", "Events that retention leaves alone.",
        [
            .required("id", \.id, "Identifier."),
            .optional("since", \.since, "Events from this time on; from the first when absent."),
            .optional("until", \.until, "Events before this time; without an end when absent."),
            .required("reason", \.reason, .text(1...1024, example: "Case 2026-17"), "Why."),
            .required("placed_by", \.placedBy, .text(0...255, example: "ops"), "Who placed it."),
            .required("placed_at", \.placedAt, "When."),
            .optional("released_by", \.releasedBy, .text(0...255, example: "ops"), "Who released it."),
            .optional("released_at", \.releasedAt, "When it ended; absent while it holds."),
        ]
    )
}

package struct AuditHoldList: WireValue {
    package var data: [AuditHoldBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "AuditHoldList", "Legal holds, newest first.", [.required("data", \.data, "The holds.")]
    )
}

/// `POST /api/v1/audit/acknowledge`.
package struct AuditAcknowledgeRequest: WireValue {
    package var reason = ""

    package init() {}

    package static let contract = Contract<Self>(
        "AuditAcknowledgeRequest", "Why work goes on although the log diverges.",
        [.required("reason", \.reason, .text(1...1024, example: "Restored from the backup of Monday"), "Why.")]
    )
}

/// A divergence that somebody acknowledged.
package struct AuditBreakBody: WireValue {
    package var divergence = ""
    package var detectedAt = Timestamp.epoch
    package var acknowledgedBy = ""
    package var acknowledgedAt = Timestamp.epoch
    package var reason = ""

    package init() {}

    package static let contract = Contract<Self>(
        "AuditBreak", "A divergence of the log.",
        [
            .required("divergence", \.divergence, .longText, "Where it diverges: expected and found."),
            .required("detected_at", \.detectedAt, "When it was found."),
            .required("acknowledged_by", \.acknowledgedBy, .text(0...255, example: "ops"), "Who acknowledged it."),
            .required("acknowledged_at", \.acknowledgedAt, "When."),
            .required("reason", \.reason, .text(1...1024, example: "Restored from the backup of Monday"), "Why."),
        ]
    )
}
