import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Synchronization
import Testing

@testable import Lifecycle

/// What the sweeper deletes after `CERTCTL_RETENTION_ACME`, and what it leaves (domain §13, protocol-servers §2.14).
@Suite("Domain §13: what has ended at the ACME server is forgotten, and nothing that lives")
struct RetentionTests {
    private static let past = Duration.days(60)

    /// Rows as they were left long ago.
    private struct Shelf {
        let stage: ValidationStage

        func account(
            _ name: String, _ status: ACMEAccountStatus = .valid, ended: Duration = past
        ) async throws -> ACMEAccount {
            let account = try await stage.account(name).account
            guard status != .valid else { return account }
            try await stage.world.database.write { tx in
                _ = try ACMEAccountStore().end(account.id, as: status, in: tx)
                try tx.execute(
                    "UPDATE acme_accounts SET updated_at = \(tx.now - ended) WHERE account_id = \(account.id)")
            }
            return account
        }

        /// Orders that ended long ago, each with an authorization and a challenge.
        func orders(
            _ count: Int, of account: ACMEAccount, _ status: ACMEOrderStatus, neededFor rest: Duration? = nil,
            ended: Duration = past, provedFor proof: Duration = .zero
        ) async throws {
            try await stage.world.database.write { tx in
                let then = tx.now - ended
                for _ in 0..<count {
                    let order: ACMEOrderID = stage.world.context.newID()
                    let authorization: ACMEAuthorizationID = stage.world.context.newID()
                    let challenge: ACMEChallengeID = stage.world.context.newID()
                    try tx.execute(
                        """
                        INSERT INTO acme_orders (order_id, account_id, profile_id, identifiers, names_sha256, status, expires_at,
                            needed_until, created_at, updated_at)
                        VALUES (\(order), \(account.id), \(account.profileID),
                            \(Value.json(JSONValue.array([ACMEName(.dns, "a.test").json]).text)), 'sha', \(status), \(then),
                            \(rest.map { tx.now + $0 }), \(then), \(then))
                        """)
                    try tx.execute(
                        """
                        INSERT INTO acme_authorizations (authz_id, account_id, order_id, position, identifier, status,
                            expires_at, wildcard, created_at, updated_at)
                        VALUES (\(authorization), \(account.id), \(order), 0,
                            \(Value.json(ACMEName(.dns, "a.test").json.text)),
                            \(proof > .zero ? ACMEAuthorizationStatus.valid : .invalid), \(tx.now + proof), FALSE,
                            \(then), \(then))
                        """)
                    try tx.execute(
                        """
                        INSERT INTO acme_challenges (challenge_id, authz_id, type, status, token, created_at, updated_at)
                        VALUES (\(challenge), \(authorization), 'http-01', 'invalid', 'token', \(then), \(then))
                        """)
                }
            }
        }

        func counts() async throws -> [Int] {
            try await stage.world.database.read { tx in
                let tables: [SQL] = ["acme_orders", "acme_authorizations", "acme_challenges"]
                return try tables.map { table in
                    try tx.row("SELECT COUNT(*) AS n FROM \(fragment: table)")?.int("n") ?? 0
                }
            }
        }

        func orders(of account: ACMEAccount) async throws -> Int {
            try await stage.world.database.read { tx in
                try tx.row("SELECT COUNT(*) AS n FROM acme_orders WHERE account_id = \(account.id)")?.int("n") ?? 0
            }
        }

        func isStored(_ account: ACMEAccount) async throws -> Bool {
            try await stage.world.database.read { tx in try ACMEAccountStore().find(account.id, in: tx) != nil }
        }

        func sweep() async throws -> ACMESweep {
            let world = stage.world
            let plan = ValidationStage.plan()
            let leadership = world.leadership()
            _ = try await leadership.attempt()
            return try await ACMELoops(
                world.context, leadership: leadership,
                desk: ACMEIssuanceDesk(
                    ACMESettlement(world.context, issue: world.issuance), time: world.time, log: World.log), plan: plan,
                gcInterval: { .minutes(1) }, swept: { _ in }
            ).sweep()
        }
    }

