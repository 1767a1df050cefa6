import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §2: orders through restarts, kills and approvals", .tags(.slow))
struct ACMELifeTests {
    private typealias Client = ACMETestClient

    @Test("a restart between any two steps changes nothing", arguments: EngineUnderTest.available)
    func restarts(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        let client = stage.client()
        func restart() async throws {
            await stage.server.stop()
            try await stage.server.startAgain()
        }
        let nonce = try await client.nonce()
        try await restart()
        #expect(try await client.register().status == 201)
        // A nonce of the process before is as good as one of this.
        let header: [String: Any] = ["alg": "ES256", "nonce": nonce, "url": client.kid ?? "", "kid": client.kid ?? ""]
        let read = try await client.send(try Client.jws(header, payload: Data(), client.key), to: client.kid ?? "")
        #expect(read.status == 200, "\(read.body)")
        try await restart()
        let replayed = try await client.send(try Client.jws(header, payload: Data(), client.key), to: client.kid ?? "")
        #expect(Client.problem(replayed) == "badNonce", "\(replayed.body)")
        let (order, created) = try await client.order(["r.certctl.test"])
        #expect(created.status == 201, "\(created.body)")
        try await restart()
        let csr = try await client.csr(["r.certctl.test"])
        #expect(try await client.finalize(order, csr).status == 200)
        try await restart()
        let done = try await client.settled(order)
        #expect(done.text("status") == "valid", "\(done.body)")
        try await restart()
        let chain = try await client.post(try #require(done.text("certificate")), nil)
        #expect(chain.status == 200 && chain.body.contains("BEGIN CERTIFICATE"), "\(chain.body)")
        let der = Client.base64url(try Client.der(chain.body))
        try await restart()
        #expect(try await client.post("\(client.base)/revoke-cert", ["certificate": der]).status == 200)
        let listed = try await client.post("\(client.kid ?? "")/orders", nil)
        #expect(listed.json["orders"] as? [String] == [order], "\(listed.body)")
        await stage.server.stop()
    }

    @Test("killed while it finalizes, a server issues once", arguments: EngineUnderTest.available)
    func kills(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine, ["CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL": "1s"])
        let client = stage.client()
        #expect(try await client.register().status == 201)
        var orders: [String] = []
        for round in 0..<4 {
            let name = "k\(round).certctl.test"
            let (order, created) = try await client.order([name])
            try #require(created.status == 201, "\(created.body)")
            let csr = try await client.csr([name])
            let nonce = try await client.nonce()
            let url = "\(order)/finalize"
            let body = try Client.jws(
                ["alg": "ES256", "nonce": nonce, "url": url, "kid": client.kid ?? ""],
                payload: try Client.json(["csr": Client.base64url(csr)]), client.key)
            async let sent = client.send(body, to: url)
            try await Task.sleep(for: .milliseconds(15 + 12 * round))
            await stage.server.process.killAtOnce()
            _ = try? await sent
            try await stage.server.startAgain()
            let state = try await client.post(order, nil)
            if state.text("status") == "ready" { #expect(try await client.finalize(order, csr).status == 200) }
            orders.append(order)
        }
        for order in orders {
            // On PostgreSQL the CA may still be answering another replica: a call is given up when that fell silent for 20 s.
            let done = try await client.settled(order, within: .seconds(55))
            #expect(done.text("status") == "valid", "\(done.body)")
        }
        let rows = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        let certificates = try #require(rows.json["data"] as? [[String: Any]])
        #expect(certificates.count == orders.count, "\(rows.body)")
        for certificate in certificates {
            let id = try #require(certificate["id"] as? String)
            let versions = try await stage.server.client.get("/api/v1/certificates/\(id)/versions")
            #expect((versions.json["data"] as? [Any])?.count == 1, "\(versions.body)")
        }
        await stage.server.stop()
    }

    @Test("an order under a profile with approvals waits, and follows the decision")
    func approvals() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        #expect(try await client.register().status == 201)
        func key(_ name: String, mayApprove: Bool) async throws -> CurlClient {
            let made = try await stage.server.client.post(
                "/api/v1/auth/keys", ["name": name, "roles": ["r-admin"], "may_approve": mayApprove])
            return stage.server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        }
        let asker = try await key("asker", mayApprove: false)
        let other = try await key("decider", mayApprove: true)
        let edit = try await asker.put("/api/v1/profiles/\(ACMEStage.profile)", ["requires_approval": true])
        #expect(edit.status == 202, "\(edit.body)")
        func decide(_ verb: String) async throws {
            let pending = try await other.get("/api/v1/approvals?state=pending")
            let rows = try #require(pending.json["data"] as? [[String: Any]], "\(pending.body)")
            let id = try #require(rows.first?["id"] as? String, "\(pending.body)")
            let reply = try await other.post("/api/v1/approvals/\(id)/\(verb)", ["note": "as discussed"])
            try Inventory.expect(200, reply)
        }
        try await decide("approve")
        for (verb, outcome) in [("approve", "valid"), ("reject", "invalid")] {
            let name = "\(verb).certctl.test"
            let (order, _) = try await client.order([name])
            let finalized = try await client.finalize(order, try await client.csr([name]))
            #expect(finalized.status == 200 && finalized.text("status") == "processing", "\(finalized.body)")
            // People take longer than CAs.
            let wait = try #require(Client.field("retry-after", finalized).flatMap(Int.init), "\(finalized.headers)")
            #expect((30...60).contains(wait))
            try await decide(verb)
            let done = try await client.settled(order)
            #expect(done.text("status") == outcome, "\(done.body)")
            #expect((done.json["error"] != nil) == (outcome == "invalid"), "\(done.body)")
        }
        await stage.server.stop()
    }

