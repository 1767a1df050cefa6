import ControlAPI
import Domain
import Lifecycle
import Telemetry

/// The metrics of the ACME server (protocol-servers §2.16).
struct ACMEMetrics: Sendable {
    private let events: [ACMEEvent: Counter]
    private let nonces: Counter
    private let authorizations: Counter
    private let orders: Counter
    private let forgotten: Counter
    private let accounts: Counter
    private let runs: Counter
    private let failures: Counter
    private let votes: MetricFamily<Counter>
    private let quorums: MetricFamily<Counter>
    private let validations: MetricFamily<Histogram>
    private let requests: MetricFamily<Histogram>

    init(_ registry: MetricsRegistry) {
        events = Dictionary(
            uniqueKeysWithValues: ACMEEvent.allCases.map { event in
                (event, registry.counter("certctl_acme_\(event.rawValue)_total", Self.help(event)).with())
            })
        nonces = registry.counter("certctl_acme_gc_nonces_reaped_total", "Used nonces that were forgotten.").with()
        authorizations = registry.counter(
            "certctl_acme_gc_authzs_expired_total", "Authorizations that ran out of time."
        ).with()
        orders = registry.counter("certctl_acme_gc_orders_invalidated_total", "Orders that ran out of time.").with()
        forgotten = registry.counter(
            "certctl_acme_gc_forgotten_total", "Orders, authorizations and questions to agents that were deleted."
        ).with()
        accounts = registry.counter(
            "certctl_acme_gc_accounts_deleted_total", "Accounts that had ended and were deleted."
        ).with()
        runs = registry.counter("certctl_acme_gc_runs_total", "Runs of the sweeper.").with()
        failures = registry.counter("certctl_acme_gc_run_failures_total", "Sweeps that failed.").with()
        votes = registry.counter(
            "certctl_acme_perspective_votes_total",
            "What perspectives said of proofs and CAA records that this server saw.",
            labels: ["perspective", "verdict"])
        quorums = registry.counter(
            "certctl_acme_perspective_quorum_total",
            "How often enough perspectives confirmed a proof, or CAA records, or did not.",
            labels: ["result"])
        validations = registry.histogram(
            "certctl_acme_validation_seconds", "Time that one attempt to validate a challenge took.",
            labels: ["type", "result"], bounds: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15])
        requests = registry.histogram(
            "certctl_acme_request_seconds", "Time that an ACME request took, by operation.", labels: ["op"],
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    }

    func answered(_ operation: String, _ duration: Duration) { requests.with(operation).observe(duration.inSeconds) }

    private static func help(_ event: ACMEEvent) -> String {
        let words = event.rawValue.split(separator: "_").joined(separator: " ")
        return "ACME requests, by what became of them: \(words)."
    }

    func count(_ event: ACMEEvent) { events[event]?.add() }

    func validated(_ type: ACMEChallengeType, _ result: ACMEValidationResult, _ duration: Duration) {
        validations.with(type.rawValue, result.rawValue).observe(duration.inSeconds)
        switch result {
        case .valid: count(.challengeValidateValid)
        case .invalid: count(.challengeValidateInvalid)
        case .retried: break
        }
    }

    func voted(_ tally: ACMEPerspectiveTally) {
        for seen in tally.findings { votes.with(seen.perspective, seen.finding.word).add() }
        quorums.with(tally.decision == .met ? "met" : "missed").add()
    }

    func swept(_ sweep: ACMESweep) {
        nonces.add(sweep.nonces)
        authorizations.add(sweep.authorizations)
        orders.add(sweep.orders)
        forgotten.add(sweep.forgotten)
        accounts.add(sweep.accounts)
        runs.add()
        failures.add(sweep.failures)
    }
}
