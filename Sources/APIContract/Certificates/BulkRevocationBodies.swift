package import Domain
package import Encoding

/// `POST /api/v1/certificates/bulk-revoke`: what the certificates have in common, all of it.
package struct BulkRevokeRequest: WireValue {
    package var reason = ""
    package var invalidityDate: Timestamp?
    package var certificateIDs: [CertificateID] = []
    package var profileID: ProfileID?
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var issuerID: IssuerID?
    package var agentID: AgentID?
    package var source: CertificateSource?
    package var environment: String?
    package var status: CertificateStatus?
    package var expiresBefore: Timestamp?
    package var tags: [String: String] = [:]
    package var keyFingerprint: String?
    package var isDryRun = false
    package var confirmedCount: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "BulkRevoke", "At least one criterion; all that are given have to be met.",
        [
            .required("reason", \.reason, RevocationMembers.reason, RevocationMembers.reasons),
            .optional("invalidity_date", \.invalidityDate, "Since when the keys are believed to be in other hands."),
            .defaulted(
                "certificate_ids", \.certificateIDs, .list(.id, maximum: 10_000),
                "These certificates; one that is not there counts as failed."),
            .optional("profile_id", \.profileID, "Of this profile."),
            .optional("owner_id", \.ownerID, "Of this owner."),
            .optional("team_id", \.teamID, "Of this team."),
            .optional("issuer_id", \.issuerID, "Of this issuer."),
            .optional("agent_id", \.agentID, "Deployed by this agent."),
            .optional("source", \.source, "Issued through this; no criterion by itself."),
            .optional("environment", \.environment, .text(1...50, example: "production"), "In this environment."),
            .optional("status", \.status, "In this state."),
            .optional("expires_before", \.expiresBefore, "That end before this."),
            .defaulted("tags", \.tags, .tags, "With all of these labels."),
            .optional("key_fingerprint", \.keyFingerprint, RevocationMembers.spki, "With this key."),
            .defaulted("dry_run", \.isDryRun, "Whether nothing is changed: what would be is told."),
            .optional(
                "confirm_count", \.confirmedCount, .integer(0...1_000_000_000),
                "How many certificates are expected; needed for more than 10,000."),
        ]
    )
}

/// What became of one certificate of a bulk operation that was not changed.
package struct BulkErrorBody: WireValue {
    package var certificateID = CertificateID.unset
    package var error = ""

    package init() {}

    package static let contract = Contract<Self>(
        "BulkError", "A certificate for which it failed.",
        [
            .required("certificate_id", \.certificateID, "The certificate."),
            .required("error", \.error, .longText, "Why."),
        ]
    )
}

/// A certificate of a bulk operation, as a preview and the stream of results show it.
package struct BulkItemBody: WireValue {
    package var certificateID = CertificateID.unset
    package var outcome = "revoked"
    package var reason: String?

    package init() {}

    package static let contract = Contract<Self>(
        "BulkItem", "What becomes of one certificate.",
        [
            .required("certificate_id", \.certificateID, "The certificate."),
            .required("outcome", \.outcome, .choice(["revoked", "skipped", "failed"]), "What becomes of it."),
            .optional("reason", \.reason, .longText, "Why nothing was changed."),
        ]
    )
}

/// The result of a bulk revocation.
package struct BulkRevokeAnswer: WireValue {
    package var totalMatched = 0
    package var totalRevoked = 0
    package var totalSkipped = 0
    package var totalFailed = 0
    package var errors: [BulkErrorBody] = []
    package var operationID: OperationID?
    package var matches: [BulkItemBody]?
    package var needsApproval: Bool?

    package init() {}

    package static let contract = Contract<Self>(
        "BulkRevoked", "How many certificates were revoked.",
        [
            .required("total_matched", \.totalMatched, "Certificates that were chosen."),
            .required("total_revoked", \.totalRevoked, "Certificates that were revoked, or would be."),
            .required("total_skipped", \.totalSkipped, "Certificates with nothing left to revoke, or archived."),
            .required("total_failed", \.totalFailed, "Certificates for which it failed."),
            .defaulted(
                "errors", \.errors, .list(BulkErrorBody.wireSchema, maximum: 1000),
                "The first 1000 failures; on a page of operations the first 10."),
            .optional("operation_id", \.operationID, "The operation; a dry run has none."),
            .optional(
                "matches", \.matches, .list(BulkItemBody.wireSchema, maximum: 100),
                "Of a dry run: the first 100 certificates by identifier."),
            .optional("needs_approval", \.needsApproval, "Of a dry run: whether a second person has to agree."),
        ]
    )
}

/// An operation on many objects.
package struct OperationBody: WireValue {
    package var id = OperationID.unset
    package var kind = OperationKind.bulkRevocation
    package var state = OperationState.running
    package var progress = OperationProgressBody()
    package var result = BulkRevokeAnswer()
    package var reason = RevocationReason.unspecified
    package var criteria: JSONObject = [:]
    package var itemsSHA256 = ""
    package var approvalID: ApprovalID?
    package var createdBy = ""
    package var createdAt = Timestamp.epoch
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "Operation", "Work on many objects.",
        [
            .required("id", \.id, "Identifier."), .required("kind", \.kind, "What it does."),
            .required("state", \.state, "Where it stands."),
            .required("progress", \.progress, "How far it has come."),
            .required("result", \.result, "What came of it so far."),
            .required("reason", \.reason, "Why."),
            .required(
                "criteria", \.criteria,
                "What the objects were chosen by; on a page more than 100 identifiers are told by their number."),
            .required("items_sha256", \.itemsSHA256, .fingerprint, "What an approval binds the objects by."),
            .optional("approval_id", \.approvalID, "The approval that it waits or waited for."),
            .required("created_by", \.createdBy, .text(1...255, example: "ops"), "Who began it."),
            .required("created_at", \.createdAt, "When."),
            .optional("started_at", \.startedAt, "When the work began."),
            .optional("finished_at", \.finishedAt, "When it ended."),
        ]
    )
}

/// How far an operation has come.
package struct OperationProgressBody: WireValue, Hashable {
    package var done = 0
    package var total = 0

    package init() {}

    package static let contract = Contract<Self>(
        "OperationProgress", "How far an operation has come.",
        [.required("done", \.done, "Objects that were looked at."), .required("total", \.total, "Objects in all.")]
    )
}

extension OperationKind: WireEnum {}
extension OperationState: WireEnum {}
