import Domain
import Lifecycle
import Logging
import Query
import Store
import Telemetry

/// What makes revocation lists, where they are served from, and what is told of them.
struct RevocationListWiring: Sendable {
    let shelf: RevocationListShelf
    let publisher: RevocationListPublisher

    init(
        _ context: LifecycleContext, registry: IssuerRegistry, leadership: Leadership, metrics: MetricsRegistry,
        log: Logger, plan: @autoclosure @escaping @Sendable () -> RevocationListPlan,
        release: @escaping @Sendable (IntermediateCA) async throws -> Void
    ) {
        shelf = RevocationListShelf(database: context.database, time: context.time)
        publisher = RevocationListPublisher(
            context, registry: registry, leadership: leadership, shelf: shelf, plan: plan(),
            failed: { issuer, error in
                log.error(
                    "a revocation list could not be made; the last one is served until it ends",
                    LogField("issuer_id", issuer.text), .error(error))
            },
            release: release)
        metrics.addCollector("revocation_lists") { try await Self.samples(context.database, context.time.now) }
    }

    /// Of the complete lists (protocol-servers §5.5).
    private static func samples(_ database: any Database, _ now: Timestamp) async throws -> [MetricSample] {
        let lists = try await database.read { try RevocationListStore().completeLists(in: $0) }
        return lists.flatMap { authority, list in
            let labels = [(name: "issuer_id", value: authority.text)]
            return [
                MetricSample(
                    "certctl_crl_age_seconds", "Since the revocation list was made.", labels: labels,
                    (now - list.thisUpdate).inSeconds),
                MetricSample(
                    "certctl_crl_next_update_timestamp_seconds", "When the revocation list ends.", labels: labels,
                    Double(list.nextUpdate.secondsSinceEpoch)),
                MetricSample(
                    "certctl_crl_entries", "Certificates on the revocation list.", labels: labels,
                    Double(list.revokedCount)),
            ]
        }
    }
}
