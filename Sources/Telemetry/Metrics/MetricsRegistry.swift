package import Domain
import Synchronization

/// Every metric of the process.
package final class MetricsRegistry: Sendable {
    /// Something that computes values when it is asked, such as a query.
    package struct Collector: Sendable {
        let name: String
        let collect: @Sendable () async throws -> [MetricSample]
    }

    private enum Family: Sendable {
        case counter(MetricFamily<Counter>)
        case gauge(MetricFamily<Gauge>)
        case histogram(MetricFamily<Histogram>)
    }

    private struct State {
        var families: [String: Family] = [:]
        var collectors: [Collector] = []
    }

    /// A collector that takes longer is left out of the scrape.
    private static let collectorTimeout = Duration.seconds(2)

    private let state = Mutex(State())
    private let time: TimeSource

    package init(time: TimeSource) { self.time = time }

    /// The family of that name; the first declaration decides about help and labels.
    package func counter(_ name: String, _ help: String, labels: [String] = []) -> MetricFamily<Counter> {
        state.withLock { state in
            if case .counter(let family) = state.families[name] { return family }
            let family = MetricFamily(name: name, help: help, labels: labels) { Counter() }
            state.families[name] = .counter(family)
            return family
        }
    }

    package func gauge(_ name: String, _ help: String, labels: [String] = []) -> MetricFamily<Gauge> {
        state.withLock { state in
            if case .gauge(let family) = state.families[name] { return family }
            let family = MetricFamily(name: name, help: help, labels: labels) { Gauge() }
            state.families[name] = .gauge(family)
            return family
        }
    }

    package func histogram(
        _ name: String, _ help: String, labels: [String] = [], bounds: [Double] = Histogram.latencyBounds
    ) -> MetricFamily<Histogram> {
        state.withLock { state in
            if case .histogram(let family) = state.families[name] { return family }
            let family = MetricFamily(name: name, help: help, labels: labels) { Histogram(bounds: bounds) }
            state.families[name] = .histogram(family)
            return family
        }
    }

    package func addCollector(_ name: String, _ collect: @escaping @Sendable () async throws -> [MetricSample]) {
        state.withLock { $0.collectors.append(Collector(name: name, collect: collect)) }
    }

    /// The text format 0.0.4 of Prometheus, families by name.
    package func exposition() async -> String {
        let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
        var text = ExpositionText()
        for name in families.keys.sorted() {
            switch families[name] {
            case .counter(let family):
                text.begin(family.name, family.help, .counter)
                for (values, cell) in family.sortedCells {
                    text.line(family.name, zip(family.labels, values).map { $0 }, Double(cell.count))
                }
            case .gauge(let family):
                text.begin(family.name, family.help, .gauge)
                for (values, cell) in family.sortedCells {
                    text.line(family.name, zip(family.labels, values).map { $0 }, cell.value)
                }
            case .histogram(let family): text.append(family)
            case nil: break
            }
        }
        for collector in collectors.sorted(by: { $0.name < $1.name }) {
            let samples = await collected(by: collector)
            text.append(samples ?? [])
            text.append([
                MetricSample(
                    "certctl_scrape_collector_success", "Whether a collector answered in time.",
                    labels: [("collector", collector.name)], samples == nil ? 0 : 1
                )
            ])
        }
        return text.text
    }

    /// `nil` when the collector failed or was too slow.
    private func collected(by collector: Collector) async -> [MetricSample]? {
        await withTaskGroup(of: [MetricSample]?.self) { group in
            group.addTask { try? await collector.collect() }
            group.addTask { [time] in
                try? await time.sleep(Self.collectorTimeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