    @Test("switched off, nothing is there; without a default profile the short paths say so")
    func switches() async throws {
        let off = try await ControlPlane.start()
        #expect(try await off.anonymous.get("/acme/directory").status == 404)
        await off.stop()
        let stage = try await ACMEStage.make(.sqlite, ["CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID": ""])
        let short = try await stage.server.anonymous.get("/acme/directory")
        #expect(short.status == 403 && Client.problem(short) == "userActionRequired", "\(short.body)")
        let path = "/acme/profile/\(ACMEStage.profile)"
        let directory = try await stage.server.anonymous.get("\(path)/directory")
        #expect(directory.status == 200, "\(directory.body)")
        #expect(directory.text("newNonce") == "\(stage.server.baseURL)\(path)/new-nonce")
        #expect(Client.field("cache-control", directory) == "public, max-age=0, no-cache")
        #expect(!directory.headers.contains("rel=\"index\""))
        #expect(!directory.body.contains("\\/"))
        let unknown = try await stage.server.anonymous.get("/acme/profile/prof-none/directory")
        #expect(unknown.status == 404 && Client.problem(unknown) == "malformed", "\(unknown.body)")
        let head = try await stage.server.anonymous.send(
            "HEAD", "\(path)/new-nonce", body: nil, options: ["--head"])
        #expect(head.status == 200 && Client.field("replay-nonce", head) != nil, "\(head.headers)")
        await stage.server.stop()
    }

