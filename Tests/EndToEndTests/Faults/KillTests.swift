import Foundation
import TestSupport
import Testing

@Suite("kill -9 at any moment loses nothing and duplicates nothing", .tags(.slow, .fault))
struct KillTests {
    /// Acknowledged issuances, by the identifier of their version.
    private actor Acknowledged {
        private(set) var versions: Set<String> = []
        func add(_ id: String) { versions.insert(id) }
    }

    @Test(
        "server killed while issuing: every acknowledged certificate is there, none twice",
        arguments: EngineUnderTest.available)
    func serverKilledWhileIssuing(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let work = try TemporaryDirectory("kill")
        var requests: [(id: String, csr: String)] = []
        for number in 0..<12 {
            let name = "k\(number).certctl.test"
            try Inventory.expect(
                201,
                try await server.client.post("/api/v1/certificates", Inventory.certificate("mc-k\(number)", name: name))
            )
            requests.append(("mc-k\(number)", try await makeCSR(name, in: work)))
        }
        let acknowledged = Acknowledged()
        for round in 0..<4 {
            let client = server.client
            let pending = requests
            await withTaskGroup(of: Void.self) { group in
                for request in pending {
                    group.addTask {
                        let reply = try? await client.post(
                            "/api/v1/certificates/\(request.id)/csr", ["csr_pem": request.csr])
                        if let reply, reply.status == 201, let id = reply.text("id") { await acknowledged.add(id) }
                    }
                }
                try? await Task.sleep(for: .milliseconds(15 + 23 * round))
                await server.process.killAtOnce()
            }
            try await server.startAgain()
        }
        let known = await acknowledged.versions
        var stored: [String] = []
        var serials: [String] = []
        for request in requests {
            let page = try await server.client.get("/api/v1/certificates/\(request.id)/versions?per_page=500")
            for version in page.json["data"] as? [[String: Any]] ?? [] {
                stored.append(version["id"] as? String ?? "")
                serials.append(version["serial_number"] as? String ?? "")
            }
        }
        #expect(known.isSubset(of: Set(stored)), "an acknowledged certificate is missing")
        #expect(Set(serials).count == serials.count, "a serial number was used twice")
        let open = try await server.client.get("/api/v1/jobs?status=Running")
        #expect((open.json["data"] as? [Any])?.isEmpty == true, "\(open.body)")
        await server.stop()
    }
}
