import Domain
import Telemetry
import Testing

@Suite("Prometheus text format 0.0.4")
struct MetricsRegistryTests {
    @Test("counters, gauges, histograms and collectors are written in a stable order with escaped labels")
    func exposition() async {
        let registry = MetricsRegistry(time: .system)
        registry.counter("b_total", "Second.", labels: ["kind"]).with("quo\"te\\\n").add(2)
        registry.counter("b_total", "Second.", labels: ["kind"]).with("a").add()
        registry.gauge("a_now", "First.\nLine.").with().set(1.5)
        let histogram = registry.histogram("c_seconds", "Third.", bounds: [0.1, 1]).with()
        for value in [0.05, 0.1, 0.5, 7] { histogram.observe(value) }
        registry.addCollector("jobs") { [MetricSample("d_total", "Fourth.", labels: [("s", "x")], 3)] }
        #expect(
            await registry.exposition() == """
                # HELP a_now First.\\nLine.
                # TYPE a_now gauge
                a_now 1.5
                # HELP b_total Second.
                # TYPE b_total counter
                b_total{kind="a"} 1
                b_total{kind="quo\\"te\\\\\\n"} 2
                # HELP c_seconds Third.
                # TYPE c_seconds histogram
                c_seconds_bucket{le="0.1"} 2
                c_seconds_bucket{le="1"} 3
                c_seconds_bucket{le="+Inf"} 4
                c_seconds_sum 7.65
                c_seconds_count 4
                # HELP d_total Fourth.
                # TYPE d_total gauge
                d_total{s="x"} 3
                # HELP certctl_scrape_collector_success Whether a collector answered in time.
                # TYPE certctl_scrape_collector_success gauge
                certctl_scrape_collector_success{collector="jobs"} 1

                """
        )
    }

    @Test("a collector that fails is left out and reported, the scrape goes on")
    func failingCollector() async {
        struct Broken: Error {}
        let registry = MetricsRegistry(time: .system)
        registry.addCollector("bad") { throw Broken() }
        registry.addCollector("good") { [MetricSample("ok", "Ok.", 1)] }
        let text = await registry.exposition()
        #expect(text.contains("certctl_scrape_collector_success{collector=\"bad\"} 0"))
        #expect(text.contains("ok 1\n"))
    }

    @Test("a collector that hangs is given up on")
    func hangingCollector() async {
        let impatient = TimeSource(now: { Timestamp(secondsSinceEpoch: 0) }, sleep: { _ in })
        let registry = MetricsRegistry(time: impatient)
        registry.addCollector("stuck") {
            try await Task.sleep(for: .seconds(60))
            return []
        }
        #expect(await registry.exposition().contains("collector=\"stuck\"} 0"))
    }

    @Test("label values beyond the bound share one cell")
    func boundedCells() async {
        let registry = MetricsRegistry(time: .system)
        let family = registry.counter("x_total", "X.", labels: ["v"])
        for index in 0..<1_500 { family.with(String(index)).add() }
        let text = await registry.exposition()
        #expect(text.contains("x_total{v=\"other\"} 500"))
    }

    @Test("the process reports memory, processor time, descriptors and its start")
    func process() throws {
        let samples = ProcessMetrics.samples(startedAt: Timestamp(secondsSinceEpoch: 1_700_000_000))
        let byName = Dictionary(uniqueKeysWithValues: samples.map { ($0.name, $0.value) })
        #expect(byName["process_start_time_seconds"] == 1_700_000_000)
        #expect(try #require(byName["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(byName["process_open_fds"]) >= 3)
        #expect(try #require(byName["process_cpu_seconds_total"]) > 0)
    }
}
