import APIContract
import Domain
import Encoding
import HTTPServing
import Telemetry
import Testing

@Suite("From request to answer (specification, rest-api §1-§6)")
struct DispatcherTests {
    private static let bearer = "Authorization: Bearer \(Stage.operatorKey)"
    private static let fields = [
        "strict-transport-security", "x-frame-options", "x-content-type-options", "referrer-policy",
        "content-security-policy", "permissions-policy", "x-request-id", "cache-control",
        "cross-origin-opener-policy", "cross-origin-resource-policy",
    ]

    @Test("every class of answer carries the whole set of security fields, over both versions")
    func securityFields() async throws {
        try await Stage.run { stage in
            for version in ["--http1.1", "--http2"] {
                for (path, status) in [
                    ("/health", 200), ("/api/v1/echo/x", 200), ("/nowhere", 404), ("/api/v1/teams", 401),
                    ("/api/v1/broken", 500), ("/api/v1/echo/%00", 400),
                ] {
                    let reply = try await stage.curl(path, version)
                    #expect(reply.status == status, "\(path)")
                    #expect(reply.version == (version == "--http2" ? "HTTP/2" : "HTTP/1.1"))
                    for field in Self.fields { #expect(reply.fields[field] != nil, "\(path) lacks \(field)") }
                    #expect(reply.fields["server"] == nil)
                }
            }
        }
    }

    @Test(
        "protocol-servers §1.3: below the prefix of a protocol there is the short set, in errors too, and beside it the whole"
    )
    func protocolFields() async throws {
        let short = Set(["strict-transport-security", "x-content-type-options", "content-security-policy"])
        try await Stage.run { stage in
            for (path, isProtocol) in [
                ("/.well-known/pki/list", true), ("/.well-known/pki/none", true), ("/.well-known/pki", true),
                ("/.well-known/pki/list/", true), ("/.well-known/pkix", false), ("/.well-known", false),
                // Not served on this stage: a path as any other.
                ("/acme/directory", false),
            ] {
                let reply = try await stage.curl(path, "--head")
                let security = Set(reply.fields.keys).intersection(Self.fields).subtracting([
                    "x-request-id", "cache-control",
                ])
                #expect(
                    security == (isProtocol ? short : Set(Self.fields).subtracting(["x-request-id", "cache-control"])),
                    "\(path)")
                if isProtocol { #expect(reply.fields["content-security-policy"] == "default-src 'none'") }
            }
        }
    }

    @Test("both renderings of an error carry the same facts")
    func renderings() async throws {
        try await Stage.run { stage in
            let plain = try await stage.curl(
                "/api/v1/teams", "-H", Self.bearer, "-d", "{\"name\":\"\",\"id\":\"../x\"}", "-H",
                "Content-Type: application/json; charset=utf-8")
            #expect(plain.status == 400)
            #expect(plain.fields["content-type"] == "application/json")
            #expect(plain.json["error"] == "Bad Request")
            #expect(plain.json["code"] == "validation_failed")
            #expect(plain.json["errors"]?[0]?["pointer"] == "/id")
            #expect(plain.json["errors"]?[1]?["pointer"] == "/name")
            #expect(plain.json["request_id"]?.stringValue == plain.fields["x-request-id"])
            let problem = try await stage.curl("/api/v1/nowhere", "-H", "Accept: application/problem+json")
            #expect(problem.status == 404)
            #expect(problem.fields["content-type"] == "application/problem+json")
            #expect(problem.json["type"] == "urn:certctl:error:route_not_found")
            #expect(problem.json["instance"] == "/api/v1/nowhere")
            #expect(problem.json["status"] == 404)
        }
    }

    @Test("an unforeseen error says nothing about its cause, and is logged once")
    func unforeseen() async throws {
        try await Stage.run { stage in
            let reply = try await stage.curl("/api/v1/broken", "-H", "X-Request-ID: my-request-1")
            #expect(reply.status == 500)
            #expect(reply.fields["x-request-id"] == "my-request-1")
            #expect(!reply.body.contains("shadow"))
            let lines = stage.log.lines("request failed")
            #expect(lines.count == 1)
            #expect(lines.first?["request_id"] == "my-request-1")
        }
    }

    @Test(
        "refusals of a credential keep their texts, status and challenge",
        arguments: [
            ([], 401, "Authorization header required", "Bearer realm=\"certctl\""),
            (
                ["-H", "Authorization: Basic YTpi"], 401,
                "Invalid Authorization header format, expected: Bearer <token>",
                "Bearer realm=\"certctl\", error=\"invalid_request\""
            ),
            (
                ["-H", "Authorization: Bearer nobody"], 401, "Invalid API key",
                "Bearer realm=\"certctl\", error=\"invalid_token\""
            ),
            (
                ["-H", "Authorization: bearer \(Stage.viewerKey)"], 403, "Insufficient permissions",
                "Bearer realm=\"certctl\", error=\"insufficient_scope\""
            ),
            (["-H", "Authorization: Bearer down"], 503, "transient backend error; retry", ""),
        ] as [([String], Int, String, String)]
    )
    func credentials(arguments: [String], status: Int, error: String, challenge: String) async throws {
        try await Stage.run { stage in
            let reply = try await CurlReply.fetch(port: stage.port, path: "/api/v1/teams", arguments + ["-d", "{}"])
            #expect(reply.status == status)
            #expect(reply.json["error"] == .string(error))
            #expect(reply.fields["www-authenticate"] ?? "" == challenge)
            if status == 403 { #expect(reply.json["required_permission"] == "team.edit") }
            if status == 503 { #expect(reply.fields["retry-after"] == "1") }
        }
    }

    @Test("an agent acts only for itself")
    func agents() async throws {
        try await Stage.run { stage in
            let key = "Authorization: Bearer \(Stage.agentKey)"
            let own = try await stage.curl("/api/v1/agents/agent-1/heartbeat", "-X", "POST", "-H", key)
            #expect(own.status == 200)
            let other = try await stage.curl("/api/v1/agents/agent-2/heartbeat", "-X", "POST", "-H", key)
            #expect(other.status == 403)
            #expect(other.json["code"] == "agent_identity_mismatch")
        }
    }

    @Test("an enrolment takes a token in either field, or an operator")
    func enrolment() async throws {
        try await Stage.run { stage in
            let body = "{\"name\":\"a\",\"hostname\":\"a\"}"
            for (field, expected) in [
                ("Authorization: Bearer ce_token", "token"), ("X-Certctl-Bootstrap-Token: anything", "token"),
                (Self.bearer, "ops"),
            ] {
                let reply = try await stage.curl("/api/v1/agents", "-H", field, "-d", body, "-H", "Content-Type:")
                #expect(reply.status == 201)
                #expect(reply.json["status"] == .string(expected))
            }
            let reply1 = try await stage.curl("/api/v1/agents", "-d", body, "-H", "Content-Type:")
            #expect(reply1.status == 401)
        }
    }

    @Test("methods: HEAD answers like GET without body, OPTIONS lists, others are 405 with Allow")
    func methods() async throws {
        try await Stage.run { stage in
            let head = try await stage.curl("/api/v1/echo/x", "-I")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.fields["content-length"] == "14")
            let options = try await stage.curl("/api/v1/teams/t-1", "-X", "OPTIONS")
            #expect(options.status == 204)
            #expect(options.fields["allow"] == "GET, HEAD, OPTIONS, PATCH")
            let delete = try await stage.curl("/api/v1/echo/x", "-X", "DELETE")
            #expect(delete.status == 405)
            #expect(delete.fields["allow"] == "GET, HEAD, OPTIONS")
            let reply2 = try await stage.curl("/api/v1/echo/x", "-X", "BREW")
            #expect(reply2.status == 405)
        }
    }

    @Test(
        "no spelling of a path reaches another route",
        arguments: [
            ("/api/v1/echo/", 404), ("//api/v1/echo/x", 404), ("/%61pi/v1/echo/x", 404), ("/api/v1/../v1/echo/x", 400),
            ("/api/v1/echo/%2e%2e", 400), ("/api/v1/echo/a%2Fb", 400), ("/api/v1/echo/a%0ab", 400),
            ("/api/v1/echo/%zz", 400), ("/api/v1/echo/%ff", 400), ("/api/v1/echo/a%20b", 200), ("/healthx", 404),
            ("/api/v1/agents/retired", 401), ("/health/", 404),
        ]
    )
    func paths(path: String, status: Int) async throws {
        try await Stage.run { stage in
            let reply3 = try await stage.curl(path)
            #expect(reply3.status == status)
        }
    }

    @Test("entity tags come from the row version; stale changes are 412 with the present tag")
    func conditions() async throws {
        try await Stage.run { stage in
            let read = try await stage.curl("/api/v1/teams/t-1", "-H", Self.bearer)
            #expect(read.fields["etag"] == "\"v7\"")
            let again = try await stage.curl(
                "/api/v1/teams/t-1", "-H", Self.bearer, "-H", "If-None-Match: \"v1\", W/\"v7\"")
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
            let patch = [
                "-X", "PATCH", "-d", "{\"name\":\"two\"}", "-H", "Content-Type: application/merge-patch+json", "-H",
                Self.bearer,
            ]
            let stale = try await CurlReply.fetch(
                port: stage.port, path: "/api/v1/teams/t-1", patch + ["-H", "If-Match: \"v6\""])
            #expect(stale.status == 412)
            #expect(stale.fields["etag"] == "\"v7\"")
            let fresh = try await CurlReply.fetch(
                port: stage.port, path: "/api/v1/teams/t-1", patch + ["-H", "If-Match: \"v7\""])
            #expect(fresh.status == 200)
            #expect(fresh.json["name"] == "two")
        }
    }

    @Test(
        "media types",
        arguments: [
            (["-H", "Content-Type: text/xml"], 415), (["-H", "Content-Type:"], 201),
            (["-H", "Content-Type: APPLICATION/JSON;charset=utf-8"], 201),
            (["-H", "Content-Type: application/json", "-H", "Accept: image/png"], 406),
            (["-H", "Content-Type: application/json", "-H", "Content-Encoding: gzip"], 415),
        ] as [([String], Int)]
    )
    func mediaTypes(arguments: [String], status: Int) async throws {
        try await Stage.run { stage in
            let reply = try await CurlReply.fetch(
                port: stage.port, path: "/api/v1/teams", ["-H", Self.bearer, "-d", "{\"name\":\"x\"}"] + arguments
            )
            #expect(reply.status == status)
        }
    }

    @Test(
        "bodies that are not JSON",
        arguments: [
            "{", "[]", "{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":\"\\ud800\"}", "\u{FEFF}{}", "null",
            "{\"name\":1e999}",
            String(repeating: "[", count: 40),
        ]
    )
    func malformedBodies(body: String) async throws {
        try await Stage.run { stage in
            let reply = try await stage.curl(
                "/api/v1/teams", "-H", Self.bearer, "-d", body, "-H", "Content-Type: application/json"
            )
            #expect(reply.status == 400)
            #expect(["malformed_json", "validation_failed"].contains(reply.json["code"]?.stringValue))
        }
    }

    @Test("a list has a tag of its own, and shows the members that are asked for")
    func listSelection() async throws {
        try await Stage.run { stage in
            let whole = try await stage.curl("/api/v1/teams", "-H", Self.bearer)
            let tag = try #require(whole.fields["etag"])
            #expect(tag.count == 66 && whole.json["data"]?.arrayValue?.first?["version"] == 1, "\(whole)")
            let again = try await stage.curl("/api/v1/teams", "-H", Self.bearer, "-H", "If-None-Match: \(tag)")
            #expect(again.status == 304 && again.body.isEmpty && again.fields["etag"] == tag)
            let some = try await stage.curl("/api/v1/teams?fields=id,name,colour", "-H", Self.bearer)
            #expect(some.json["data"] == [["id": "t-1", "name": "one"]], "\(some.body)")
            #expect(some.json["total"] == 120 && some.fields["etag"] != tag)
            let strict = try await stage.curl(
                "/api/v1/teams?fields=id,colour", "-H", Self.bearer, "-H", "Prefer: handling=strict")
            #expect(strict.status == 400 && strict.body.contains("colour"), "\(strict.body)")
        }
    }

    @Test("strict handling refuses unknown members and parameters and says that it was applied")
    func strict() async throws {
        try await Stage.run { stage in
            let body = [
                "-H", Self.bearer, "-d", "{\"name\":\"x\",\"colour\":\"red\"}", "-H", "Content-Type: application/json",
            ]
            let reply4 = try await CurlReply.fetch(port: stage.port, path: "/api/v1/teams", body)
            #expect(reply4.status == 201)
            let strict = try await CurlReply.fetch(
                port: stage.port, path: "/api/v1/teams", body + ["-H", "Prefer: handling=strict"]
            )
            #expect(strict.status == 400)
            #expect(strict.fields["preference-applied"] == "handling=strict")
            #expect(strict.json["errors"]?[0]?["pointer"] == "/colour")
            let page = try await stage.curl("/api/v1/teams?per_page=9999", "-H", Self.bearer)
            #expect(page.json["per_page"] == 50)
            let links = try #require(page.fields["link"])
            #expect(links.contains("</api/v1/teams?page=2&per_page=50>; rel=\"next\""))
            #expect(links.contains("page=3&per_page=50>; rel=\"last\""))
            for (size, hasNext) in [(1, true), (2, false)] {
                let uncounted = try await stage.curl("/api/v1/teams?count=none&per_page=\(size)", "-H", Self.bearer)
                #expect(uncounted.json["total"] == nil && uncounted.json["per_page"] == .integer(Int64(size)))
                let links = try #require(uncounted.fields["link"])
                #expect(!links.contains("last") && links.contains("\"next\"") == hasNext, "\(links)")
            }
            let refused = try await stage.curl(
                "/api/v1/teams?per_page=9999", "-H", Self.bearer, "-H", "Prefer: handling=strict")
            #expect(refused.status == 400)
        }
    }

    @Test("before the server is ready, probes answer and the rest is 503 with the step in progress")
    func starting() async throws {
        try await Stage.run(isReady: false) { stage in
            let reply5 = try await stage.curl("/health")
            #expect(reply5.status == 200)
            let reply6 = try await stage.curl("/ready")
            #expect(reply6.status == 503)
            let reply = try await stage.curl("/api/v1/echo/x")
            #expect(reply.status == 503)
            #expect(reply.json["step"] == "applying migrations")
            #expect(reply.fields["retry-after"] == "1")
            stage.environment.state.markReady()
            let reply7 = try await stage.curl("/api/v1/echo/x")
            #expect(reply7.status == 200)
        }
    }

    @Test("an access line names the route, escapes the path and leaves out the query")
    func accessLine() async throws {
        try await Stage.run { stage in
            _ = try await stage.curl("/api/v1/echo/x?token=canary-991", "-A", "probe/1")
            let line = try #require(stage.log.lines("request completed").first)
            #expect(line["route"] == "/api/v1/echo/{id}")
            #expect(line["path"] == "/api/v1/echo/x")
            #expect(line["status"] == 200)
            #expect(line["user_agent"] == "probe/1")
            #expect(!stage.log.text.contains("canary"))
            let metrics = await stage.registry.exposition()
            #expect(
                metrics.contains(
                    "certctl_http_requests_total{route=\"/api/v1/echo/{id}\",method=\"GET\",code=\"200\"} 1"
                )
            )
        }
    }

    @Test("a route without handler and a handler without route are found at start")
    func mismatch() {
        var table = StageRoutes.handlers(ServingState())
        #expect(table.mismatch(with: StageRoutes.all) == nil)
        let missing = table.mismatch(with: StageRoutes.all + [ServerRoutes.version.route])
        #expect(missing?.withoutHandler == ["getVersion"])
        table.on(ServerRoutes.version) { _ in .json(VersionBody()) }
        #expect(table.mismatch(with: StageRoutes.all)?.withoutRoute == ["getVersion"])
    }
}
