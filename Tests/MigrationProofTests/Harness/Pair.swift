import Foundation
import TestSupport
import Testing

/// Two servers over one database, of which each does something and the other has to see it.
struct Pair {
    let servers: [Server]
    let key: String
    let directory: TemporaryDirectory

    /// Teams, certificates and issuances, made through the one and seen, changed and issued through the other.
    func exchange(_ tag: String) async throws {
        for (index, (one, other)) in [(servers[0], servers[1]), (servers[1], servers[0])].enumerated() {
            let id = "\(tag)-\(index)"
            try await expect(201, one.post("/api/v1/teams", #"{"id":"t-\#(id)","name":"team \#(id)"}"#, key: key))
            let seen = try await expect(200, other.get("/api/v1/teams/t-\(id)", key: key))
            try #require(seen.text("name") == "team \(id)")
            try await create(id, team: "t-\(id)", through: one)
            let found = try await expect(200, other.get("/api/v1/certificates?san=\(id).example.com", key: key))
            try #require(found.number("total") == 1, "\(found.body)")

            let issued = try await expect(
                201, other.post("/api/v1/certificates/mc-\(id)/csr", try await request(id), key: key))
            try #require(
                try await expect(200, one.get("/api/v1/certificates/mc-\(id)", key: key)).text("status") == "Active")
            let versions = try await expect(200, one.get("/api/v1/certificates/mc-\(id)/versions", key: key))
            let serial = try #require(issued.text("serial_number"), "\(issued.body)")
            try #require(versions.number("total") == 1 && versions.body.contains(serial), "\(versions.body)")

            let change = #"{"name":"renamed \#(id)"}"#
            try await expect(200, other.put("/api/v1/teams/t-\(id)", change, key: key))
            let renamed = try await expect(200, one.get("/api/v1/teams/t-\(id)", key: key))
            try #require(renamed.text("name") == "renamed \(id)")
        }
    }

    /// Certificates through both at once; afterwards both count the same.
    func writeTogether(_ count: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, server) in servers.enumerated() {
                group.addTask {
                    for number in 1...count {
                        try await create("together-\(index)-\(number)", team: "t-unassigned", through: server)
                    }
                }
            }
            try await group.waitForAll()
        }
        for server in servers {
            let found = try await expect(200, server.get("/api/v1/certificates?q=together&per_page=1", key: key))
            try #require(found.number("total") == count * servers.count, "\(found.body)")
        }
    }

    private func create(_ id: String, team: String, through server: Server) async throws {
        let body = """
            {"id":"mc-\(id)","name":"\(id)","common_name":"\(id).example.com","sans":["\(id).example.com"],
            "owner_id":"o-unassigned","team_id":"\(team)","issuer_id":"iss-local","renewal_policy_id":"rp-default"}
            """
        try await expect(201, server.post("/api/v1/certificates", body, key: key))
    }

    private func request(_ id: String) async throws -> String {
        let file = directory.path("\(id).csr")
        let outcome = try await runProgram(
            "/usr/bin/openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=\(id).example.com", "-addext", "subjectAltName=DNS:\(id).example.com", "-keyout",
                directory.path("\(id).key"), "-out", file,
            ],
            logs: directory.url
        )
        try #require(outcome.status == 0, "\(outcome.errors)")
        let json = try JSONSerialization.data(withJSONObject: ["csr_pem": String(contentsOfFile: file, encoding: .utf8)]
        )
        return String(decoding: json, as: UTF8.self)
    }

    @discardableResult
    private func expect(_ status: Int, _ reply: Server.Reply) throws -> Server.Reply {
        try #require(reply.status == status, "\(reply.status) \(reply.body)")
        return reply
    }
}
