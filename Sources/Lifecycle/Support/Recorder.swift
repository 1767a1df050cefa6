import AuditProof
import Domain
import Encoding
import Query
import Store

/// Writes what happened, to the audit trail and to the outbox of events, in the transaction that makes it happen.
struct Recorder: Sendable {
    private let random: RandomSource
    private let audit = AuditLog()
    private let outbox = EventOutbox()
    private let idempotency = IdempotencyStore()

    init(random: RandomSource) { self.random = random }

    func record(
        _ action: RecordedAction,
        _ resourceID: String,
        details given: JSONObject = [:],
        change: StateChange? = nil,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        let details = try change?.adding(to: given, resourceID, in: tx) ?? given
        try audit.append(
            AuditEntry(
                id: AuditEventID(generatedAt: tx.now, random: random),
                author: author,
                action: action.name,
                resourceType: action.resourceType,
                resourceID: resourceID,
                category: action.category,
                details: AuditDetails(details)
            ),
            in: tx
        )
        try idempotency.markApplied(by: author, in: tx)
        guard let event = action.event else { return }
        try outbox.append(
            [
                NewEvent(
                    type: event,
                    resourceType: action.resourceType,
                    subject: resourceID,
                    actor: author.actor,
                    data: details
                )
            ],
            in: tx
        )
        if !action.isFrequent { try outbox.wakeReaders(in: tx) }
    }
}

/// One kind of thing that is recorded, under the stable names of the specification (domain §3.18, rest-api §6.5).
struct RecordedAction: Sendable {
    /// Things that are created, changed and deleted through the API.
    enum Configurable: String {
        case team, owner, profile, issuer, target
        case renewalPolicy = "renewal_policy"
    }

    let name: String
    let resourceType: String
    var category = AuditCategory.certificateLifecycle
    var event: String?
    /// Written by every issuance, so that nobody is woken for it: on PostgreSQL a wake-up takes a global lock.
    var isFrequent = false

    static func created(_ kind: Configurable) -> RecordedAction { change("create", "created", kind) }
    static func updated(_ kind: Configurable) -> RecordedAction { change("update", "updated", kind) }
    static func deleted(_ kind: Configurable) -> RecordedAction { change("delete", "deleted", kind) }

    private static func change(_ verb: String, _ past: String, _ kind: Configurable) -> RecordedAction {
        RecordedAction(
            name: "\(verb)_\(kind.rawValue)",
            resourceType: kind.rawValue,
            category: .config,
            event: "\(kind.rawValue).\(past)"
        )
    }

    private static func certificate(
        _ name: String,
        _ event: String?,
        isFrequent: Bool = false
    ) -> RecordedAction {
        RecordedAction(name: name, resourceType: "certificate", event: event, isFrequent: isFrequent)
    }

    private static func job(_ name: String) -> RecordedAction {
        RecordedAction(name: name, resourceType: "job", event: "job.status_changed")
    }

    private static func agent(_ name: String, _ event: String?) -> RecordedAction {
        RecordedAction(name: name, resourceType: "agent", category: .config, event: event)
    }

    static let certificateCreated = certificate("certificate_created", "certificate.created")
    static let certificateUpdated = certificate("certificate_updated", "certificate.updated")
    static let certificateArchived = certificate("certificate_archived", "certificate.status_changed")
    static let certificateUnarchived = certificate("certificate_unarchived", "certificate.status_changed")
    static let certificateIssued = certificate("certificate_issued", "certificate.issued", isFrequent: true)
    static let certificateRenewed = certificate("certificate_renewed", "certificate.renewed", isFrequent: true)
    static let certificateExpiring = certificate("certificate_expiring", "certificate.expiring")
    static let certificateExpired = certificate("short_lived_cert_expired", "certificate.status_changed")
    static let renewalTriggered = certificate("renewal_triggered", "certificate.status_changed")
    static let renewalFailed = certificate("renewal_failed", "certificate.status_changed")
    static let issuanceResultRejected = certificate("issuance_result_rejected", nil)
    static let orderAbandoned = certificate("issuance_order_abandoned", nil)
    static let deploymentTriggered = certificate("deployment_triggered", nil)
    static let certificateRevoked = certificate("certificate_revoked", "certificate.revoked")
    static let certificateExported = certificate("certificate_exported", nil)
    static let certificateImported = certificate("certificate_imported", "certificate.created")
    static let certificateKeyAdopted = certificate("certificate_key_adopted", "certificate.updated")
    static let holdReleased = certificate("certificate_hold_released", "certificate.status_changed")
    /// Of a serial number that belongs to no certificate of the inventory.
    static let serialRevoked = RecordedAction(
        name: "certificate_revoked", resourceType: "revocation", event: "certificate.revoked")
    static let serialReleased = RecordedAction(
        name: "certificate_hold_released", resourceType: "revocation", event: "certificate.status_changed")

