import APIContract
import Foundation
import TestSupport
import Testing

/// A server with one of everything, and a credential for each kind of caller.
final class PermissionStage: @unchecked Sendable {
    // Proof: one test drives one stage from one task.
    private let server: ControlPlane
    private var keys: [PermissionCaller: String] = [:]
    private var names: [String: String] = [:]
    private var csr = ""
    private var issuedPEM = ""

    init() async throws {
        server = try await ControlPlane.start(environment: [
            "CERTCTL_TRUSTED_PROXIES": "127.0.0.1", "CERTCTL_BREAKGLASS_ENABLED": "true",
            "CERTCTL_ACME_SERVER_ENABLED": "true",
        ])
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        try await makeObjects()
        try await makeApproval()
        try await makeKeys()
    }

    func stop() async { await server.stop() }

    private func makeObjects() async throws {
        let client = server.client
        for (caller, name) in [(PermissionCaller.agent, "one"), (.otherAgent, "two")] {
            let token = try await client.post("/api/v1/agents/enrollment-tokens", ["ttl_seconds": 600])
            let enrolled = try await server.anonymous.post(
                "/api/v1/agents", ["name": name, "hostname": "\(name).certctl.test"],
                headers: ["X-Certctl-Bootstrap-Token: \(try #require(token.text("token")))"]
            )
            try Inventory.expect(201, enrolled)
            let (key, id): (String, String) = (
                try #require(enrolled.text("api_key")), try #require(enrolled.text("id"))
            )
            keys[caller] = key
            if caller == .agent { names["{agent}"] = id }
        }
        let config: [String: Any] = [
            "cert_path": "/tmp/a.crt", "key_path": "/tmp/a.key", "validate_command": "nginx -t",
            "reload_command": "nginx -s reload",
        ]
        try Inventory.expect(
            201,
            try await client.post(
                "/api/v1/targets",
                ["id": "tgt-one", "name": "one", "type": "NGINX", "agent_id": names["{agent}"] ?? "", "config": config])
        )
        try Inventory.expect(
            201,
            try await client.post(
                "/api/v1/issuers", ["id": "iss-other", "name": "Other CA", "type": "local", "config": [String: Any]()]))
        for (id, targets) in [("mc-here", ["tgt-one"]), ("mc-archived", []), ("mc-issued", [])] {
            let body = Inventory.certificate(id, name: "\(id).certctl.test", targets: targets)
            try Inventory.expect(201, try await client.post("/api/v1/certificates", body))
        }
        csr = try await makeCSR("mc-issued.certctl.test", in: server.directory)
        let issued = try await client.post("/api/v1/certificates/mc-issued/csr", ["csr_pem": csr])
        let version: String = try #require(try Inventory.expect(201, issued).text("id"))
        names["{version}"] = version
        issuedPEM = try #require(issued.text("pem_chain"))
        // The renewal loop may have been faster.
        let renewal = try await client.post("/api/v1/certificates/mc-here/renew", ["force": true])
        let job = try #require(try Inventory.expect(202, renewal).text("job_id"))
        names["{job}"] = job
        try Inventory.expect(200, try await client.post("/api/v1/jobs/\(job)/cancel"))
    }

    /// An approval that was decided, and its job; the profile is as it was afterwards.
    private func makeApproval() async throws {
        let admin: [[String: Any]] = [["role_id": "r-admin"]]
        let asker = server.client.with(key: try await makeKey("asker", grants: admin, endsSoon: false))
        let decider = server.client.with(
            key: try await makeKey("decider", grants: admin, endsSoon: false, mayApprove: true))
        func gate(_ isOn: Bool) async throws {
            let edit = try await asker.put("/api/v1/profiles/\(Inventory.profile)", ["requires_approval": isOn])
            let id = try #require(try Inventory.expect(202, edit).text("pending_approval_id"))
            try Inventory.expect(200, try await decider.post("/api/v1/approvals/\(id)/approve"))
        }
        try await gate(true)
        let renewal = try await asker.post("/api/v1/certificates/mc-here/renew", ["force": true])
        let (approval, job): (String, String) = (
            try #require(try Inventory.expect(202, renewal).text("approval_id")), try #require(renewal.text("job_id"))
        )
        try Inventory.expect(200, try await decider.post("/api/v1/approvals/\(approval)/reject"))
        try await gate(false)
        names["{approval}"] = approval
        names["{decided}"] = job
    }

