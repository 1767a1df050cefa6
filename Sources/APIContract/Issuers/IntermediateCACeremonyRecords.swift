package import Domain
package import Encoding

/// One ceremony: its record and the signature over it.
package struct CACeremonyBody: WireValue {
    package var id = CeremonyID.unset
    package var operation = CeremonyOperation.create
    package var approvalID: ApprovalID?
    package var record: JSONObject = [:]
    package var recordSHA256 = ""
    package var keyID = ""
    package var signature = ""
    package var createdAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCACeremony", "What was done to a CA, by whom and with whose agreement.",
        [
            .required("id", \.id, "Identifier."),
            .required("operation", \.operation, "What was done."),
            .optional("approval_id", \.approvalID, "The approval that it used up."),
            .required("record", \.record, "Parameters, key, certificate, people and time."),
            .required(
                "record_sha256", \.recordSHA256, .text(64...64, example: String(repeating: "0", count: 64)),
                "SHA-256 of the canonical JSON (RFC 8785) of the record; the audit log has it too."),
            .required(
                "key_id", \.keyID, .text(1...128, example: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
                "The key that signed, among those of `/api/v1/audit/keys`."),
            .required(
                "signature", \.signature, .text(1...1024, example: "AA"),
                "Ed25519 in base64url, over the line `certctl ca ceremony v1` with its line feed and the canonical JSON."
            ),
            .required("created_at", \.createdAt, "When."),
        ]
    )
}

/// The ceremonies of a CA.
package struct CACeremoniesAnswer: WireValue {
    package var ceremonies: [CACeremonyBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCACeremonies", "The signed records of what was done to a CA.",
        [.required("ceremonies", \.ceremonies, "The oldest first.")]
    )
}

extension CeremonyOperation: WireEnum {}
