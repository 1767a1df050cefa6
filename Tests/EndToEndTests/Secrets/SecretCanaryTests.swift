import Foundation
import TestSupport
import Testing

@Suite("security §18 T39, T40: a marker in every secret never comes out", .tags(.slow, .security))
struct SecretCanaryTests {
    /// The secret settings of a program, as its reference lists them, which a test holds to the declarations.
    private static func secretVariables(of program: String) throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/reference/settings.md"), encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n## ").first { $0.hasPrefix(program) })
        return section.components(separatedBy: "\n").compactMap { line in
            let cells = line.components(separatedBy: " | ")
            guard cells.count > 3, cells[2] == "secret" else { return nil }
            return cells[1].trimmingCharacters(in: ["`"])
        }
    }

    /// Markers by what they were planted in.
    private struct Canaries {
        private(set) var markers: [(place: String, text: String)] = []

        /// Forty-two characters that nothing else says.
        mutating func make(_ place: String) -> String {
            let text = "canary\(markers.count)x\(UUID().uuidString.replacing("-", with: ""))yz"
            markers.append((place, text))
            return text
        }

        /// A secret that the server made.
        mutating func adopt(_ place: String, _ text: String) { markers.append((place, text)) }

        /// Where a marker shows in `text`, plain, in hexadecimal or in base64.
        func expectNone(in text: String, _ source: String, except: Set<String> = []) {
            let lower = text.lowercased()
            for (place, marker) in markers where !except.contains(place) {
                let hex = marker.utf8.map { String(format: "%02x", $0) }.joined()
                let base64 = Data(marker.utf8).base64EncodedString().prefix(50)
                let isFound = text.contains(marker) || lower.contains(hex) || text.contains(base64)
                #expect(!isFound, "the secret of \(place) shows in \(source)")
            }
        }
    }

    /// How a setting takes a secret of its own.
    private static func value(_ variable: String, _ marker: String, databaseURL: String?) -> String? {
        switch variable {
        case "CERTCTL_API_KEYS_NAMED": "canary-admin:\(marker):admin"
        case "CERTCTL_DATABASE_URL":
            // A password that the cluster of the tests does not ask for.
            databaseURL.map { url in
                let url = url.contains("?") ? "\(url)&" : "\(url)?"
                return "\(url)password=\(marker)"
            }
        default: marker
        }
    }

    @Test(
        "T39: responses, log, errors, metrics, events, audit export, database, process and config show",
        arguments: EngineUnderTest.available)
    func server(engine: EngineUnderTest) async throws {
        var canaries = Canaries()
        let databaseURL = try await engine.makeDatabaseURL()
        let variables = try Self.secretVariables(of: "Server")
        #expect(variables.count >= 7, "\(variables)")
        var settings = [
            "CERTCTL_AUDIT_WEBHOOK_URL": "https://127.0.0.1:9/siem", "CERTCTL_EGRESS_ALLOW_AUDIT": "127.0.0.1",
            "CERTCTL_LOG_LEVEL": "debug", "CERTCTL_BREAKGLASS_ENABLED": "true",
        ]
        for variable in variables {
            settings[variable] = Self.value(variable, canaries.make(variable), databaseURL: databaseURL)
        }
        // A passphrase is kept only with a key that it opens.
        let keys = try TemporaryDirectory("canary-keys")
        settings["CERTCTL_CA_KEY_DIRECTORY"] = keys.path("ca")
        let server = try await ControlPlane.start(databaseURL: settings["CERTCTL_DATABASE_URL"], environment: settings)
        let named = try #require(canaries.markers.first { $0.place == "CERTCTL_API_KEYS_NAMED" }?.text)
        let admin = server.anonymous.with(key: named)
        try Inventory.expect(200, try await admin.get("/api/v1/auth/check"))

        var seen = try await Self.plant(&canaries, admin, server.anonymous, keyFile: keys.path("ca/canary.pem"))
        for path in try await Self.everyGET(admin) {
            let reply = try await admin.send("GET", path, body: nil, timeout: 30)
            seen += reply.headers + reply.body
        }
        let since = "/api/v1/events?wait=0&since=1970-01-01T00:00:00Z"
        let page = try await admin.get(since, headers: ["Accept: application/json"])
        // The stream does not end by itself.
        let stream = try await admin.send("GET", since, body: nil, headers: ["Accept: text/event-stream"], timeout: 2)
        #expect(page.body.contains("issuer.created") && stream.body.contains("issuer.created"), "\(page.body)")
        seen += page.body + stream.body
        seen += try await server.anonymous.with(key: canaries.make("a wrong bearer token")).get("/api/v1/teams").body
        canaries.expectNone(in: seen, "an answer")

        let environment = server.environment
        for arguments in [["config", "show"], ["config", "show", "--origin"], ["config", "check"]] {
            let outcome = try await runProgram(
                ControlPlane.binary, arguments, environment: environment, logs: server.directory.url)
            canaries.expectNone(in: outcome.output + outcome.errors, "certctl \(arguments.joined(separator: " "))")
        }
        let process = "/proc/\(server.process.processID)"
        for file in ["environ", "cmdline"] {
            let octets = try Data(contentsOf: URL(filePath: "\(process)/\(file)"))
            canaries.expectNone(in: String(decoding: octets, as: UTF8.self), "\(process)/\(file)")
        }
        let limits = try String(contentsOfFile: "\(process)/limits", encoding: .utf8)
        #expect(limits.contains(/Max core file size +0 +0/), "\(limits)")

        await server.stop()
        canaries.expectNone(in: server.process.transcript, "the log")
        canaries.expectNone(in: try await Self.dump(engine, databaseURL, server), "the database")
    }

    /// Puts markers into requests that are refused and into those that are not; every answer.
    private static func plant(
        _ canaries: inout Canaries, _ admin: CurlClient, _ anonymous: CurlClient, keyFile: String
    ) async throws -> String {
        var seen = ""
        func send(_ method: String, _ path: String, _ body: [String: Any], _ client: CurlClient) async throws {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
            seen += try await client.send(method, path, body: text, headers: ["Content-Type: application/json"]).body
        }
        // Sign-in and enrolment with wrong tokens.
        let token = canaries.make("a wrong set-up token")
        try await send("POST", "/api/v1/auth/bootstrap", ["token": token, "actor_name": "x y"], anonymous)
        try await send(
            "POST", "/api/v1/agents", ["name": "web", "hostname": "h"],
            anonymous.with(key: canaries.make("a wrong agent token")))
        // Passwords of local accounts: chosen, refused, typed wrong, and typed where the name belongs.
        let password = canaries.make("the password of a local account")
        let account: [String: Any] = ["actor_id": "bg-tester", "password": password, "roles": ["r-admin"]]
        try await send("POST", "/api/v1/auth/breakglass/credentials", account, admin)
        let refused: [String: Any] = ["actor_id": "canary", "password": canaries.make("a refused password")]
        try await send("POST", "/api/v1/auth/breakglass/credentials", refused, admin)
        for (name, typed) in [
            ("bg-tester", password), ("bg-tester", canaries.make("a wrong password")),
            (canaries.make("a password in the wrong field"), "x"),
        ] { try await send("POST", "/auth/breakglass/login", ["actor_id": name, "password": typed], anonymous) }
        let accounts = try await admin.get("/api/v1/auth/breakglass/credentials")
        #expect(accounts.body.contains("bg-tester"), "\(accounts.body)")
        // The key of an external account binding is told once, in base64url, and is kept sealed.
        let made = try await admin.post("/api/v1/admin/acme/eab-keys", ["label": "canary"])
        let secret = try #require(made.text("hmac_key"), "\(made.body)")
        let octets = secret.replacing("-", with: "+").replacing("_", with: "/") + "="
        canaries.adopt("an EAB key", secret)
        canaries.adopt(
            "an EAB key, its octets",
            try #require(Data(base64Encoded: octets)).map { String(format: "%02x", $0) }.joined())
        // Every secret field that a connector declares, and one that nobody declares, in sound and in bad requests.
        for (kind, catalog) in [("targets", "target-types"), ("issuers", "issuer-types")] {
            let types = try await admin.get("/api/v1/\(catalog)").json["data"] as? [[String: Any]] ?? []
            #expect(!types.isEmpty)
            for entry in types {
                let type = try #require((entry["type"] ?? entry["id"] ?? entry["name"]) as? String)
                var config: [String: Any] = [:]
                let schema = entry["config_schema"] ?? entry["schema"]
                let properties = (schema as? [String: Any])?["properties"] as? [String: [String: Any]] ?? [:]
                for (name, field) in properties where field["writeOnly"] as? Bool == true {
                    config[name] = canaries.make("\(kind) \(type) \(name)")
                }
                config["api_tokn"] = canaries.make("\(kind) \(type), misspelt")
                let bad: [String: Any] = [
                    "name": "bad \(type)", "type": type,
                    "config": config.merging(["cert_path": 1, "ca_cert_path": 1, "validity_days": "x"]) { $1 },
                ]
                try await send("POST", "/api/v1/\(kind)", bad, admin)
                if kind == "issuers" {
                    if config["key_passphrase"] != nil {
                        config.merge(["key_driver": "file", "key_ref": keyFile]) { $1 }
                    }
                    try await send(
                        "POST", "/api/v1/issuers",
                        ["id": "iss-canary-\(type.lowercased())", "name": "c \(type)", "type": type, "config": config],
                        admin)
                }
            }
        }
        // A stored issuer keeps the marker and never says it, not even when it is changed.
        let stored = try await admin.get("/api/v1/issuers/iss-canary-genericca")
        #expect(stored.body.contains("********"), "\(stored.body)")
        try await send(
            "PUT", "/api/v1/issuers/iss-canary-genericca", ["name": "renamed", "config": ["api_tokn": "********"]],
            admin)
        try await send("POST", "/api/v1/issuers/iss-canary-genericca/test", [:], admin)
        return seen
    }

    /// Every path that can be read, with the identifiers that its list gives.
    private static func everyGET(_ admin: CurlClient) async throws -> [String] {
        let document = try await admin.get("/api/v1/openapi.json").json
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        var found: [String] = []
        for (path, operations) in paths where operations["get"] != nil {
            if path == "/api/v1/events" { continue }
            if path == "/api/v1/audit/export" {
                found.append("\(path)?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z")
            } else if let open = path.firstIndex(of: "{") {
                let list = String(path[..<path.index(before: open)])
                let rows = try await admin.get("\(list)?per_page=100").json["data"] as? [[String: Any]] ?? []
                let close = path.firstIndex(of: "}") ?? path.endIndex
                let rest = String(path[path.index(after: close)...])
                guard !rest.contains("{") else { continue }
                for id in rows.compactMap({ $0["id"] as? String }).prefix(20) { found.append("\(list)/\(id)\(rest)") }
            } else {
                found.append(path)
            }
        }
        #expect(found.count > 30, "\(found)")
        return found
    }

    /// Everything that a thief of the database would hold.
    private static func dump(_ engine: EngineUnderTest, _ url: String?, _ server: ControlPlane) async throws -> String {
        guard engine == .postgres, let url else {
            let files = ["certctl.db", "certctl.db-wal"].compactMap {
                try? Data(contentsOf: server.dataDirectory.appending(path: $0))
            }
            #expect(!files.isEmpty)
            return files.map { String(decoding: $0, as: UTF8.self) }.joined()
        }
        let rows = PostgresInspection(url: url, logs: server.directory.url)
        let tables = try await rows.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        var text = ""
        for table in tables { text += try await rows.rows("SELECT t::text FROM \(table) t").joined(separator: "\n") }
        #expect(text.contains("canary-admin"), "the dump has the rows")
        return text
    }

    @Test("A-24: commands of the agent see nothing of its secrets; its log and its processes show none")
    func agent() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let site = try SiteFiles()
        let script = site.directory.path("reload.sh")
        let trace = site.directory.path("trace")
        try """
        #!/bin/sh
        { /usr/bin/env; cat /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline; tr '\\0' ' ' < /proc/$$/cmdline; } >> \(trace)
        """.write(toFile: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        var canaries = Canaries()
        var settings: [String: String] = [:]
        for variable in try Self.secretVariables(of: "Agent") where variable != "CERTCTL_API_KEY" {
            settings[variable] = canaries.make(variable)
        }
        // Whatever else is in the environment of the agent is no business of a command either.
        settings["VENDOR_TOKEN"] = canaries.make("an unrelated variable")
        let agent = try await AgentProcess.enroll(named: "canary-agent", with: server, settings: settings)
        try await server.createTarget("t-canary", agent: agent.id, site.configuration(["reload_command": [script]]))
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates",
                Inventory.certificate("mc-canary", name: "canary.certctl.test", targets: ["t-canary"], issue: true)))
        let ran = await eventually(within: .seconds(40)) { FileManager.default.fileExists(atPath: trace) }
        try #require(ran, "\(agent.process.transcript)")
        try await Task.sleep(for: .milliseconds(200))
        let seen = String(decoding: try Data(contentsOf: URL(filePath: trace)), as: UTF8.self)
        #expect(seen.contains("LANG=C.UTF-8"))
        let unrelated: Set<String> = ["an unrelated variable"]
        let own = seen.components(separatedBy: "LANG=C.UTF-8").first ?? ""
        canaries.expectNone(in: own, "the environment of a command")
        canaries.expectNone(in: seen, "the process of the agent", except: unrelated)
        await agent.process.stop()
        canaries.expectNone(in: agent.process.transcript, "the log of the agent")
        await server.stop()
    }
}