    private func makeKeys() async throws {
        for caller in PermissionCaller.allCases {
            let grant: [String: Any]
            switch caller {
            case .anonymous, .agent, .otherAgent: continue
            case .expired: grant = ["role_id": "r-admin"]
            case .elsewhere: grant = ["role_id": "r-admin", "scope_type": "issuer", "scope_id": "iss-other"]
            case .issuerAdmin: grant = ["role_id": "r-admin", "scope_type": "issuer", "scope_id": Inventory.issuer]
            case .profileAdmin: grant = ["role_id": "r-admin", "scope_type": "profile", "scope_id": Inventory.profile]
            default: grant = ["role_id": caller.rawValue]
            }
            keys[caller] = try await makeKey("caller-\(keys.count)", grants: [grant], endsSoon: caller == .expired)
        }
        _ = try await makeKey("subject", grants: [], endsSoon: false)
        try await Task.sleep(for: .milliseconds(2100))
    }

    private func makeKey(
        _ name: String, grants: [[String: Any]], endsSoon: Bool, mayApprove: Bool = false
    ) async throws -> String {
        var body: [String: Any] = ["name": name, "grants": grants, "may_approve": mayApprove]
        if endsSoon { body["expires_at"] = Date.now.addingTimeInterval(2).formatted(.iso8601) }
        let made = try await server.client.post("/api/v1/auth/keys", body)
        return try #require(try Inventory.expect(201, made).text("key_value"))
    }

    /// Asks every cell in turn, over one connection; the statuses in the same order.
    ///
    /// Each request comes from an address of its own, behind a trusted proxy: refusals are counted by address.
    func ask(_ cells: [(PermissionTable.Row, PermissionCaller)]) async throws -> [Int] {
        let routes = Dictionary(uniqueKeysWithValues: RouteTable.all.map { ($0.id, $0) })
        var script: [String] = []
        for (index, (row, caller)) in cells.enumerated() {
            let route = try #require(routes[row.route])
            let query = row.query.isEmpty ? "" : "?\(row.query)"
            var request = [
                "url = \"\(server.baseURL)\(path(route, row.path))\(query)\"",
                "request = \"\(route.method.rawValue)\"", "cacert = \"\(server.authority)\"", "output = \"/dev/null\"",
                "silent", "http1.1", "max-time = 20", "header = \"Accept: application/json, */*;q=0.5\"",
                "header = \"X-Forwarded-For: 10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255)\"",
                "write-out = \"%{http_code}\\n\"",
            ]
            if let key = keys[caller] { request.append("header = \"Authorization: Bearer \(key)\"") }
            if let body = row.body {
                let file = server.directory.path("body-\(index).json")
                try text(of: body).write(toFile: file, atomically: true, encoding: .utf8)
                request.append("data-binary = \"@\(file)\"")
                request.append("header = \"Content-Type: application/json\"")
            }
            script.append(request.joined(separator: "\n"))
        }
        let file = server.directory.path("matrix.curl")
        try script.joined(separator: "\nnext\n").write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await runProgram(
            "/usr/bin/curl", ["--config", file], logs: server.directory.url, timeout: .seconds(300))
        let statuses = outcome.output.split(separator: "\n").compactMap { Int($0) }
        try #require(statuses.count == cells.count, "\(statuses.count) answers; \(outcome.errors)")
        return statuses
    }

    private func path(_ route: Route, _ values: [String]) -> String {
        var values = values[...]
        let parts = route.path.segments.map { segment in
            switch segment {
            case .literal(let text): return text
            case .parameter, .rest:
                let value = values.popFirst() ?? ""
                return names[value] ?? value
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    private func text(of body: String) throws -> String {
        let object: [String: Any]
        switch body {
        case "{certificate}": object = Inventory.certificate("mc-here", name: "mc-here.certctl.test")
        case "{csr}": object = ["csr_pem": csr]
        case "{import}":
            object = Inventory.certificate("mc-import", name: "mc-import").filter {
                ["owner_id", "team_id", "issuer_id", "renewal_policy_id", "certificate_profile_id"].contains($0.key)
            }.merging(["pem": issuedPEM]) { _, new in new }
        default: return body
        }
        return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    }
}
