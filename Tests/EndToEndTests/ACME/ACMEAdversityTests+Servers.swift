import Foundation
import TestSupport
import Testing

/// uacme proves in the DNS here, so that Caddy has the port of http-01 for itself.
extension ACMEAdversityTests {
    private static let page = "page.certctl.test"
    private static let record = "record.certctl.test"

    private static func count(_ action: String, _ stage: ChallengeStage) async throws -> Int {
        let audit = try await stage.server.client.get("/api/v1/audit?action=\(action)")
        return (audit.json["data"] as? [Any])?.count ?? 0
    }

    /// How many orders there are, and how many of them came to an end that is good.
    private static func orders(_ stage: ChallengeStage) async throws -> [Int] {
        var totals: [Int] = []
        for query in ["", "?status=valid"] {
            let listed = try await stage.server.client.get("/api/v1/admin/acme/orders\(query)")
            totals.append(try #require(listed.json["total"] as? Int, "\(listed.body)"))
        }
        return totals
    }

    /// uacme with an account.
    private static func uacme(
        _ stage: ChallengeStage, _ directory: String? = nil, _ authority: String? = nil
    ) async throws -> Uacme {
        let uacme = Uacme(
            stage: stage, hook: try stage.names.uacmeHook(), directory: directory, authority: authority)
        let opened = try await uacme("--type", "EC", "new", "ops@certctl.test")
        try #require(opened.status == 0, "\(opened.errors)")
        return uacme
    }

    @Test(
        "§6.5: uacme and Caddy too come again with another nonce",
        .enabled(PrivateTrust.reason) { try await PrivateTrust.isPossible() })
    func badNoncesOfServers() async throws {
        let port = LoopbackPort.unused()
        let origin = "https://127.0.0.1:\(port)"
        let stage = try await ChallengeStage.make(.sqlite, ["CERTCTL_SERVER_PUBLIC_URL": origin])
        let proxy = try await LoadBalancer.start(
            [stage.server], port: port, taking: .requests, spoilsNonces: true, in: stage.acme.work)
        let directory = "\(origin)/acme/directory"
        let uacme = try await Self.uacme(stage, directory, proxy.authority)
        for command in [["issue"], ["--force", "issue"]] {
            let ran = try await uacme(command + [Self.record])
            #expect(ran.status == 0, "\(ran.errors)")
        }
        let refused = stage.server.acmeRequests(status: 400)
        // Order, authorization, challenge, finalization, certificate: each came twice.
        #expect(refused >= 10, "\(refused)")
        let revoked = try await uacme("revoke", uacme.certificate(Self.record))
        #expect(revoked.status == 0, "\(revoked.errors)")

        let caddy = try await CaddyServer.start(
            stage, sites: CaddyServer.onePage, directory: directory, authority: proxy.authority)
        let first = try await caddy.serial(Self.page, otherThan: "")
        #expect(stage.server.acmeRequests(status: 400) - refused >= 5)
        try await caddy.put(CaddyServer.window, "0.999999")
        _ = try await caddy.serial(Self.page, otherThan: first)
        #expect(try await Self.count("acme_order_finalized", stage) == 4)
        await caddy.process.stop()
        await proxy.process.stop()
        await stage.stop()
    }

    @Test(
        "§7.1.6: uacme and Caddy use proofs for as long as authorizations last, and prove anew after that",
        .enabled(PrivateTrust.reason) { try await PrivateTrust.isPossible() })
    func endedAuthorizationsOfServers() async throws {
        let lifetime = 40
        let stage = try await ChallengeStage.make(
            .sqlite,
            [
                "CERTCTL_ACME_SERVER_AUTHZ_REUSE": "1h", "CERTCTL_ACME_SERVER_AUTHZ_TTL": "\(lifetime)s",
                "CERTCTL_ACME_SERVER_GC_INTERVAL": "0s",
            ])
        let uacme = try await Self.uacme(stage)
        let caddy = try await CaddyServer.start(stage, sites: CaddyServer.onePage)
        var serial = try await caddy.serial(Self.page, otherThan: "")
        var proved = ContinuousClock.now
        for command in [["issue"], ["--force", "issue"]] {
            let ran = try await uacme(command + [Self.record])
            #expect(ran.status == 0, "\(ran.errors)")
            if command.first == "issue" { proved = .now }
        }
        try await caddy.put(CaddyServer.window, "0.999999")
        serial = try await caddy.serial(Self.page, otherThan: serial)
        #expect(try await Self.count("acme_order_finalized", stage) == 4)
        #expect(try await Self.count("acme_challenge_completed", stage) == 2, "what was proved was proved anew")
        try await Task.sleep(until: proved + .seconds(lifetime))
        let late = try await uacme("--force", "issue", Self.record)
        #expect(late.status == 0, "\(late.errors)")
        try await caddy.put(CaddyServer.window, "0.9999991")
        _ = try await caddy.serial(Self.page, otherThan: serial)
        #expect(try await Self.count("acme_challenge_completed", stage) == 4, "a proof outlived its authorization")
        await caddy.process.stop()
        await stage.stop()
    }

    @Test(
        "§7.1.6: uacme and Caddy learn of their order when its authorization has ended, and order anew",
        .enabled(PrivateTrust.reason) { try await PrivateTrust.isPossible() })
    func lateOrdersOfServers() async throws {
        let port = LoopbackPort.unused()
        let stage = try await ChallengeStage.make(
            .sqlite,
            [
                "CERTCTL_SERVER_PUBLIC_URL": "https://127.0.0.1:\(port)", "CERTCTL_ACME_SERVER_AUTHZ_TTL": "8s",
                "CERTCTL_ACME_SERVER_GC_INTERVAL": "0s",
            ])
        let gate = try await RequestGate.start(before: stage.server, port: port, in: stage.acme.work)
        // The first order of each client is answered when it can't come to anything any more.
        var isHeld = false
        func hold(_ request: RequestGate.Request) async throws {
            guard request.path.hasSuffix("/new-order"), request.status == 201, !isHeld else { return }
            isHeld = true
            try await Task.sleep(for: .seconds(9))
        }
        let uacme = Uacme(
            stage: stage, hook: try stage.names.uacmeHook(), directory: gate.directory, authority: gate.authority)
        var last = 0
        for (command, isGood) in [(["--type", "EC", "new"], true), (["issue"], false), (["issue"], true)] {
            let operand = command.last == "new" ? "ops@certctl.test" : Self.record
            let ran = try await gate.run(
                uacme.command(command + [operand]), environment: uacme.environment, logs: stage.acme.work.url,
                after: last, hold)
            #expect((ran.status == 0) == isGood, "\(command): \(ran.transcript)")
            last = ran.last
        }
        #expect(isHeld)
        #expect(try await Self.orders(stage) == [2, 1])

        isHeld = false
        let caddy = try await CaddyServer.start(
            stage, sites: CaddyServer.onePage, directory: gate.directory, authority: gate.authority)
        let (_, isCertified) = try await gate.attend(
            after: last, until: { try await !caddy.serial(Self.page).isEmpty }, hold)
        #expect(isHeld && isCertified, "\(caddy.process.transcript)")
        #expect(try await Self.orders(stage) == [4, 2])
        await caddy.process.stop()
        await gate.process.stop()
        await stage.stop()
    }
}

extension ACMEReplicaTests {
    @Test(
        "uacme and Caddy, whose requests the replicas take by turns, prove names and renew, and one revokes",
        .enabled(PrivateTrust.reason) { try await PrivateTrust.isPossible() })
    func servers() async throws {
        let stage = try await ReplicaStage.make()
        let balancer = try await stage.balancer(.requests)
        let name = "turns.certctl.test"
        let uacme = Uacme(
            stage: stage.challenges, hook: try stage.challenges.names.uacmeHook(), directory: stage.directory,
            authority: balancer.authority)
        for arguments in [
            ["--type", "EC", "new", "ops@certctl.test"], ["issue", name, "*.\(name)"],
            ["--force", "issue", name, "*.\(name)"], ["revoke", uacme.certificate(name)],
        ] {
            let ran = try await uacme(arguments)
            #expect(ran.status == 0, "\(arguments): \(ran.errors)")
        }
        let site = "page.certctl.test"
        let caddy = try await CaddyServer.start(
            stage.challenges, sites: CaddyServer.onePage, directory: stage.directory, authority: balancer.authority)
        let first = try await caddy.serial(site, otherThan: "")
        try await caddy.put(CaddyServer.window, "0.999999")
        _ = try await caddy.serial(site, otherThan: first)
        let shares = stage.servers.map { $0.acmeRequests() }
        #expect(abs(shares[0] - shares[1]) <= 2 && shares[0] > 20, "\(shares)")
        // uacme asks for an account that there is not, before it opens one.
        #expect(stage.servers.reduce(0) { $0 + $1.acmeRequests(status: 400) } == 1, "a nonce was refused")
        let audit = try await stage.first.client.get("/api/v1/audit?action=acme_order_finalized")
        #expect((audit.json["data"] as? [Any])?.count == 4, "\(audit.body)")
        let revocations = try await stage.first.client.get("/api/v1/revocations")
        #expect(revocations.json["total"] as? Int == 1, "\(revocations.body)")
        await caddy.process.stop()
        await balancer.process.stop()
        await stage.stop()
    }
}
