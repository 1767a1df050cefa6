import Foundation
import TestSupport
import Testing

@Suite("rest-api §7.5, §7.6: a dry run is refused as the real request is, and stores nothing", .tags(.slow))
struct DryRunTests {
    /// A resource with two rows, and what is done to them.
    private struct Resource {
        let path: String
        let first: [String: Any]
        let second: [String: Any]
        let broken: [String: Any]
        /// A change of the first row that would succeed, and the member that shows it.
        let change: [String: Any]

        func new(_ changes: [String: Any]) -> [String: Any] { first.merging(changes) { $1 } }
    }

    @Test("issuers and targets, created, replaced and patched, on each engine", arguments: EngineUnderTest.available)
    func rehearsals(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/agents", ["id": "edge", "name": "edge", "hostname": "edge.certctl.test"]))
        let site = try SiteFiles()
        let resources = [
            Resource(
                path: "/api/v1/issuers",
                first: ["id": "one", "name": "One", "type": "GenericCA", "config": ["validity_days": 30]],
                second: ["id": "two", "name": "Two", "type": "GenericCA", "config": [String: Any]()],
                broken: ["validity_days": 0], change: ["validity_days": 31]),
            Resource(
                path: "/api/v1/targets",
                first: [
                    "id": "one", "name": "One", "type": "NGINX", "agent_id": "edge", "config": site.configuration(),
                ],
                second: [
                    "id": "two", "name": "Two", "type": "NGINX", "agent_id": "edge", "config": site.configuration(),
                ],
                broken: ["cert_path": "relative.pem"],
                change: site.configuration(["cert_path": site.directory.path("other.crt")])),
        ]
        for resource in resources {
            try await expectCreationRehearsed(resource, server.client)
            try await expectChangesRehearsed(resource, server.client)
        }
        await server.stop()
    }

    private func expectCreationRehearsed(_ resource: Resource, _ client: CurlClient) async throws {
        let rehearsal = resource.path + "?dry_run=true"
        let before = try await state(resource, client)
        let answer = try await client.post(rehearsal, resource.first)
        #expect(answer.status == 200 && answer.text("name") == "One", "\(answer.body)")
        #expect(!answer.headers.lowercased().contains("\nlocation:"))
        #expect(try await client.get("\(resource.path)/one").status == 404)
        #expect(try await state(resource, client) == before)

        for row in [resource.first, resource.second] {
            try Inventory.expect(201, try await client.post(resource.path, row))
        }
        let stored = try await state(resource, client)
        let refusals: [(body: [String: Any], status: Int)] = [
            (resource.new(["id": "three", "name": "Two"]), 409), (resource.new(["name": "Three"]), 409),
            (resource.new(["id": "three", "name": "Three", "config": resource.broken]), 422),
            (resource.new(["id": "three", "name": ""]), 400),
            (resource.new(["id": "three", "name": "Three", "type": "NoSuchThing"]), 400),
        ]
        for refusal in refusals {
            try await expectSameRefusal(refusal.status, client) { dryRun in
                try await client.post(dryRun ? rehearsal : resource.path, refusal.body)
            }
        }
        #expect(try await state(resource, client) == stored)
    }

    private func expectChangesRehearsed(_ resource: Resource, _ client: CurlClient) async throws {
        let stored = try await state(resource, client)
        for method in ["PUT", "PATCH"] {
            func send(_ body: [String: Any], id: String = "one", dryRun: Bool, headers: [String] = []) async throws
                -> CurlClient.Reply
            {
                let octets = try JSONSerialization.data(withJSONObject: body, options: .sortedKeys)
                var headers = headers
                if method == "PATCH" { headers.append("Content-Type: application/merge-patch+json") }
                return try await client.send(
                    method, "\(resource.path)/\(id)\(dryRun ? "?dry_run=true" : "")",
                    body: String(decoding: octets, as: UTF8.self), headers: headers)
            }
            let whole = method == "PUT" ? resource.first.filter { $0.key != "id" } : [:]
            let answer = try await send(
                whole.merging(["name": "Other", "config": resource.change]) { $1 }, dryRun: true)
            #expect(answer.status == 200 && answer.text("name") == "Other", "\(method): \(answer.body)")
            let changed = answer.json["config"] as? [String: Any] ?? [:]
            for (member, value) in resource.change {
                #expect("\(changed[member] ?? "")" == "\(value)", "\(method): \(member) of \(answer.body)")
            }
            #expect(try await state(resource, client) == stored, "\(method)")
            let refusals: [(body: [String: Any], id: String, headers: [String], status: Int)] = [
                (["name": "Two"], "one", [], 409), (["config": resource.broken], "one", [], 422),
                (["name": 7], "one", [], 400), (["name": "Other"], "none", [], 404),
                (["name": "Other"], "one", ["If-Match: \"7\""], 412),
            ]
            for refusal in refusals {
                let body = whole.merging(refusal.body) { $1 }
                try await expectSameRefusal(refusal.status, client) { dryRun in
                    try await send(body, id: refusal.id, dryRun: dryRun, headers: refusal.headers)
                }
            }
            #expect(try await state(resource, client) == stored, "\(method)")
        }
    }

    /// Rehearsed first, so that a rehearsal with an effect could not hide behind the real request.
    private func expectSameRefusal(
        _ status: Int,
        _ client: CurlClient,
        _ send: (_ dryRun: Bool) async throws -> CurlClient.Reply
    ) async throws {
        let rehearsed = try await send(true)
        let real = try await send(false)
        #expect(rehearsed.status == status && real.status == status, "\(rehearsed.body)\n\(real.body)")
        func content(_ reply: CurlClient.Reply) throws -> String {
            let members = reply.json.filter { $0.key != "request_id" }
            let octets = try JSONSerialization.data(withJSONObject: members, options: .sortedKeys)
            return String(decoding: octets, as: UTF8.self)
        }
        #expect(try content(rehearsed) == content(real))
    }

    /// Every row of the resource with its version, and what the audit trail tells of such rows.
    private func state(_ resource: Resource, _ client: CurlClient) async throws -> [String] {
        let rows = try await client.get("\(resource.path)?per_page=200").json["data"] as? [[String: Any]] ?? []
        let events = try await client.get("/api/v1/audit?per_page=200").json["data"] as? [[String: Any]] ?? []
        let actions = events.compactMap { event -> String? in
            let action = event["action"] as? String ?? ""
            guard let id = event["resource_id"] as? String, ["one", "two", "three"].contains(id),
                !action.hasSuffix("_refused"),
                // The server's own work for an issuer that is there, whenever it comes to it.
                action != "ocsp_responder_appointed" && action != "ca_key_generated"
            else { return nil }
            return "\(id) \(action)"
        }
        return try rows.map { row in
            #expect(row["version"] is Int)
            return String(
                decoding: try JSONSerialization.data(withJSONObject: row, options: .sortedKeys), as: UTF8.self)
        } + actions
    }
}
