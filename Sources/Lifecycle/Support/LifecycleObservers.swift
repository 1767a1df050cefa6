package import ConnectorKit
package import Domain
package import Store

/// Whoever counts what the life cycle does; told after the transaction that made it so.
package struct LifecycleObservers: Sendable {
    /// The end of an order: `failure` is `nil` when a certificate came of it.
    package struct IssuanceEnd: Sendable {
        package let issuer: IssuerType
        package let failure: IssuerError.Class?
        /// From the record of the order.
        package let duration: Duration
    }

    /// What an agent reported of a deployment that ended.
    package struct DeploymentEnd: Sendable {
        package let target: TargetType?
        package let isSuccess: Bool
        /// A word such as `reload_failed_rolled_back`; empty for a success.
        package let errorCode: String
        /// The target served the certificate already, so nothing was touched.
        package let wasUnchanged: Bool
    }

    /// A request for approval that was decided, or that nobody decided in time.
    package struct ApprovalEnd: Sendable {
        package let outcome: ApprovalOutcome
        package let profile: ProfileID?
        /// From the request to the decision.
        package let age: Duration
    }

    /// A change of a tree of CAs, by the names of the metric.
    package enum HierarchyEvent: String, Sendable, CaseIterable {
        case createRoot = "create_root"
        case createChild = "create_child"
        case request = "request_child"
        case adopted = "adopt"
        case discarded = "discard_child"
        case crossSigned = "cross_sign"
        case renewed = "renew"
        case withdrawn = "withdraw_certificate"
        case staged = "stage"
        case activated = "activate"
        case retiring = "retire_retiring"
        case retired = "retire_retired"
        case revoked = "revoke"
    }

    /// An attempt to tell an upstream issuer of a revocation, by the names of the metric.
    package enum RevocationTold: String, Sendable, CaseIterable {
        case acknowledged, pending, refused, expired, failed
        case alreadyDone = "already_done"
    }

    package var revocationTold: @Sendable (IssuerType, RevocationTold) -> Void = { _, _ in }
    package var hierarchyChanged: @Sendable (IssuerID, HierarchyEvent) -> Void = { _, _ in }
    /// An operation on many objects that ended.
    package var operationEnded: @Sendable (Operation) -> Void = { _ in }
    package var approvalEnded: @Sendable (ApprovalEnd) -> Void = { _ in }
    package var issuanceEnded: @Sendable (IssuanceEnd) -> Void = { _ in }
    package var deploymentEnded: @Sendable (DeploymentEnd) -> Void = { _ in }
    /// A batch of a backfill was committed.
    package var backfillAdvanced: @Sendable (BackfillProgress) -> Void = { _ in }
    /// How far a backfill has come, whoever did it.
    package var backfillSeen: @Sendable (BackfillProgress) -> Void = { _ in }

    package init() {}
}
