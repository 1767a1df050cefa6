import Foundation
import TestSupport
import Testing

/// The samples of a scrape, by name with labels as written.
private struct Scrape {
    private(set) var samples: [String: Double] = [:]
    private(set) var types: [String: String] = [:]
    private(set) var oddities: [String] = []

    init(_ text: String) {
        for line in text.split(separator: "\n").map(String.init) {
            let words = line.split(separator: " ").map(String.init)
            if line.hasPrefix("# TYPE "), words.count == 4, types[words[2]] == nil {
                types[words[2]] = words[3]
            } else if line.hasPrefix("# HELP ") {
                continue
            } else if let gap = line.lastIndex(of: " "), let value = Double(line[line.index(after: gap)...]),
                samples.updateValue(value, forKey: String(line[..<gap])) == nil
            {
                if type(of: String(line[..<gap])) == nil { oddities.append(line) }
            } else {
                oddities.append(line)
            }
        }
    }

    /// The type of the family that a series belongs to.
    private func type(of series: String) -> String? {
        let name = String(series.prefix { $0 != "{" })
        let stems = ["_bucket", "_sum", "_count"].filter(name.hasSuffix).map { String(name.dropLast($0.count)) }
        return types[name] ?? stems.compactMap { types[$0] }.first { $0 == "histogram" }
    }

    subscript(_ series: String) -> Double? { samples[series] }

    func names(_ prefix: String) -> [String] { samples.keys.filter { $0.hasPrefix(prefix) }.sorted() }
}

@Suite("operations §12: what a scrape tells", .tags(.slow))
struct ServerMetricsTests {
    private static func scrape(_ client: CurlClient) async throws -> Scrape {
        let reply = try Inventory.expect(200, try await client.get("/api/v1/metrics/prometheus"))
        #expect(reply.headers.lowercased().contains("content-type: text/plain; version=0.0.4"))
        let scrape = Scrape(reply.body)
        #expect(scrape.oddities.isEmpty, "\(scrape.oddities)")
        return scrape
    }

    @Test(
        "after an issuance and no deployment: the build, the leader, one success, and nothing deployed",
        arguments: EngineUnderTest.available)
    func scrape(engine: EngineUnderTest) async throws {
        let url = try await engine.makeDatabaseURL()
        let server = try await ControlPlane.start(databaseURL: url, environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        #expect(try await server.anonymous.get("/api/v1/metrics/prometheus").status == 401)
        let before = try await Self.scrape(server.client)
        #expect(before.names("certctl_issuance_total").isEmpty && before["certctl_certificate_total"] == 0)

        let certificate = Inventory.certificate("mc-counted", name: "counted.certctl.test")
        try Inventory.expect(201, try await server.client.post("/api/v1/certificates", certificate))
        let csr = try await makeCSR("counted.certctl.test", in: server.directory)
        for status in [201, 400] {
            let body = ["csr_pem": status == 201 ? csr : "no request"]
            try Inventory.expect(status, try await server.client.post("/api/v1/certificates/mc-counted/csr", body))
        }
        let leads = try await eventually { try await Self.scrape(server.client)["certctl_scheduler_leader"] == 1 }
        #expect(leads)
        let after = try await Self.scrape(server.client)

        let build = after.names("certctl_build_info{")
        #expect(build.count == 1 && after[build.first ?? ""] == 1, "\(build)")
        let what = try await server.client.get("/api/v1/version")
        let (version, toolchain) = (try #require(what.text("version")), try #require(what.text("toolchain")))
        #expect(toolchain.hasPrefix("swift-6.") && what.text("go_version") == toolchain)
        #expect(what.text("schema_version")?.hasPrefix("0000") == true, "\(what.body)")
        let commit = try #require(what.text("commit"))
        for label in [
            #"version="\#(version)""#, #"commit="\#(commit)""#, #"toolchain="\#(toolchain)""#,
            #"storage="\#(engine.rawValue)""#,
        ] {
            #expect(build.first?.contains(label) == true, "\(build)")
        }
        #expect(try #require(after["certctl_scheduler_leader_epoch"]) >= 1)
        try expectOneIssuance(after)
        try expectProcess(after)
        if let url { try await expectCandidate(url, engine, leader: server) }
        await server.stop()
    }

    private func expectOneIssuance(_ after: Scrape) throws {
        let issuer = #"issuer_type="GenericCA""#
        #expect(after.names("certctl_issuance_total") == [#"certctl_issuance_total{\#(issuer),outcome="success"}"#])
        #expect(after[#"certctl_issuance_total{\#(issuer),outcome="success"}"#] == 1)
        #expect(after[#"certctl_issuance_duration_seconds_count{\#(issuer)}"#] == 1)
        let duration = try #require(after[#"certctl_issuance_duration_seconds_sum{\#(issuer)}"#])
        #expect(duration > 0 && duration < 10, "\(duration)")
        #expect(after["certctl_certificate_total"] == 1 && after["certctl_certificate_active"] == 1)
        // Families that counted nothing are announced, so that an alert on them is no typing error.
        #expect(after.types["certctl_deploy_attempts_total"] == "counter")
        #expect(after.types["certctl_deploy_rollback_total"] == "counter")
        #expect(after.names("certctl_deploy_").isEmpty, "\(after.names("certctl_deploy_"))")
        let route = #"route="/api/v1/certificates/{id}/csr",method="POST""#
        #expect(after[#"certctl_http_requests_total{\#(route),code="201"}"#] == 1)
        #expect(after[#"certctl_http_requests_total{\#(route),code="400"}"#] == 1)
        #expect(after[#"certctl_http_request_duration_seconds_count{\#(route)}"#] == 2)
    }

    private func expectProcess(_ after: Scrape) throws {
        let memory = try #require(after["process_resident_memory_bytes"])
        #expect(memory > 1_000_000 && memory < 2_000_000_000, "\(memory)")
        #expect(try #require(after["process_open_fds"]) > 3)
        #expect(try #require(after["process_cpu_seconds_total"]) > 0)
        let uptime = try #require(after["certctl_uptime_seconds"])
        #expect(uptime >= 0 && uptime < 600, "\(uptime)")
        // This scrape is the one in flight.
        #expect(after["certctl_http_in_flight"] == 1)
        let collectors = after.names("certctl_scrape_collector_success")
        #expect(collectors.count >= 3 && collectors.allSatisfy { after[$0] == 1 }, "\(collectors)")
    }

    /// A second server on the same database does not lead.
    private func expectCandidate(_ url: String, _ engine: EngineUnderTest, leader: ControlPlane) async throws {
        let candidate = try await ControlPlane.start(databaseURL: url, environment: engine.environment)
        let client = candidate.anonymous.with(key: leader.administratorKey)
        let waiting = try await Self.scrape(client)
        #expect(waiting["certctl_scheduler_leader"] == 0 && waiting["certctl_scheduler_leader_epoch"] == 0)
        await candidate.stop()
    }
}