    @Test("settings: terms, limits, lifetimes, open trust, what the directory shows")
    func settings() async throws {
        let stage = try await ACMEStage.make(
            .sqlite,
            [
                "CERTCTL_ACME_SERVER_TOS_URL": "https://ca.test/terms",
                "CERTCTL_ACME_SERVER_WEBSITE": "https://ca.test",
                "CERTCTL_ACME_SERVER_CAA_IDENTITIES": "ca.test", "CERTCTL_ACME_SERVER_ALLOW_OPEN_TRUST": "true",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR": "3",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_NEW_ACCOUNTS_PER_HOUR": "2",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS": "2", "CERTCTL_ACME_SERVER_ORDER_TTL": "2s",
                "CERTCTL_ACME_SERVER_AUTHZ_TTL": "1h", "CERTCTL_ACME_SERVER_NONCE_TTL": "10s",
                "CERTCTL_ACME_SERVER_GC_INTERVAL": "1s", "CERTCTL_ACME_SERVER_RATE_LIMIT_KEY_CHANGE_PER_HOUR": "1",
            ])
        let client = stage.client()
        let meta = try await stage.server.anonymous.get("/acme/directory").json["meta"] as? [String: Any]
        #expect(meta?["termsOfService"] as? String == "https://ca.test/terms")
        #expect(meta?["website"] as? String == "https://ca.test" && meta?["externalAccountRequired"] == nil)
        #expect(meta?["caaIdentities"] as? [String] == ["ca.test"])
        let url = "\(client.base)/new-account"
        let silent = try await client.post(url, [:], withKey: true)
        #expect(silent.status == 403 && Client.problem(silent) == "userActionRequired", "\(silent.body)")
        #expect(silent.headers.contains("<https://ca.test/terms>;rel=\"terms-of-service\""), "\(silent.headers)")
        let old = try await client.nonce()
        #expect(try await client.register(bound: false).status == 201)

        let another = try await stage.client().register(bound: false)
        #expect(another.status == 429 && Client.field("retry-after", another) != nil, "\(another.body)")

        #expect(try await client.order(["a.certctl.test"]).reply.status == 201)
        let (order, second) = try await client.order(["b.certctl.test"])
        #expect(second.status == 201)
        let open = try await client.order(["c.certctl.test"]).reply
        #expect(open.status == 429 && Client.problem(open) == "rateLimited", "\(open.body)")
        // The first of the two expires within the two seconds that orders last here.
        #expect(["1", "2"].contains(Client.field("retry-after", open)), "\(open.headers)")
        let hourly = try await client.order(["d.certctl.test"]).reply
        #expect(hourly.status == 429 && Client.field("retry-after", hourly) != nil, "\(hourly.body)")
        let expired = try await eventually(within: .seconds(20)) {
            try await stage.server.client.get("/api/v1/admin/acme/orders?status=invalid").json["total"] as? Int == 2
        }
        #expect(expired)
        let shown = try await client.post(order, nil)
        #expect(shown.text("status") == "invalid", "\(shown.body)")
        #expect((shown.json["error"] as? [String: Any])?["detail"] as? String == "the order expired", "\(shown.body)")

        #expect(Client.problem(try await client.post("\(client.base)/key-change", ["a": 1])) == "malformed")
        let limited = try await client.post("\(client.base)/key-change", ["a": 1])
        #expect(limited.status == 429 && Client.problem(limited) == "rateLimited", "\(limited.body)")
        #expect(try await stage.server.client.get("/api/v1/metrics/prometheus").body.contains("certctl_acme_gc_runs"))
        try await Task.sleep(for: .seconds(10))
        let kid = client.kid ?? ""
        let late = try await client.send(
            try Client.jws(["alg": "ES256", "nonce": old, "url": kid, "kid": kid], payload: Data(), client.key), to: kid
        )
        #expect(Client.problem(late) == "badNonce", "\(late.body)")
        await stage.server.stop()

        let strict = try await ACMEStage.make(
            .sqlite, ["CERTCTL_ACME_SERVER_ALLOW_OPEN_TRUST": "true", "CERTCTL_ACME_SERVER_EAB_REQUIRED": "true"])
        #expect(Client.problem(try await strict.client().register(bound: false)) == "externalAccountRequired")
        await strict.server.stop()
        try await defaultMode()
    }

    /// A profile that is made without saying how names are proved gets what the settings say; one that says so keeps it.
    private func defaultMode() async throws {
        let server = try await ControlPlane.start(
            environment: ["CERTCTL_ACME_SERVER_DEFAULT_AUTH_MODE": "challenge"])
        try await server.becomeAdministrator()
        for (id, said, mode) in [("p-a", nil, "challenge"), ("p-b", "trust_authenticated", "trust_authenticated")]
            as [(String, String?, String)]
        {
            var members: [String: Any] = ["id": id, "name": id]
            members["acme_auth_mode"] = said
            let made = try await server.client.post("/api/v1/profiles", members)
            #expect(made.status == 201 && made.text("acme_auth_mode") == mode, "\(made.body)")
        }
        await server.stop()
    }

    @Test("RFC 8555 §7.3.3: who agreed to former terms agrees to the present ones before the next order")
    func changedTerms() async throws {
        let stage = try await ACMEStage.make(.sqlite, ["CERTCTL_ACME_SERVER_TOS_URL": "https://ca.test/terms"])
        let client = stage.client()
        try await client.register()
        _ = try await client.obtain(["a.certctl.test"])
        await stage.server.process.stop()
        let terms = "https://ca.test/terms/2"
        try await stage.server.startAgain(extra: ["CERTCTL_ACME_SERVER_TOS_URL": terms])
        let refused = try await client.order(["a.certctl.test"]).reply
        #expect(refused.status == 403 && Client.problem(refused) == "userActionRequired", "\(refused.body)")
        #expect(refused.headers.contains("<\(terms)>;rel=\"terms-of-service\""), "\(refused.headers)")
        #expect(refused.text("instance") == terms, "\(refused.body)")
        let account = try #require(client.kid)
        #expect(try await client.post(account, ["contact": ["mailto:other@certctl.test"]]).status == 200)
        #expect(try await client.order(["a.certctl.test"]).reply.status == 403, "another change is no agreement")
        #expect(try await client.post(account, ["termsOfServiceAgreed": true]).status == 200)
        _ = try await client.obtain(["a.certctl.test"])
        await stage.server.stop()
    }
}
