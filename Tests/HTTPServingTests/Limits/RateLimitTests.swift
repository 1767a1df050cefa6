import Access
import Domain
import Encoding
import HTTPServing
import Synchronization
import Testing

@Suite("Rate limits (specification, rest-api §6.4)")
struct RateLimitTests {
    private static func settings(burst: Int, actorBurst: Int = 100) -> RateLimitSettings {
        var settings = RateLimitSettings()
        settings.requestsPerSecond = 0.1
        settings.burst = burst
        settings.actorRequestsPerSecond = 0.1
        settings.actorBurst = actorBurst
        return settings
    }

    /// Buckets refill with time; in these tests none passes.
    private static let frozen = TimeSource(
        now: { Timestamp(secondsSinceEpoch: 1_800_000_000) }, sleep: { try await Task.sleep(for: $0) }
    )

    @Test("an address that asks too often is told when to come back")
    func address() async throws {
        try await Stage.run(configure: {
            $0.rateLimits = RateLimits(settings: Self.settings(burst: 2))
            $0.time = Self.frozen
        }) { stage in
            let first = try await stage.curl("/api/v1/echo/x")
            #expect(first.fields["ratelimit-policy"] == "\"address\";q=2;w=20")
            #expect(first.fields["ratelimit"]?.hasPrefix("\"address\";r=1") == true)
            _ = try await stage.curl("/api/v1/echo/x")
            let limited = try await stage.curl("/api/v1/echo/x")
            #expect(limited.status == 429)
            #expect(limited.json["error"] == "Rate limit exceeded")
            #expect(limited.fields["retry-after"] == "10")
            #expect(limited.fields["x-frame-options"] == "DENY")
            let reply19 = try await stage.curl("/health")
            #expect(reply19.status == 200)
        }
    }

    @Test("A-14: actors are counted after authentication, and an exempt key is counted by nobody")
    func actors() async throws {
        let limits = RateLimits(
            settings: Self.settings(burst: 3, actorBurst: 1), exemption: { $0.actor.id == "ops" })
        try await Stage.run(configure: {
            $0.rateLimits = limits
            $0.time = Self.frozen
        }) { stage in
            for _ in 0..<6 {
                let reply = try await stage.curl("/api/v1/teams", "-H", "Authorization: Bearer \(Stage.operatorKey)")
                #expect(reply.status == 200)
            }
            let viewer = "Authorization: Bearer \(Stage.viewerKey)"
            let reply20 = try await stage.curl("/api/v1/teams", "-H", viewer)
            #expect(reply20.status == 200)
            let limited = try await stage.curl("/api/v1/teams", "-H", viewer)
            #expect(limited.status == 429)
            #expect(limited.fields["ratelimit-policy"]?.contains("actor") == true)
        }
    }

    @Test("guessing keys and the set-up token is throttled even with limits off")
    func guessing() async throws {
        try await Stage.run(configure: { $0.time = Self.frozen }) { stage in
            var statuses: [Int] = []
            for _ in 0..<7 {
                statuses.append(
                    try await stage.curl(
                        "/api/v1/auth/bootstrap", "-d", "{\"token\":\"x\",\"actor_name\":\"admin\"}", "-H",
                        "Content-Type:"
                    ).status
                )
            }
            #expect(statuses == [401, 401, 401, 401, 401, 429, 429])
        }
    }

    @Test("T3: the twenty-first unknown key of an address is 429, whatever the class of its route, and probes go on")
    func unknownKeys() async throws {
        let refusals = Mutex<[String]>([])
        try await Stage.run(configure: {
            $0.rateLimits = RateLimits(settings: StageLimits.off)
            $0.refused = { refusal in refusals.withLock { $0.append(refusal.reason) } }
            $0.time = Self.frozen
        }) { stage in
            for number in 1...20 {
                let reply = try await stage.curl("/api/v1/teams", "-H", "Authorization: Bearer guess-\(number)")
                #expect(reply.status == 401 && reply.json["error"] == "Invalid API key", "\(number)")
                #expect(reply.fields["content-type"] == "application/json")
            }
            let last = try await stage.curl("/api/v1/teams", "-H", "Authorization: Bearer guess-21")
            #expect(last.status == 429 && last.fields["retry-after"] == "3")
            let known = try await stage.curl("/api/v1/teams", "-H", "Authorization: Bearer \(Stage.operatorKey)")
            #expect(known.status == 429)
            let open = try await stage.curl("/api/v1/echo/x")
            #expect(open.status == 200)
            let nothing = try await stage.curl("/api/v1/teams")
            #expect(nothing.status == 401)
        }
        // the audit trail hears of each.
        #expect(refusals.withLock { $0 }.count { $0 == "invalid_api_key" } == 20)
        #expect(refusals.withLock { $0 }.count { $0 == "rate_limited" } == 2)
    }

    @Test("replicas divide what an address and an actor may ask; a limit that cannot be counted is no admission")
    func replicas() async throws {
        struct Down: LimitBackend {
            func take(_ policy: LimitPolicy, key: String, at now: Timestamp) async throws -> CountedAttempt {
                throw ServiceError(.unavailable, "the database is away")
            }
        }
        let limits = RateLimits(
            settings: Self.settings(burst: 5, actorBurst: 100), attempts: AttemptLimiter(backend: Down()),
            replicas: { 2 })
        try await Stage.run(configure: {
            $0.rateLimits = limits
            $0.time = Self.frozen
        }) { stage in
            // Capacity: half of five, rounded up, at half the rate; and no store is asked.
            let first = try await stage.curl("/api/v1/echo/x")
            #expect(first.fields["ratelimit-policy"] == "\"address\";q=3;w=60")
            // Security: nobody is let in uncounted.
            let guess = try await stage.curl("/api/v1/teams", "-H", "Authorization: Bearer guess")
            #expect(guess.status == 503)
        }
    }

    @Test("A-15: addresses behind trusted proxies are told apart; others cannot claim one")
    func proxies() {
        let proxies = TrustedProxies(
            ranges: [AddressRange("10.0.0.0/8"), AddressRange("2001:db8::/32")].compactMap { $0 })
        #expect(proxies.client(peer: "10.1.2.3", forwardedFor: "203.0.113.9, 10.9.9.9") == "203.0.113.9")
        #expect(proxies.client(peer: "10.1.2.3", forwardedFor: "evil, 10.9.9.9") == "10.9.9.9")
        #expect(proxies.client(peer: "192.0.2.1", forwardedFor: "203.0.113.9") == "192.0.2.1")
        #expect(proxies.client(peer: "2001:db8::5", forwardedFor: "::ffff:203.0.113.9") == "203.0.113.9")
        #expect(proxies.client(peer: "::ffff:192.0.2.1", forwardedFor: "203.0.113.9") == "192.0.2.1")
        #expect(proxies.isTrusted("::ffff:10.0.0.1"))
        #expect(!proxies.isTrusted("11.0.0.1"))
        for text in ["", "300.1.1.1", "1.2.3", "10.0.0.0/33", "::1::2", "2001:db8::/129", "x/8"] {
            #expect(AddressRange(text) == nil, "\(text)")
        }
    }
}
