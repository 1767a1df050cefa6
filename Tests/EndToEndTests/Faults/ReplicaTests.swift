import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite(
    "operations §10: replicas on PostgreSQL share the work", .tags(.slow),
    .enabled(if: EngineUnderTest.available.contains(.postgres)))
struct ReplicaTests {
    @Test("two replicas booting at once serve one CA, one administrator, and no job twice")
    func twoReplicasShareWork() async throws {
        let url = try await TestDatabase.makePostgresURL().withText { $0 }
        let token = "replica-bootstrap-token-0123456789abcdef"
        let environment = EngineUnderTest.postgres.environment.merging(["CERTCTL_BOOTSTRAP_TOKEN": token]) { $1 }
        async let starting = ControlPlane.start(databaseURL: url, environment: environment)
        let second = try await ControlPlane.start(databaseURL: url, environment: environment)
        let first = try await starting

        async let one = first.anonymous.post("/api/v1/auth/bootstrap", ["token": token, "actor_name": "ops-one"])
        async let two = second.anonymous.post("/api/v1/auth/bootstrap", ["token": token, "actor_name": "ops-two"])
        let replies = try await [one, two]
        #expect(replies.map(\.status).sorted() == [201, 410], "\(replies.map(\.body))")
        let key = try #require(replies.first { $0.status == 201 }?.text("key_value"))
        let clients = [first.anonymous.with(key: key), second.anonymous.with(key: key)]

        let authorities = try await [
            clients[0].get("/api/v1/issuers/iss-local/ca-certificates").body,
            clients[1].get("/api/v1/issuers/iss-local/ca-certificates").body,
        ]
        #expect(authorities[0] == authorities[1] && authorities[0].contains("BEGIN CERTIFICATE"))

        try Inventory.expect(201, try await clients[0].post("/api/v1/teams", ["id": "t-web", "name": "web"]))
        try Inventory.expect(
            201,
            try await clients[1].post(
                "/api/v1/owners", ["id": "o-web", "name": "Web", "email": "web@certctl.test", "team_id": "t-web"])
        )
        var body = Inventory.certificate("mc-shared", name: "shared.certctl.test")
        body["certificate_profile_id"] = nil
        try Inventory.expect(201, try await clients[1].post("/api/v1/certificates", body))

        let work = try TemporaryDirectory("replica")
        let csr = try await makeCSR("shared.certctl.test", in: work)
        let issued = try await withThrowingTaskGroup(of: CurlClient.Reply.self) { group in
            for number in 0..<8 {
                let client = clients[number % 2]
                group.addTask {
                    try await client.post(
                        "/api/v1/certificates/mc-shared/csr", ["csr_pem": csr],
                        headers: ["Idempotency-Key: same-key-for-all"])
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let created = Set(issued.filter { $0.status == 201 }.compactMap { $0.text("id") })
        #expect(created.count == 1, "\(issued.map { "\($0.status) \($0.body)" })")
        #expect(issued.allSatisfy { [201, 409].contains($0.status) }, "\(issued.map(\.status))")
        let versions = try await clients[0].get("/api/v1/certificates/mc-shared/versions")
        #expect((versions.json["data"] as? [Any])?.count == 1, "\(versions.body)")
        await first.stop()
        await second.stop()
    }

    @Test("PostgreSQL stopped and started under load: no acknowledged certificate is missing")
    func databaseRestartUnderLoad() async throws {
        let cluster = try PostgresCluster()
        try await cluster.administer("CREATE DATABASE outage")
        let server = try await ControlPlane.start(
            databaseURL: cluster.url(database: "outage").withText { $0 },
            environment: EngineUnderTest.postgres.environment
        )
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let work = try TemporaryDirectory("outage")
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates", Inventory.certificate("mc-out", name: "out.certctl.test"))
        )
        let csr = try await makeCSR("out.certctl.test", in: work)
        var acknowledged: Set<String> = []
        var refused = 0
        for round in 0..<40 {
            if round == 10 { try cluster.restart(immediately: true) }
            let reply = try await server.client.post("/api/v1/certificates/mc-out/csr", ["csr_pem": csr])
            if reply.status == 201, let id = reply.text("id") {
                acknowledged.insert(id)
            } else {
                refused += 1
                #expect([500, 503].contains(reply.status), "\(reply.status) \(reply.body)")
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        #expect(acknowledged.count >= 20, "\(acknowledged.count) issued, \(refused) refused")
        let page = try await server.client.get("/api/v1/certificates/mc-out/versions?per_page=500")
        let stored = Set((page.json["data"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String })
        #expect(acknowledged.isSubset(of: stored))
        #expect(try await server.anonymous.get("/ready").status == 200)
        await server.stop()
        cluster.stop()
    }
}
