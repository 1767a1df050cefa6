package import Domain
package import Encoding

/// An approval as the API shows it (specification, rest-api §7.11).
package struct ApprovalBody: WireValue {
    package var id = ApprovalID.unset
    package var kind = ApprovalKind.issuance
    package var certificateID: CertificateID?
    package var jobID: JobID?
    package var profileID: ProfileID?
    package var requestedBy = ""
    package var requestedByType = ActorType.apiKey
    package var state = ApprovalState.pending
    package var decidedBy: String?
    package var decidedAt: Timestamp?
    package var note: String?
    package var metadata: [String: String] = [:]
    package var payload: String?
    package var payloadJSON: JSONObject?
    package var diff: [PatchOperationBody]?
    package var payloadDigest: String?
    package var isWithdrawn = false
    package var expiresAt: Timestamp?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "Approval", "A request that a second person decides about.",
        [
            .required("id", \.id, "Identifier."),
            .required("kind", \.kind, "What it is about."),
            .optional("certificate_id", \.certificateID, "The certificate that is to be issued."),
            .optional("job_id", \.jobID, "The job that waits."),
            .optional("profile_id", \.profileID, "The profile that asks for approvals, or that is to change."),
            .required("requested_by", \.requestedBy, .text(1...255, example: "ops"), "Who asked."),
            .defaulted("requested_by_type", \.requestedByType, "Kind of actor who asked."),
            .required("state", \.state, "Where it stands; every state but pending is final."),
            .optional("decided_by", \.decidedBy, .text(1...255, example: "bob"), "Who decided."),
            .optional("decided_at", \.decidedAt, "When."),
            .defaulted("withdrawn", \.isWithdrawn, "Whether whoever asked took it back."),
            .optional("decision_note", \.note, .longText, "Why."),
            .defaulted("metadata", \.metadata, "The request in short."),
            .optional("payload", \.payload, .text(0...200_000, example: "e30="), "The exact request, in base64."),
            .optional("payload_json", \.payloadJSON, "The exact request, decoded."),
            .optional(
                "diff", \.diff,
                "What a pending edit of a profile would change, as a JSON patch (RFC 6902); each old value is tested first."
            ),
            .optional(
                "payload_digest", \.payloadDigest, .text(64...64, example: String(repeating: "0", count: 64)),
                "SHA-256 of the canonical request, to which the decision is bound."),
            .optional("expires_at", \.expiresAt, "When it ends undecided."),
            .required("created_at", \.createdAt, "When it was asked for."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

/// One operation of a JSON patch.
package struct PatchOperationBody: WireValue {
    package var operation = "replace"
    package var path = ""
    package var value: JSONValue?

    package init() {}

    package static let contract = Contract<Self>(
        "PatchOperation", "One operation of a JSON patch (RFC 6902).",
        [
            .required("op", \.operation, .choice(["add", "remove", "replace", "test"]), "What is done."),
            .required("path", \.path, .text(0...255, example: "/max_ttl_seconds"), "To which member."),
            .optional("value", \.value, "The new value; of a test, the old one."),
        ]
    )
}

/// `POST /api/v1/approvals/{id}/approve` and `/reject`; the body may be absent.
package struct DecisionRequest: WireValue {
    package var note: String?

    package init() {}

    package static let contract = Contract<Self>(
        "DecideApproval", "Why.", [.optional("note", \.note, .longText, "Why, for the record.")]
    )
}

/// The answer to a decision.
package struct DecisionAnswer: WireValue {
    package var id = ApprovalID.unset
    package var decidedBy = ""
    package var action = "approved"

    package init() {}

    package static let contract = Contract<Self>(
        "ApprovalDecided", "The decision, which is final.",
        [
            .required("id", \.id, "The approval."),
            .required("decided_by", \.decidedBy, .text(1...255, example: "bob"), "Who decided."),
            .required("action", \.action, .choice(["approved", "rejected", "withdrawn"]), "What was decided."),
        ]
    )
}

/// `POST /api/v1/jobs/{id}/reject`; the body may be absent.
package struct RejectJobRequest: WireValue {
    package var reason: String?

    package init() {}

    package static let contract = Contract<Self>(
        "RejectJob", "Why.", [.optional("reason", \.reason, .longText, "Why, for the record.")]
    )
}

/// 202 of a change that somebody else has to agree to.
package struct PendingApprovalAnswer: WireValue {
    package var status = "pending_approval"
    package var approvalID = ApprovalID.unset
    package var message = ""

    package init() {}

    package static let contract = Contract<Self>(
        "PendingApproval", "Nothing has changed yet: a second person has to agree.",
        [
            .required("status", \.status, .choice(["pending_approval"]), "Always the same."),
            .required("pending_approval_id", \.approvalID, "The approval to decide about."),
            .required("message", \.message, .longText, "For people."),
        ]
    )
}

extension ApprovalKind: WireEnum {}
extension ApprovalState: WireEnum {}
