import Domain

/// Members about the revocation lists of a CA.
enum CAListMembers {
    static let validity = seconds(RevocationListBounds.validities)
    static let interval = seconds(RevocationListBounds.intervals)

    private static func seconds(_ bounds: ClosedRange<Int>) -> Schema {
        .integer(Int64(bounds.lowerBound)...Int64(bounds.upperBound))
    }
}

/// `PATCH /api/v1/intermediates/{id}`.
package struct UpdateIntermediateCARequest: WireValue {
    package var listValiditySeconds = FieldUpdate<Int>.keep
    package var listIntervalSeconds = FieldUpdate<Int>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateIntermediateCA", "Members to change; the others stay.",
        [
            .update(
                "crl_validity_seconds", \.listValiditySeconds, CAListMembers.validity, clearable: true,
                "How long its revocation lists are good; null for what the issuer says."),
            .update(
                "crl_interval_seconds", \.listIntervalSeconds, CAListMembers.interval, clearable: true,
                "How often they are made anew, at most half of that; null for what the issuer says."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
