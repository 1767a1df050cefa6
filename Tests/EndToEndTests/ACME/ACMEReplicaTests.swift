import Crypto
import Foundation
import TestSupport
import Testing

/// Two control planes on one PostgreSQL that the world knows by one address.
struct ReplicaStage {
    let challenges: ChallengeStage
    let second: ControlPlane
    /// The port of the one address. Whoever goes between listens there.
    let port: Int

    var acme: ACMEStage { challenges.acme }
    var first: ControlPlane { challenges.server }
    var servers: [ControlPlane] { [first, second] }
    var origin: String { "https://127.0.0.1:\(port)" }
    var directory: String { "\(origin)/acme/directory" }
    /// Whose requests go to the servers by turns, with nothing between.
    func client() -> ACMETestClient { ACMETestClient(stage: acme, origin: origin, servers: servers) }

    static func make(_ extra: [String: String] = [:]) async throws -> ReplicaStage {
        let port = LoopbackPort.unused()
        let environment = [
            "CERTCTL_SERVER_PUBLIC_URL": "https://127.0.0.1:\(port)", "CERTCTL_TRUSTED_PROXIES": "127.0.0.1",
        ].merging(extra) { $1 }
        let stage = try await ChallengeStage.make(.postgres, environment)
        let own: Set = ["HOME", "CERTCTL_DATA_DIR", "CERTCTL_SERVER_PORT"]
        let second = try await ControlPlane.start(
            environment: stage.server.environment.filter { !own.contains($0.key) })
        second.takeAdministrator(of: stage.server)
        return ReplicaStage(challenges: stage, second: second, port: port)
    }

    func balancer(_ turns: LoadBalancer.Turns) async throws -> LoadBalancer {
        try await LoadBalancer.start(servers, port: port, taking: turns, in: acme.work)
    }

    func stop() async {
        await second.stop()
        await challenges.stop()
    }
}

@Suite(
    "Protocol servers §12.2: ACME on two replicas that share a database", .tags(.slow),
    .enabled(if: EngineUnderTest.available.contains(.postgres)))
struct ACMEReplicaTests {
    private typealias Client = ACMETestClient

    @Test("dehydrated, each of whose requests is a connection that the next replica gets, issues, renews and revokes")
    func connections() async throws {
        let stage = try await ReplicaStage.make()
        let work = stage.acme.work
        let balancer = try await stage.balancer(.connections)
        let web = try await WebRoot.start(in: work, port: stage.challenges.webPort)
        let base = work.path("dehydrated")
        try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
        let configuration = """
            CA="\(stage.directory)"
            CURL_OPTS="--cacert \(balancer.authority)"
            BASEDIR="\(base)"
            WELLKNOWN="\(web.proofs)"
            CONTACT_EMAIL="ops@certctl.test"

            """
        try configuration.write(toFile: "\(base)/config", atomically: true, encoding: .utf8)
        func dehydrated(_ arguments: String...) async throws -> ProgramOutcome {
            try await runProgram(
                "/usr/bin/dehydrated", ["--config", "\(base)/config"] + arguments,
                environment: ["HOME": work.url.path, "PATH": ChildProgram.searchPath], logs: work.url,
                timeout: .seconds(120))
        }
        let registered = try await dehydrated("--register", "--accept-terms")
        try #require(registered.status == 0, "\(registered.output) \(registered.errors)")
        let domains = ["--domain", "turns.certctl.test", "--domain", "alt.certctl.test"]
        for _ in 0..<2 {
            let issued = try await runProgram(
                "/usr/bin/dehydrated", ["--config", "\(base)/config", "--cron", "--force"] + domains,
                environment: ["HOME": work.url.path, "PATH": ChildProgram.searchPath], logs: work.url,
                timeout: .seconds(120))
            #expect(issued.status == 0, "\(issued.output) \(issued.errors)")
        }
        let revoked = try await dehydrated("--revoke", "\(base)/certs/turns.certctl.test/cert.pem")
        #expect(revoked.status == 0, "\(revoked.output) \(revoked.errors)")
        let shares = stage.servers.map { $0.acmeRequests() }
        #expect(abs(shares[0] - shares[1]) <= 2 && shares[0] > 15, "\(shares)")
        await web.process.stop()
        await balancer.process.stop()
        await stage.stop()
    }

