import ConnectorKit
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("An issuer elsewhere is told of a revocation until it answered for good (issuers §2.9)")
struct UpstreamRevocationTests {
    @Test("told once, with leaf, number and the name it gave; seen and audited", arguments: Engine.available)
    func acknowledged(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            let made = try await stage.revoke("api", .keyCompromise)
            // The order is there with the revocation, before anybody was told.
            #expect(made.notification == .pending && made.nextNotifyAt != nil && made.notifyEndedAt == nil)
            #expect(try await stage.world.stored("api").status == .revoked)
            #expect(try await stage.replica.tick().rows == 1)
            #expect(try await stage.replica.tick().rows == 0)
            let row = try await stage.stored()
            #expect(row.notification == .done && row.notifyAttempts == 1 && row.nextNotifyAt == nil)
            #expect(row.notifyEndedAt != nil && row.notifyError == nil)
            #expect(stage.server.asked.count == 1 && stage.server.changes == [1])
            #expect(stage.server.reasons == ["key_compromise"])
            #expect(stage.told.outcomes.withLock { $0 } == [.acknowledged])
            #expect(try await stage.world.actions(on: "api").contains("upstream_revocation_acknowledged"))
            let event: SQL =
                "SELECT COUNT(*) AS n FROM events WHERE type = 'certificate.upstream_revocation_acknowledged'"
            #expect(try await stage.world.count(event) == 1)
        }
    }

    @Test("what the issuer calls a certificate is kept with its version", arguments: Engine.available)
    func upstreamName(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            let row = try await stage.world.database.read { tx in
                try tx.row("SELECT upstream_id, upstream_ref FROM certificate_versions")
            }
            #expect(try row?.text("upstream_id") == "order-of-cert-1")
            #expect(try row?.text("upstream_ref").filter { $0 != " " } == #"{"handle":"cert-1"}"#)
        }
    }

    @Test("faults put it off with back-off and Retry-After, and lose nothing", arguments: Engine.available)
    func faults(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            stage.server.script(
                .hangUp, .unavailable(503, retryAfter: 7200), .garbage, .unavailable(429, retryAfter: nil))
            try await stage.revoke()
            // The longest wait of each, with its jitter: 5 s, what it asked for, 45 s, 135 s.
            for longest in [Duration.seconds(6), .seconds(7200), .seconds(54), .seconds(162)] {
                #expect(try await stage.replica.tick().rows == 1)
                let row = try await stage.stored()
                #expect(row.notification == .pending && row.notifyError != nil)
                let wait = try #require(row.nextNotifyAt) - stage.world.time.now
                #expect(wait > longest * 0.2 && wait <= longest + .seconds(1), "\(wait) for \(longest)")
                #expect(try await stage.replica.tick().rows == 0)
                try await stage.letWaitsEnd()
            }
            #expect(stage.server.changes == [0])
            #expect(try await stage.replica.tick().rows == 1)
            let row = try await stage.stored()
            #expect(row.notification == .done && row.notifyAttempts == 5 && row.notifyError == nil)
            #expect(stage.server.changes == [1])
            #expect(stage.told.failures.withLock { $0 } == [.network, .upstream5xx, .other, .rateLimited])
            // The same change, whoever repeats it.
            #expect(Set(stage.server.asked.map(\.idempotencyKey)).count == 1)
            #expect(try await stage.world.actions(on: "api").filter { $0.hasPrefix("upstream_") }.count == 1)
        }
    }

    @Test("an answer that was lost: the issuer had done it, and that is success", arguments: Engine.available)
    func lostAnswer(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            stage.server.script(.doAndHangUp)
            try await stage.revoke()
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .pending)
            try await stage.letWaitsEnd()
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .done)
            #expect(stage.server.changes == [1] && stage.server.asked.count == 2)
            #expect(stage.told.outcomes.withLock { $0 } == [.failed, .alreadyDone])
        }
    }

    @Test("a server that dies before or after the call leaves it to the next one", arguments: Engine.available, [1, 2])
    func death(engine: Engine, fatalWrite: Int) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            try await stage.revoke()
            stage.world.database.dieAtWrite(fatalWrite)
            await #expect(throws: FaultyDatabase.Died.self) { _ = try await stage.replica.tick() }
            #expect(stage.server.changes == [fatalWrite - 1])
            #expect(try await stage.stored().notification == .pending)
            if fatalWrite == 2 {
                // Another server leaves it alone as long as the lease of the dead one lasts.
                #expect(try await stage.replica.tick().rows == 0)
                try await stage.letWaitsEnd()
            }
            #expect(try await stage.replica.tick().rows == 1)
            #expect(try await stage.stored().notification == .done)
            #expect(stage.server.changes == [1] && stage.server.asked.count == fatalWrite)
            let ends = try await stage.world.actions(on: "api").filter { $0 == "upstream_revocation_acknowledged" }
            #expect(ends.count == 1)
        }
    }

    @Test("replicas at the same time: each revocation is told once", arguments: Engine.available)
    func replicas(engine: Engine) async throws {
        let names = (1...8).map { "host\($0)" }
        try await UpstreamStage.with(engine, names) { stage async throws in
            for name in names { try await stage.revoke(name) }
            let replicas = [stage.replica, stage.replica, stage.replica]
            let rows = try await withThrowingTaskGroup(of: Int.self) { group in
                for replica in replicas { group.addTask { try await replica.tick().rows } }
                return try await group.reduce(0, +)
            }
            #expect(rows == names.count && stage.server.asked.count == names.count)
            #expect(stage.server.changes == names.map { _ in 1 })
            for name in names { #expect(try await stage.stored(name).notification == .done) }
        }
    }

    @Test("an issuer that is down is asked once in a round, however much it has to be told")
    func down() async throws {
        let names = (1...5).map { "host\($0)" }
        try await UpstreamStage.with(.sqlite, names) { stage async throws in
            for name in names { try await stage.revoke(name) }
            stage.server.script(.unavailable(503, retryAfter: nil))
            #expect(try await stage.replica.tick().rows == 5)
            #expect(stage.server.asked.count == 1 && stage.told.failures.withLock { $0 } == [.upstream5xx])
            let open = try await stage.world.database.read { try RevocationStore().notificationCounts(in: $0) }
            #expect(open.map(\.count) == [5] && open.map(\.notification) == [.pending])
            try await stage.letWaitsEnd()
            _ = try await stage.replica.tick()
            #expect(stage.server.changes == [1, 1, 1, 1, 1])
            #expect(try await stage.world.database.read { try RevocationStore().notificationCounts(in: $0) }.isEmpty)
        }
    }

    @Test("a refused credential is no refusal: it is told again once it is renewed")
    func credential() async throws {
        try await UpstreamStage.with(.sqlite, token: "token-2") { stage async throws in
            try await stage.revoke()
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .pending)
            stage.server.state.withLock { $0.token = "token-2" }
            try await stage.letWaitsEnd()
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .done)
        }
    }

    @Test("what somebody there decides is asked for by its name, and may be refused", arguments: Engine.available)
    func review(engine: Engine) async throws {
        try await UpstreamStage.with(engine, ["one", "two"]) { stage async throws in
            stage.server.script(.review("r-7", retryAfter: 60), .stillInReview)
            try await stage.revoke("one")
            _ = try await stage.replica.tick()
            var row = try await stage.stored("one")
            #expect(row.notification == .pending && row.notifyReference == "r-7" && row.notifyError == nil)
            #expect(try #require(row.nextNotifyAt) - stage.world.time.now <= .seconds(60))
            for _ in 0..<2 {
                try await stage.letWaitsEnd()
                _ = try await stage.replica.tick()
            }
            row = try await stage.stored("one")
            #expect(row.notification == .done)
            #expect(stage.server.asked.map(\.method) == ["POST", "GET", "GET"])
            stage.server.script(.review("r-8", retryAfter: nil), .refuse("not by us"))
            try await stage.revoke("two")
            _ = try await stage.replica.tick()
            try await stage.letWaitsEnd()
            _ = try await stage.replica.tick()
            #expect(try await stage.stored("two").notification == .refused)
        }
    }

    @Test("a refusal ends it, stays in sight and can be retried by hand", arguments: Engine.available)
    func refused(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            let world = stage.world
            stage.server.script(.refuse("the account may not"))
            let made = try await stage.revoke()
            _ = try await stage.replica.tick()
            var row = try await stage.stored()
            #expect(row.notification == .refused && row.notifyError == "the account may not" && row.nextNotifyAt == nil)
            #expect(try await world.stored("api").status == .revoked)
            try await stage.letWaitsEnd()
            #expect(try await stage.replica.tick().rows == 0)
            let elsewhere = Authorship(
                actor: world.author.actor, origin: nil, clearance: .withoutPermission)
            #expect(await refusal { _ = try await stage.replica.retry(made.id, by: elsewhere) } == .notFound)
            #expect(try await stage.stored().notification == .refused)
            row = try await stage.replica.retry(made.id, by: world.author)
            #expect(row.notification == .pending && row.notifyEndedAt == nil)
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .done)
            #expect(await refusal { _ = try await stage.replica.retry(made.id, by: world.author) } == .invalidState)
            let unknown = RevocationID(stored: "rev-none")
            #expect(await refusal { _ = try await stage.replica.retry(unknown, by: world.author) } == .notFound)
            let ours = try await world.actions(on: "api").filter { $0.hasPrefix("upstream_") }
            #expect(
                ours == [
                    "upstream_revocation_acknowledged", "upstream_revocation_refused", "upstream_revocation_retried",
                ])
        }
    }

    @Test("a certificate that ended is told of to nobody", arguments: Engine.available)
    func expiry(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            let made = try await stage.revoke()
            _ = try await stage.world.database.write { tx in
                try tx.execute("UPDATE certificate_revocations SET not_after = \(tx.now - .seconds(1))")
            }
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .expired && stage.server.asked.isEmpty)
            #expect(try await stage.world.actions(on: "api").contains("upstream_revocation_expired"))
            #expect(
                await refusal { _ = try await stage.replica.retry(made.id, by: stage.world.author) } == .invalidState)
        }
    }

    @Test(
        "a hold and its end are both told; a late answer to the first does not settle the second",
        arguments: Engine.available)
    func hold(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            try await stage.revoke("api", .certificateHold)
            let lost = try await stage.world.database.write { tx in
                try RevocationStore().claimNotifications(limit: 1, leaseFor: .minutes(2), in: tx)
            }
            let target = RevocationTarget.certificate(CertificateID(stored: "api"), .everyVersion)
            _ = try await stage.flow.release(target, by: stage.world.author)
            let isStored = try await stage.world.database.write { tx in
                try RevocationStore().settle(try #require(lost.first).revocation, .done, in: tx)
            }
            #expect(!isStored)
            #expect(try await stage.stored().notification == .pending)
            // It never came to know of the hold, and so of nothing to end.
            _ = try await stage.replica.tick()
            #expect(try await stage.stored().notification == .done && stage.server.changes == [0])
            try await stage.revoke("api", .certificateHold)
            _ = try await stage.replica.tick()
            _ = try await stage.flow.release(target, by: stage.world.author)
            _ = try await stage.replica.tick()
            #expect(stage.server.asked.map(\.method) == ["DELETE", "POST", "DELETE"])
            #expect(stage.server.changes == [2] && stage.server.reasons == [nil])
            try await stage.revoke("api", .certificateHold)
            _ = try await stage.replica.tick()
            try await stage.revoke("api", .keyCompromise)
            _ = try await stage.replica.tick()
            #expect(stage.server.reasons == ["key_compromise"])
            #expect(try await stage.world.stored("api").status == .revoked)
        }
    }

    @Test("a reason that the issuer does not take is refused before anything is revoked", arguments: Engine.available)
    func reasons(engine: Engine) async throws {
        try await UpstreamStage.with(engine) { stage async throws in
            do {
                try await stage.revoke("api", .privilegeWithdrawn)
                Issue.record("revoked")
            } catch let error as ServiceError {
                #expect(error.code == .unprocessable && error.detail.contains("cessationOfOperation"), "\(error)")
                #expect(error.problems.map(\.pointer) == ["/reason"])
            }
            #expect(try await stage.world.stored("api").status != .revoked)
            #expect(try await stage.world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == 0)
        }
    }

    @Test(
        "an issuer that takes no revocations, or is not there, keeps nobody from revoking", arguments: Engine.available)
    func mute(engine: Engine) async throws {
        try await UpstreamStage.with(engine, ["one", "two"]) { stage async throws in
            let world = stage.world
            let real = try await world.registry.connector(for: World.issuer, revision: 1)
            let flow = RevokeFlow(world.context, reasons: { _ in [] })
            func revoke(_ name: String) async throws {
                _ = try await flow.revoke(
                    .certificate(CertificateID(stored: name), .standard), RevocationOrder(.privilegeWithdrawn),
                    by: world.author)
            }
            try await revoke("one")
            let mute = IssuerRegistry { _ in (1, ScriptedIssuer(real: real, script: [])) }
            _ = try await UpstreamRevocations(world.context, registry: mute).tick()
            #expect(try await stage.stored("one").notification == .refused)
            try await revoke("two")
            let absent = IssuerRegistry { _ in throw ServiceError(.unprocessable, "not available in this build") }
            _ = try await UpstreamRevocations(world.context, registry: absent).tick()
            let row = try await stage.stored("two")
            #expect(row.notification == .pending && row.notifyError?.contains("not available") == true)
        }
    }
}