    /// What became of telling an upstream issuer.
    enum UpstreamRevocation: String {
        case acknowledged, refused, expired, retried
    }

    /// - `isKnown`: Whether the certificate belongs to the inventory; else the revocation itself is what it is about.
    static func upstreamRevocation(_ what: UpstreamRevocation, isKnown: Bool) -> RecordedAction {
        RecordedAction(
            name: "upstream_revocation_\(what.rawValue)", resourceType: isKnown ? "certificate" : "revocation",
            event: "certificate.upstream_revocation_\(what.rawValue)")
    }

    static let renewalJobCreated = job("renewal_job_created")
    static let renewalAwaitingCSR = job("renewal_awaiting_csr")
    static let renewalJobFailed = job("renewal_job_failed")
    static let deploymentJobCreated = job("deployment_jobs_created")
    static let deploymentJobDispatched = job("deployment_job_dispatched")
    /// Given to an agent that never got it.
    static let deploymentJobReturned = job("deployment_job_returned")
    static let deploymentJobCompleted = job("deployment_job_completed")
    static let deploymentJobFailed = job("deployment_job_failed")
    static let verificationSucceeded = job("job_verification_success")
    static let verificationFailed = job("job_verification_failed")
    static let jobCancelled = job("job_cancelled")
    static let jobRetried = job("job_retry")
    static let jobTimedOut = job("job_timeout")
    static let jobReaped = job("job_offline_agent_reap")

    static let agentRetired = agent("agent_retired", "agent.retired")
    static let agentRetirementCascaded = agent("agent_retirement_cascaded", nil)
    static let agentStatusChanged = agent("agent_status_changed", "agent.status_changed")

    private static func approval(_ name: String, _ event: String? = nil) -> RecordedAction {
        RecordedAction(name: name, resourceType: "approval", category: .auth, event: event)
    }

    static let approvalRequested = approval("approval_requested", "approval.requested")
    static let profileEditRequested = approval("approval_profile_edit_requested", "approval.requested")
    static let approvalApproved = approval("approval_approved", "approval.decided")
    static let approvalRejected = approval("approval_rejected", "approval.decided")
    static let approvalWithdrawn = approval("approval_withdrawn", "approval.decided")
    static let approvalBypassed = approval("approval_bypassed", "approval.decided")
    static let approvalExpired = approval("approval_expired", "approval.expired")
    static let profileApplyFailed = approval("approval_profile_apply_failed")
    static let profileEditRequest = RecordedAction(
        name: "profile.edit_request", resourceType: "profile", category: .config)
    static let profileEditApplied = RecordedAction(
        name: "profile.edit_applied", resourceType: "profile", category: .config)

    private static func operation(_ name: String, _ event: String) -> RecordedAction {
        RecordedAction(name: name, resourceType: "operation", event: event)
    }

    static let bulkRevocationInitiated = operation("bulk_revocation_initiated", "operation.created")
    static let bulkRevocationStarted = operation("bulk_revocation_started", "operation.status_changed")
    static let bulkRevocationFinished = operation("bulk_revocation_finished", "operation.status_changed")
    static let bulkRevocationCancelled = operation("bulk_revocation_cancelled", "operation.status_changed")

    private static func audit(_ name: String) -> RecordedAction {
        RecordedAction(name: name, resourceType: "audit_log", category: .config)
    }

    static let auditKeyCreated = audit("audit.key_created")
    static let auditBreakDetected = audit("audit.chain_break_detected")
    static let auditArchived = audit(AuditLeaf.archivedAction)
    static let auditExported = audit("audit.export")
    static let auditVerified = audit("audit.verified")
    static let auditHoldPlaced = audit("audit.hold_placed")
    static let auditHoldReleased = audit("audit.hold_released")
    static let auditBreakAcknowledged = audit("audit.break_acknowledged")

    private static func acme(_ name: String, _ resourceType: String) -> RecordedAction {
        RecordedAction(name: name, resourceType: resourceType, isFrequent: true)
    }

