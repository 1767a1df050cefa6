import ConnectorKit
import Domain
import Lifecycle
import Logging
import Query
import Store
import Telemetry

/// What tells upstream issuers of revocations, and what is told of that.
enum UpstreamRevocationWiring {
    static func revocations(
        _ context: LifecycleContext, registry: IssuerRegistry, metrics: MetricsRegistry, log: Logger
    ) -> UpstreamRevocations {
        metrics.addCollector("upstream_revocations") { try await samples(context.database, context.time.now) }
        return UpstreamRevocations(
            context, registry: registry,
            failed: { issuer, error in
                log.warn(
                    "an issuer was not told of a revocation and is told again later",
                    LogField("issuer_id", issuer.text), .error(error))
            })
    }

    private static func samples(_ database: any Database, _ now: Timestamp) async throws -> [MetricSample] {
        let counts = try await database.read { try RevocationStore().notificationCounts(in: $0) }
        return counts.flatMap { count in
            let labels = [
                (name: "issuer_id", value: count.issuerID.text), (name: "state", value: count.notification.rawValue),
            ]
            return [
                MetricSample(
                    "certctl_upstream_revocations", "Revocations that the issuer does not know, or refused.",
                    labels: labels, Double(count.count)),
                MetricSample(
                    "certctl_upstream_revocation_oldest_seconds", "Since the oldest of them was revoked here.",
                    labels: labels, (now - count.oldest).inSeconds),
            ]
        }
    }
}
