/// What is sealed, with which keys, and how far a rotation is (specification, security §10.3, §17).
package struct CryptoStatusBody: WireValue {
    package var provider = ""
    package var activeID = ""
    package var nextID: String?
    package var previousIDs: [String] = []
    package var rowsByVersion: [String: Int] = [:]
    package var rowsByKey: [String: Int] = [:]
    package var remaining = 0
    package var ageInDays = 0
    package var serversWithoutNext: [String] = []
    package var failures: [String] = []

    package init() {}

    private static let keyID = Schema.text(0...64, example: "9f86d081884c7d65")

    package static let contract = Contract<Self>(
        "CryptoStatus", "What is sealed, and with which keys.",
        [
            .required(
                "kek_provider", \.provider, .text(0...32, example: "env"),
                "Where the key comes from: env, file or systemd-creds."
            ),
            .required("active_kek_id", \.activeID, keyID, "The key that seals."),
            .optional("next_kek_id", \.nextID, keyID, "The key that a rotation goes to; absent when there is none."),
            .required("previous_kek_ids", \.previousIDs, "Earlier keys that are still needed for reading."),
            .required("rows_by_version", \.rowsByVersion, "Sealed values by format."),
            .required("rows_by_kek", \.rowsByKey, "Sealed values by key."),
            .required("remaining", \.remaining, "Values that are not sealed with the active key."),
            .required("oldest_kek_age_days", \.ageInDays, "For how long the active key has sealed."),
            .required(
                "servers_without_next", \.serversWithoutNext, "Running servers that do not have the next key yet."),
            .required("failures", \.failures, "Values that did not open just now, by their places."),
        ]
    )
}

/// What to do about the encryption key.
package struct RekeyRequest: WireValue {
    package var isRehearsal = false
    package var resealsOnly = false

    package init() {}

    package static let contract = Contract<Self>(
        "RekeyRequest", "What to do about the encryption key.",
        [
            .defaulted("dry_run", \.isRehearsal, "Check and count, and change nothing."),
            .defaulted(
                "reseal_only", \.resealsOnly,
                "Keep the key; seal again what is not sealed with it, values of earlier programs among them."
            ),
        ]
    )
}