    @Test(
        "thousands of orders go in batches, with all below them; what lives, and what ended lately, stays",
        arguments: Engine.available)
    func orders(_ engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let shelf = Shelf(stage: stage)
            let account = try await shelf.account("busy")
            let other = try await shelf.account("other")
            try await shelf.orders(2300, of: account, .invalid)
            try await shelf.orders(1200, of: account, .valid, neededFor: .days(-31))
            #expect(try await shelf.counts() == [3500, 3500, 3500])

            // Certificates that may be renewed, replaced or revoked; ends that clients may ask for; proofs that still count.
            try await shelf.orders(1, of: other, .valid, neededFor: .days(1))
            try await shelf.orders(1, of: other, .valid, neededFor: .days(-29))
            try await shelf.orders(1, of: other, .invalid, ended: .days(29))
            try await shelf.orders(1, of: other, .invalid, provedFor: .hours(1))
            try await shelf.orders(1, of: other, .valid, neededFor: .days(-31), provedFor: .hours(1))
            let swept = try await shelf.sweep()
            #expect(swept.failures == 0)
            // An order that waited has expired, and starts to be remembered.
            #expect(swept.forgotten == 3500)
            #expect(try await shelf.orders(of: account) == 0)
            #expect(try await shelf.counts() == [5, 5, 5])
            #expect(try await shelf.sweep().forgotten == 0)

            try await shelf.orders(1, of: other, .ready)
            let second = try await shelf.sweep()
            #expect(second.orders == 1 && second.forgotten == 0, "it ended just now")
            #expect(try await shelf.orders(of: other) == 6)
        }
    }

    @Test(
        "an account that ended goes once nothing of it is left; its key opens none again", arguments: Engine.available)
    func accounts(_ engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let shelf = Shelf(stage: stage)
            let living = try await shelf.account("living")
            let gone = try await shelf.account("gone", .deactivated)
            let barred = try await shelf.account("barred", .revoked)
            let recent = try await shelf.account("recent", .deactivated, ended: .days(29))
            let holding = try await shelf.account("holding", .deactivated)
            try await shelf.orders(3, of: gone, .invalid)
            try await shelf.orders(1, of: gone, .valid, neededFor: .days(-31))
            try await shelf.orders(1, of: holding, .valid, neededFor: .days(20))
            let swept = try await shelf.sweep()
            #expect(swept.failures == 0 && swept.accounts == 2 && swept.forgotten == 4)
            for (account, isLeft) in [(living, true), (gone, false), (barred, false), (recent, true), (holding, true)] {
                #expect(try await shelf.isStored(account) == isLeft, "\(account.thumbprint)")
            }

            let world = stage.world
            let flow = ACMEAccountFlow(world.context, sealer: world.sealer, plan: ValidationStage.plan())
            for (account, word) in [(gone, "deactivated"), (barred, "revoked")] {
                for onlyLooks in [false, true] {
                    let refusal = await #expect(throws: ACMEProblem.self) {
                        var request = ACMERegistration()
                        request.onlyReturnsExisting = onlyLooks
                        let profile = try #require(try await flow.profile(ValidationStage.profile, with: nil).profile)
                        let key = ACMEAccountKey(thumbprint: account.thumbprint, jwk: ["kty": "EC"], spkiSHA256: "s")
                        _ = try await flow.register(key, request, under: profile, from: world.origin)
                    }
                    #expect(refusal?.kind == .unauthorized && refusal?.status == 401)
                    #expect(refusal?.detail == "the account is \(word)")
                }
                let refusal = await #expect(throws: ACMEProblem.self) {
                    try await flow.requireNotGone(account.id, under: ValidationStage.profile)
                }
                #expect(refusal?.status == 401)
                let taken = await #expect(throws: ACMEKeyTaken.self) {
                    let key = ACMEAccountKey(thumbprint: account.thumbprint, jwk: ["kty": "EC"], spkiSHA256: "s")
                    _ = try await flow.rollKey(living, to: key, from: world.origin)
                }
                #expect(taken?.account == account.id)
            }
            try await flow.requireNotGone(living.id, under: ValidationStage.profile)
            try await flow.requireNotGone(gone.id, under: ProfileID(stored: "prof-other"))
            #expect(try await shelf.sweep().accounts == 0)
        }
    }

    @Test("an order is needed until what was issued for it ends, or what it takes the place of, whichever is later")
    func need() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            let world = stage.world
            let authority = MoodyAuthority(world)
            let requests = RequestShelf()
            let (account, profile) = try await stage.account("a")
            let key = ACMEAccountKey(thumbprint: "thumb-a", jwk: ["kty": "EC"], spkiSHA256: "spki-a")
            let plan = ValidationStage.plan()
            let desk = ACMEIssuanceDesk(
                ACMESettlement(
                    world.context, issue: IssueFlow(world.context, registry: authority.registry, instance: "one")),
                time: world.time, log: World.log)
            let finalize = ACMEFinalizeFlow(
                world.context, registry: authority.registry, desk: desk, plan: plan,
                checkCAA: { _ throws(ACMEFault) in }, perspectives: stage.perspectives { _ in }, observeVotes: { _ in })
            let farEnd = world.time.now + .days(4000)
            var needed: [Timestamp] = []
            try await desk.working {
                for end in [nil, farEnd, world.time.now] as [Timestamp?] {
                    var request = ACMEOrderRequest(names: [ACMEName(.dns, "a.test")])
                    request.replacedEnd = end
                    let view = try await stage.orders.create(request, for: account, under: profile, from: world.origin)
                    for authorization in view.authorizations { try await stage.answer(authorization) }
                    try await stage.workOff()
                    authority.set(.issues)
                    try await finalize.finalize(
                        view.order.id.text, der: try requests.der(["a.test"], .first), for: account, key: key,
                        under: profile, from: world.origin)
                    let (need, notAfter) = try await world.database.read { tx in
                        let row = try #require(
                            try tx.row(
                                """
                                SELECT o.needed_until, v.not_after FROM acme_orders o
                                JOIN certificate_versions v ON v.id = o.version_id WHERE o.order_id = \(view.order.id)
                                """))
                        return (try row.time("needed_until"), try row.time("not_after"))
                    }
                    needed.append(need)
                    #expect(need == max(notAfter, end ?? notAfter))
                }
            }
            #expect(needed[1] == farEnd && needed[0] < farEnd && needed[2] < farEnd)
        }
    }
}
