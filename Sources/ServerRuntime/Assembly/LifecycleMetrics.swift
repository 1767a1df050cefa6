import ConnectorKit
import Domain
import Lifecycle
import Store
import Telemetry

/// The metrics of issuance and deployment (specification, operations §12.2).
struct LifecycleMetrics: Sendable {
    private let issuances: MetricFamily<Counter>
    private let durations: MetricFamily<Histogram>
    private let failures: MetricFamily<Counter>
    private let deployments: MetricFamily<Counter>
    private let unchanged: MetricFamily<Counter>
    private let validateFailures: MetricFamily<Counter>
    private let reloadFailures: MetricFamily<Counter>
    private let verifyFailures: MetricFamily<Counter>
    private let rollbacks: MetricFamily<Counter>
    private let decisions: MetricFamily<Counter>
    private let pendingAges: MetricFamily<Histogram>
    private let operations: MetricFamily<Counter>
    private let operationItems: MetricFamily<Counter>
    private let hierarchyEvents: MetricFamily<Counter>
    private let upstreamRevocations: MetricFamily<Counter>

    init(_ registry: MetricsRegistry) {
        issuances = registry.counter(
            "certctl_issuance_total", "Orders that ended.", labels: ["issuer_type", "outcome"]
        )
        durations = registry.histogram(
            "certctl_issuance_duration_seconds", "From the record of an order to its certificate.",
            labels: ["issuer_type"], bounds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
        )
        failures = registry.counter(
            "certctl_issuance_failures_total", "Orders that failed, by cause.", labels: ["issuer_type", "error_class"]
        )
        func deployment(_ name: String, _ help: String) -> MetricFamily<Counter> {
            registry.counter("certctl_deploy_\(name)_total", help, labels: ["target_type"])
        }
        deployments = registry.counter(
            "certctl_deploy_attempts_total", "Deployments that agents reported.", labels: ["target_type", "result"]
        )
        unchanged = deployment("idempotent_skip", "Deployments that found the certificate in place.")
        validateFailures = deployment("validate_failures", "Deployments whose validation failed.")
        reloadFailures = deployment("reload_failures", "Deployments whose reload failed.")
        verifyFailures = deployment("post_verify_failures", "Deployments whose certificate was not served.")
        rollbacks = registry.counter(
            "certctl_deploy_rollback_total", "Deployments that were rolled back.", labels: ["target_type", "outcome"]
        )
        decisions = registry.counter(
            "certctl_approval_decisions_total", "Approvals that ended.", labels: ["outcome", "profile_id"]
        )
        operations = registry.counter(
            "certctl_operations_ended_total", "Operations on many objects that ended.", labels: ["kind", "state"]
        )
        operationItems = registry.counter(
            "certctl_operation_items_total", "Objects of operations that ended.", labels: ["kind", "outcome"]
        )
        hierarchyEvents = registry.counter(
            "certctl_intermediate_ca_events_total", "Changes of trees of CAs.", labels: ["issuer_id", "kind"]
        )
        upstreamRevocations = registry.counter(
            "certctl_upstream_revocation_attempts_total", "Attempts to tell upstream issuers of revocations.",
            labels: ["issuer_type", "outcome"]
        )
        pendingAges = registry.histogram(
            "certctl_approval_pending_age_seconds", "How long approvals waited until they ended.", labels: [],
            bounds: [60, 300, 1800, 3600, 21_600, 86_400]
        )
    }

    var observers: LifecycleObservers {
        var observers = LifecycleObservers()
        observers.issuanceEnded = { end in
            let issuer = end.issuer.rawValue
            issuances.with(issuer, end.failure == nil ? "success" : "failure").add()
            if let failure = end.failure {
                failures.with(issuer, failure.rawValue).add()
            } else {
                durations.with(issuer).observe(end.duration.inSeconds)
            }
        }
        observers.deploymentEnded = observe
        observers.approvalEnded = { end in
            decisions.with(end.outcome.rawValue, end.profile?.text ?? "").add()
            pendingAges.with().observe(end.age.inSeconds)
        }
        observers.operationEnded = { operation in
            let (kind, progress) = (operation.kind.rawValue, operation.progress)
            operations.with(kind, operation.state.rawValue).add()
            operationItems.with(kind, "succeeded").add(progress.succeeded)
            operationItems.with(kind, "skipped").add(progress.skipped)
            operationItems.with(kind, "failed").add(progress.failed)
        }
        observers.hierarchyChanged = { issuer, event in hierarchyEvents.with(issuer.text, event.rawValue).add() }
        observers.revocationTold = { type, told in upstreamRevocations.with(type.rawValue, told.rawValue).add() }
        return observers
    }

    @Sendable
    private func observe(_ end: LifecycleObservers.DeploymentEnd) {
        let target = end.target?.rawValue ?? "deleted"
        deployments.with(target, end.isSuccess ? "success" : "failure").add()
        if end.wasUnchanged { unchanged.with(target).add() }
        if end.errorCode.hasPrefix("validate_failed") { validateFailures.with(target).add() }
        if end.errorCode.hasPrefix("reload_failed") { reloadFailures.with(target).add() }
        if end.errorCode.hasPrefix("verify_failed") { verifyFailures.with(target).add() }
        if end.errorCode.hasSuffix("_rolled_back") { rollbacks.with(target, "restored").add() }
        if end.errorCode == "rollback_failed" { rollbacks.with(target, "also_failed").add() }
    }
}