    @Test("certbot and lego, whose requests the replicas take by turns, prove names, renew and revoke")
    func requests() async throws {
        let stage = try await ReplicaStage.make()
        let work = stage.acme.work
        let balancer = try await stage.balancer(.requests)
        func certbot(_ arguments: [String]) async throws -> ProgramOutcome {
            let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
            return try await runProgram(
                "/usr/bin/certbot", arguments + folders + ["--server", stage.directory, "--non-interactive"],
                environment: ["HOME": work.url.path, "REQUESTS_CA_BUNDLE": balancer.authority], logs: work.url,
                timeout: .seconds(120))
        }
        let proved = try await certbot([
            "certonly", "--standalone", "--http-01-port", "\(stage.challenges.webPort)", "--http-01-address",
            "127.0.0.1", "-d", "one.certctl.test", "-d", "two.certctl.test", "--agree-tos", "-m", "ops@certctl.test",
            "--no-eff-email",
        ])
        try #require(proved.status == 0, "\(proved.output) \(proved.errors)")
        let renewed = try await certbot(["renew", "--force-renewal", "--no-random-sleep-on-renew"])
        #expect(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        let revoked = try await certbot([
            "revoke", "--cert-path", work.path("certbot-config/live/one.certctl.test/cert.pem"),
            "--no-delete-after-revoke",
        ])
        #expect(revoked.status == 0, "\(revoked.output) \(revoked.errors)")
        let shares = stage.servers.map { $0.acmeRequests() }
        #expect(abs(shares[0] - shares[1]) <= 2 && shares[0] > 10, "\(shares)")

        func lego(_ command: [String]) async throws -> ProgramOutcome {
            try await runProgram(
                "/usr/bin/lego",
                [
                    "--server", stage.directory, "--path", work.path("lego"), "--email", "ops@certctl.test",
                    "--accept-tos", "--domains", "tls.certctl.test", "--tls", "--tls.port",
                    "127.0.0.1:\(stage.challenges.tlsPort)",
                ] + command, environment: ["HOME": work.url.path, "LEGO_CA_CERTIFICATES": balancer.authority],
                logs: work.url, timeout: .seconds(120))
        }
        for command in [["run"], ["renew", "--days", "365", "--no-random-sleep"], ["revoke", "--keep"]] {
            let ran = try await lego(command)
            #expect(ran.status == 0, "\(command): \(ran.output) \(ran.errors)")
        }
        #expect(stage.servers.reduce(0) { $0 + $1.acmeRequests(status: 400) } == 0, "a nonce was refused")
        await balancer.process.stop()
        await stage.stop()
    }

    @Test("what comes to both at once happens once: nonce, account, answer to a challenge, finalization, revocation")
    func races() async throws {
        let stage = try await ReplicaStage.make()
        let client = stage.client()
        /// The same or two signed requests, each to a replica of its own.
        func both(_ one: [String: Any], _ two: [String: Any], _ url: String) async throws -> [CurlClient.Reply] {
            let path = String(url.dropFirst(stage.origin.count))
            let texts = try [one, two].map { String(decoding: try Client.json($0), as: UTF8.self) }
            let type = ["Content-Type: application/jose+json"]
            async let first = stage.first.anonymous.send("POST", path, body: texts[0], headers: type)
            async let second = stage.second.anonymous.send("POST", path, body: texts[1], headers: type)
            return try await [first, second]
        }
        func signed(_ url: String, _ payload: [String: Any], withKey: Bool = false) async throws -> [String: Any] {
            var header: [String: Any] = ["alg": "ES256", "nonce": try await client.nonce(), "url": url]
            if withKey { header["jwk"] = Client.jwk(client.key) } else { header["kid"] = client.kid ?? "" }
            return try Client.jws(header, payload: try Client.json(payload), client.key)
        }

        let door = "\(client.base)/new-account"
        let opening: [String: Any] = ["contact": ["mailto:ops@certctl.test"], "termsOfServiceAgreed": true]
        let opened = try await both(
            try await signed(door, opening, withKey: true), try await signed(door, opening, withKey: true), door)
        #expect(opened.map(\.status).sorted() == [200, 201], "\(opened.map(\.body))")
        let accounts = Set(opened.compactMap { Client.field("location", $0) })
        #expect(accounts.count == 1, "\(accounts)")
        client.kid = accounts.first

        let once = try await signed(
            "\(client.base)/new-order", ["identifiers": [["type": "dns", "value": "n.certctl.test"]]])
        let used = try await both(once, once, "\(client.base)/new-order")
        #expect(used.map(\.status).sorted() == [201, 400], "\(used.map(\.body))")
        #expect(used.contains { Client.problem($0) == "badNonce" })

        let web = try await WebRoot.start(in: stage.acme.work, port: stage.challenges.webPort)
        let thumbprint = Client.base64url(Data(SHA256.hash(data: try Client.json(Client.jwk(client.key)))))
        for round in 0..<4 {
            let name = "race\(round).certctl.test"
            let (order, created) = try await client.order([name])
            try #require(created.status == 201, "\(created.body)")
            let authorization = try #require((created.json["authorizations"] as? [String])?.first)
            let challenges = try await client.post(authorization, nil).json["challenges"] as? [[String: Any]]
            let challenge = try #require(challenges?.first { $0["type"] as? String == "http-01" })
            let token = try #require(challenge["token"] as? String)
            try "\(token).\(thumbprint)".write(
                toFile: "\(web.proofs)/\(token)", atomically: true, encoding: .utf8)
            let place = try #require(challenge["url"] as? String)
            let answers = try await both(try await signed(place, [:]), try await signed(place, [:]), place)
            #expect(answers.map(\.status) == [200, 200], "\(answers.map(\.body))")
            let isReady = try await eventually(within: .seconds(30), every: .milliseconds(100)) {
                try await client.post(order, nil).text("status") == "ready"
            }
            try #require(isReady)

            let url = "\(order)/finalize"
            var requests: [[String: Any]] = []
            for _ in 0..<2 {
                requests.append(
                    try await signed(url, ["csr": Client.base64url(try await client.csr([name]))]))
            }
            let finalized = try await both(requests[0], requests[1], url)
            #expect(finalized.map(\.status).sorted() == [200, 403], "\(finalized.map(\.body))")
            let done = try await client.settled(order)
            let chain = try await client.post(try #require(done.text("certificate"), "\(done.body)"), nil)
            let end = "\(client.base)/revoke-cert"
            let what = ["certificate": Client.base64url(try Client.der(chain.body))]
            let revoked = try await both(try await signed(end, what), try await signed(end, what), end)
            #expect(revoked.map(\.status).sorted() == [200, 400], "\(revoked.map(\.body))")
            #expect(revoked.contains { Client.problem($0) == "alreadyRevoked" }, "\(revoked.map(\.body))")
        }
        for (action, count) in [
            ("acme_account_created", 1), ("acme_challenge_processing", 4), ("acme_challenge_completed", 4),
            ("acme_order_finalized", 4),
        ] {
            let audit = try await stage.first.client.get("/api/v1/audit?action=\(action)")
            #expect((audit.json["data"] as? [Any])?.count == count, "\(action): \(audit.body)")
        }
        let revocations = try await stage.first.client.get("/api/v1/revocations")
        #expect(revocations.json["total"] as? Int == 4, "\(revocations.body)")
        await web.process.stop()
        await stage.stop()
    }

    @Test("a limit that is used up at one replica holds at the other, and says for how long")
    func limits() async throws {
        let stage = try await ReplicaStage.make([
            "CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR": "3", "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "1s",
            "CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_HOUR": "0",
            "CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_NAME_PER_HOUR": "1",
        ])
        func client(of server: ControlPlane) -> Client {
            Client(stage: stage.acme, origin: stage.origin, servers: [server])
        }
        func expectLimited(_ reply: CurlClient.Reply, _ what: String) throws {
            #expect(reply.status == 429 && Client.problem(reply) == "rateLimited", "\(what): \(reply.body)")
            let wait = try #require(Client.field("retry-after", reply).flatMap(Int.init), "\(what): \(reply.headers)")
            #expect((1...3600).contains(wait), "\(what): \(wait)")
        }
        // Orders of an account in an hour.
        let first = client(of: stage.first)
        #expect(try await first.register(bound: false).status == 201)
        for number in 0..<3 {
            let reply = try await first.order(["n\(number).certctl.test"]).reply
            #expect(reply.status == 201, "\(reply.body)")
        }
        let elsewhere = client(of: stage.second)
        (elsewhere.key, elsewhere.kid) = (first.key, first.kid)
        try expectLimited(try await elsewhere.order(["n3.certctl.test"]).reply, "orders")

        // Failures to prove a name, by whichever account: this one fails at the first replica.
        let failing = client(of: stage.first)
        #expect(try await failing.register(bound: false).status == 201)
        let (_, created) = try await failing.order(["closed.certctl.test"])
        let authorization = try #require((created.json["authorizations"] as? [String])?.first, "\(created.body)")
        let challenges = try await failing.post(authorization, nil).json["challenges"] as? [[String: Any]]
        let web = try #require(challenges?.first { $0["type"] as? String == "http-01" })
        #expect(try await failing.post(try #require(web["url"] as? String), [:]).status == 200)
        let isOver = try await eventually(within: .seconds(30), every: .milliseconds(200)) {
            try await failing.post(authorization, nil).text("status") == "invalid"
        }
        try #require(isOver)
        let other = client(of: stage.second)
        #expect(try await other.register(bound: false).status == 201)
        try expectLimited(try await other.order(["closed.certctl.test"]).reply, "failures")
        #expect(try await other.order(["open.certctl.test"]).reply.status == 201)
        await stage.stop()
    }

    @Test("a replica is killed while it validates: clients go on at the other, which takes the validation up")
    func kills() async throws {
        let stage = try await ReplicaStage.make(["CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "5m"])
        let work = stage.acme.work
        let balancer = try await stage.balancer(.connections)
        // Only the replica that dies hears the answer, and nobody tells it about the name.
        let alone = Client(stage: stage.acme, origin: stage.origin, servers: [stage.first])
        #expect(try await alone.register(bound: false).status == 201)
        var silent: SilentListener? = try SilentListener(port: stage.challenges.webPort)
        let (order, created) = try await alone.order(["orphan.certctl.test"])
        let authorization = try #require((created.json["authorizations"] as? [String])?.first, "\(created.body)")
        let challenges = try await alone.post(authorization, nil).json["challenges"] as? [[String: Any]]
        let challenge = try #require(challenges?.first { $0["type"] as? String == "http-01" })
        #expect(try await alone.post(try #require(challenge["url"] as? String), [:]).status == 200)
        try await Task.sleep(for: .milliseconds(500))
        await stage.first.process.killAtOnce()
        _ = silent?.port
        silent = nil
        let web = try await WebRoot.start(in: work, port: stage.challenges.webPort)
        let token = try #require(challenge["token"] as? String)
        let thumbprint = Client.base64url(Data(SHA256.hash(data: try Client.json(Client.jwk(alone.key)))))
        try "\(token).\(thumbprint)".write(toFile: "\(web.proofs)/\(token)", atomically: true, encoding: .utf8)

        let left = Client(stage: stage.acme, origin: stage.origin, servers: [stage.second])
        (left.key, left.kid) = (alone.key, alone.kid)
        let isReady = try await eventually(within: .seconds(90), every: .milliseconds(500)) {
            try await left.post(order, nil).text("status") == "ready"
        }
        #expect(isReady, "\(stage.second.process.transcript)")
        let hook = try stage.challenges.names.hook()
        let ran = try await runProgram(
            "/usr/bin/lego",
            [
                "--server", stage.directory, "--path", work.path("lego"), "--email", "ops@certctl.test",
                "--accept-tos", "--domains", "survivor.certctl.test", "--dns", "exec", "--dns.disable-cp", "run",
            ],
            environment: [
                "HOME": work.url.path, "LEGO_CA_CERTIFICATES": balancer.authority, "EXEC_PATH": hook,
                "EXEC_POLLING_INTERVAL": "1", "EXEC_PROPAGATION_TIMEOUT": "20",
            ], logs: work.url, timeout: .seconds(120))
        #expect(ran.status == 0, "\(ran.output) \(ran.errors)")
        await web.process.stop()
        await balancer.process.stop()
        await stage.stop()
    }
}
