package import Domain
package import Encoding

/// A signed statement of the log (specification, security §9.5).
package struct AuditCheckpointBody: WireValue {
    package var number = 0
    package var logID = ""
    package var treeSize = 0
    package var rootHash = ""
    package var timestamp = Timestamp.epoch
    package var previous = ""
    package var keyID = ""
    package var jws = ""

    package init() {}

    package static let contract = Contract<Self>(
        "AuditCheckpoint", "What the log signed for at one moment.",
        [
            .required("number", \.number, "Place among the checkpoints."),
            .required("log_id", \.logID, .text(0...64, example: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), "Log."),
            .required("tree_size", \.treeSize, "Leaves."),
            .required("root_hash", \.rootHash, .fingerprint, "Merkle root over them (RFC 9162), hexadecimal."),
            .required("timestamp", \.timestamp, "When it was signed."),
            .required(
                "prev_sth_hash", \.previous, .fingerprint,
                "SHA-256 of the checkpoint before; empty for the first."
            ),
            .required("key_id", \.keyID, .text(0...64, example: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), "Key."),
            .required("jws", \.jws, .text(0...4096, example: "eyJ…"), "The same, signed: a compact JWS (EdDSA)."),
        ]
    )
}

package struct AuditCheckpointList: WireValue {
    package var data: [AuditCheckpointBody] = []
    package var nextBefore: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "AuditCheckpointList", "Checkpoints, newest first.",
        [
            .required("data", \.data, "The checkpoints."),
            .optional(
                "next_before", \.nextBefore, "The value of `before` that gives the next ones; absent at the end."),
        ]
    )
}

/// That an event is in the log (RFC 9162 §2.1.3).
package struct AuditInclusionBody: WireValue {
    package var sequence = 0
    package var leafHash = ""
    package var leaf: String?
    package var treeSize = 0
    package var rootHash = ""
    package var path: [String] = []
    package var checkpoint: String?

    package init() {}

    package static let contract = Contract<Self>(
        "AuditInclusionProof", "That an event is in the log.",
        [
            .required("seq", \.sequence, "Place of the event."),
            .required("leaf_hash", \.leafHash, .fingerprint, "SHA-256 of 0x00 and the sealed text."),
            .optional(
                "leaf", \.leaf, .text(0...(1 << 20), example: "{\"action\":\"certificate_created\"}"),
                "The sealed text."
            ),
            .required("tree_size", \.treeSize, "Leaves of the tree."),
            .required("root_hash", \.rootHash, .fingerprint, "Root of that tree."),
            .required("audit_path", \.path, "Hashes from the leaf to the root."),
            .optional(
                "checkpoint", \.checkpoint, .text(0...4096, example: "eyJ…"),
                "The signed checkpoint of that size."
            ),
        ]
    )
}

/// That one state of the log is the beginning of another (RFC 9162 §2.1.4).
package struct AuditConsistencyBody: WireValue {
    package var from = 0
    package var to = 0
    package var rootHashFrom = ""
    package var rootHashTo = ""
    package var path: [String] = []

    package init() {}

    package static let contract = Contract<Self>(
        "AuditConsistencyProof", "That an earlier log is the beginning of a later one.",
        [
            .required("from", \.from, "Leaves of the earlier."),
            .required("to", \.to, "Leaves of the later."),
            .required("root_hash_from", \.rootHashFrom, .fingerprint, "Root of the earlier."),
            .required("root_hash_to", \.rootHashTo, .fingerprint, "Root of the later."),
            .required("consistency_path", \.path, "Hashes."),
        ]
    )
}

/// The outcome of a verification.
package struct AuditVerificationBody: WireValue {
    package var isOK = false
    package var kind = ""
    package var rows = 0
    package var treeSize = 0
    package var rootHash = ""
    package var startedAt = Timestamp.epoch
    package var finishedAt = Timestamp.epoch
    package var firstDivergence: String?
    package var openBreak: String?

    package init() {}

    package static let contract = Contract<Self>(
        "AuditVerification", "Whether the log is what it says of itself.",
        [
            .required("ok", \.isOK, "Nothing diverges."),
            .required("kind", \.kind, .choice(["incremental", "full"]), "What was read."),
            .required("rows", \.rows, "Events that were read."),
            .required("tree_size", \.treeSize, "Leaves of the log up to which it was read."),
            .required("root_hash", \.rootHash, .fingerprint, "Root over them."),
            .required("started_at", \.startedAt, "Begin."),
            .required("finished_at", \.finishedAt, "End."),
            .optional("first_divergence", \.firstDivergence, .longText, "Where it diverges: expected and found."),
            .optional(
                "open_break", \.openBreak, .longText,
                "A divergence, of this verification or an earlier one, that nobody has acknowledged."),
        ]
    )
}

/// `POST /api/v1/audit/seal`.
package struct AuditSealRequest: WireValue {
    package var until = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "AuditSealRequest", "Which events go to the archive.",
        [.required("until", \.until, "Events before this time, as far as they are signed for.")]
    )
}

/// A run of the log whose events are in a file.
package struct AuditArchiveBody: WireValue {
    package var firstSequence = 0
    package var endSequence = 0
    package var fileName = ""
    package var sha256 = ""
    package var archivedAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "AuditArchive", "Events that were moved to a file.",
        [
            .required("first_seq", \.firstSequence, "First event."),
            .required("end_seq", \.endSequence, "The number after the last."),
            .required(
                "file_name", \.fileName, .text(0...255, example: "audit-0-4096.ndjson"),
                "Name in the archive directory."
            ),
            .required("sha256", \.sha256, .fingerprint, "Of the file."),
            .required("archived_at", \.archivedAt, "When."),
        ]
    )
}

/// The keys that checkpoints are signed with, past and present (RFC 7517).
package struct AuditKeySet: WireValue {
    package var keys: [JSONObject] = []

    package init() {}

    package static let contract = Contract<Self>(
        "AuditKeySet", "A JWK set.",
        example: [
            "keys": [
                [
                    "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "alg": "EdDSA", "use": "sig",
                ]
            ]
        ],
        [.required("keys", \.keys, "Public keys, oldest first.")]
    )
}
