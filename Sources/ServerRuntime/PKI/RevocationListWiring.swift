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
            tell: { Self.tell($0, log) },
            release: release)
        metrics.addCollector("revocation_lists") { try await Self.samples(context.database, context.time.now) }
    }

    private static func tell(_ alert: RevocationListAlert, _ log: Logger) {
        switch alert {
        case .ending(let list, let reason):
            log.log(
                .error, "a revocation list comes to its end, and no newer one can be made",
                fields(list) + [LogField("error", reason)])
        case .over(let list, .replaced(let number)):
            log.log(
                .notice, "a revocation list that came to its end is replaced",
                fields(list) + [LogField("new_crl_number", number)])
        case .over(let list, .needless):
            log.log(.notice, "a revocation list that came to its end is needed no more", fields(list))
        }
    }

    private static func fields(_ list: EndingList) -> [LogField] {
        [
            LogField("authority_id", list.authorityID.text), LogField("scope", list.scope.description),
            LogField("crl_number", list.number), LogField("next_update", list.nextUpdate.rfc3339),
        ]
    }

    private static func samples(_ database: any Database, _ now: Timestamp) async throws -> [MetricSample] {
        let (lists, ending) = try await database.read { tx in
            let store = RevocationListStore()
            return (try store.completeLists(in: tx), try store.endingCounts(at: now, in: tx))
        }
        return complete(lists, now)
            + ending.map { authority, count in
                MetricSample(
                    "certctl_crl_ending", "Revocation lists with less than a quarter of their validity left.",
                    labels: [(name: "issuer_id", value: authority.text)], Double(count))
            }
    }

    /// Of the complete lists (protocol-servers §5.5).
    private static func complete(
        _ lists: [(authority: AuthorityID, list: RevocationListRow)], _ now: Timestamp
    ) -> [MetricSample] {
        lists.flatMap { authority, list in
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