    static let acmeAccountCreated = acme("acme_account_created", "acme_account")
    static let acmeAccountUpdated = acme("acme_account_updated", "acme_account")
    static let acmeAccountDeactivated = acme("acme_account_deactivated", "acme_account")
    static let acmeAccountRevoked = acme("acme_account_revoked", "acme_account")
    static let acmeAccountKeyRolled = acme("acme_account_key_rolled", "acme_account")
    static let acmeOrderCreated = acme("acme_order_created", "acme_order")
    static let acmeOrderProcessing = acme("acme_order_processing", "acme_order")
    static let acmeOrderFinalized = acme("acme_order_finalized", "acme_order")
    static let acmeOrderFailed = acme("acme_order_failed", "acme_order")
    static let acmeReplacementRequested = acme("acme_replacement_requested", "acme_replacement")
    static let acmeReplacementWithdrawn = acme("acme_replacement_withdrawn", "acme_replacement")
    static let acmeAuthorizationCreated = acme("acme_authorization_created", "acme_authorization")
    static let acmeAuthorizationDeactivated = acme("acme_authorization_deactivated", "acme_authorization")
    static let acmeChallengeProcessing = acme("acme_challenge_processing", "acme_challenge")
    static let acmeChallengeCompleted = acme("acme_challenge_completed", "acme_challenge")
    static let acmePerspectiveAnswered = acme("acme_perspective_answered", "acme_challenge")
    static let eabKeyCreated = acme("acme_eab_key_created", "acme_eab_key")
    static let eabKeyRevoked = acme("acme_eab_key_revoked", "acme_eab_key")

    private static func sealing(_ name: String) -> RecordedAction {
        RecordedAction(name: name, resourceType: "sealing_key", category: .config)
    }

    static let rekeyStarted = sealing("crypto.rekey_started")
    static let rekeyFinished = sealing("crypto.rekey_finished")
    static let resealed = sealing("crypto.resealed")
    static let legacyValueSealed = sealing("crypto.legacy_value_sealed")

    static let grantRemoved = RecordedAction(name: "actor_role.revoke", resourceType: "actor", category: .auth)

    static let issuerTestSucceeded = RecordedAction(
        name: "issuer_test_connection_success",
        resourceType: "issuer",
        category: .config
    )
    static let authorityKeyGenerated = RecordedAction(
        name: "ca_key_generated", resourceType: "issuer", category: .config)
    static let authorityKeyAdopted = RecordedAction(
        name: "ca_key_adopted", resourceType: "issuer", category: .config)
    private static func node(_ name: String) -> RecordedAction {
        RecordedAction(name: name, resourceType: "intermediate_ca", category: .config)
    }

    static let rootCreated = node("intermediate_ca_root_created")
    static let childCreated = node("intermediate_ca_child_created")
    /// A CA that came from elsewhere with its key.
    static let nodeAdopted = node("intermediate_ca_adopted")
    static let nodeRequested = node("intermediate_ca_csr_created")
    static let nodeDiscarded = node("intermediate_ca_discarded")
    /// The serial number of a certificate that is about to be signed for a CA that has one.
    static let crossSigning = node("intermediate_ca_cross_signing")
    static let crossSigned = node("intermediate_ca_cross_signed")
    static let crossWithdrawn = node("intermediate_ca_cross_withdrawn")
    static let crossRequested = node("intermediate_ca_cross_csr_created")
    /// The serial number of the certificate with which a CA is about to be renewed.
    static let nodeRenewing = node("intermediate_ca_renewing")
    static let nodeRenewed = node("intermediate_ca_renewed")
    /// A CA that will take the place of another.
    static let nodeStaged = node("intermediate_ca_staged")
    static let nodeActivated = node("intermediate_ca_activated")
    static let nodeRetiring = node("intermediate_ca_retiring")
    static let nodeRetirementCancelled = node("intermediate_ca_retirement_cancelled")
    static let nodeRetired = node("intermediate_ca_retired")
    /// Who did what to a CA, and who agreed: the digest of a signed record.
    static let ceremony = RecordedAction(
        name: "intermediate_ca_ceremony", resourceType: "ca_ceremony", category: .config)
    static let nodeRevoked = node("intermediate_ca_revoked")
    static let nodeUpdated = node("intermediate_ca_updated")
    static let nodeKeyMade = node("ca_key_generated")
    static let nodeKeyAdopted = node("ca_key_adopted")
    static let nodeKeyDestroyed = node("ca_key_destroyed")
    /// Of a key that somebody else put where it is.
    static let nodeKeyLeft = node("ca_key_left")
    /// What is told of a revocation list that comes to its end while no newer one can be made.
    enum RevocationListAlert: String {
        case raised, closed
    }

    /// - `isNode`: Whether the list is that of a CA of a tree.
    static func revocationListAlert(_ what: RevocationListAlert, isNode: Bool) -> RecordedAction {
        RecordedAction(
            name: "crl_alert_\(what.rawValue)", resourceType: isNode ? "intermediate_ca" : "issuer", category: .config,
            event: "crl.alert_\(what.rawValue)")
    }

    static let ocspResponderAppointed = RecordedAction(
        name: "ocsp_responder_appointed", resourceType: "issuer", category: .config)
    static let issuerTestFailed = RecordedAction(
        name: "issuer_test_connection_failed",
        resourceType: "issuer",
        category: .config
    )
}
