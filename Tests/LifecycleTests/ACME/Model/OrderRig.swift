import Domain
import Encoding
import Query
import Store

@testable import Lifecycle

/// The real flow, driven by the steps of the model.
struct OrderRig {
    /// What the database holds of an account.
    struct Shot: Hashable {
        var orders: [String: ACMEOrderStatus] = [:]
        var authorizations: [String: ACMEAuthorizationStatus] = [:]
        var challenges: [String: ACMEChallengeStatus] = [:]
        var attempts: [String: Int] = [:]
    }

    /// What a discrepancy is told with.
    struct Discrepancy: Error, CustomStringConvertible {
        let description: String
    }

    private let stage: ValidationStage
    private let authority: MoodyAuthority
    private let account: ACMEAccount
    private let profile: ACMEProfile
    private let key: ACMEAccountKey
    private let flow: ACMEOrderFlow
    let desk: ACMEIssuanceDesk
    private let finalize: ACMEFinalizeFlow
    private let loops: ACMELoops
    private let leadership: Leadership
    private let pool: ACMEValidationPool
    private let slow: ACMEValidationPool
    private let requests: RequestShelf
    private var model: OrderModel
    private var views: [ACMEOrderView] = []
    /// The challenges of each authorization, in the order of the model.
    private var challenges: [ACMEAuthorizationID: [ACMEChallengeID]] = [:]
    private var taken: [ACMEValidationJob] = []
    private var last = Shot()

    init(_ stage: ValidationStage, _ authority: MoodyAuthority, account name: String, _ requests: RequestShelf)
        async throws
    {
        let rules = OrderModel.Rules()
        let change: (inout ACMEPlan) -> Void = { plan in
            plan.orderTTL = rules.orderTTL
            plan.authorizationTTL = rules.authorizationTTL
            plan.concurrentOrders = rules.openOrders
            plan.validationTimeout = rules.window
            plan.retention = rules.retention
            plan.failuresPerHour = 0
        }
        let plan = ValidationStage.plan(change)
        let world = stage.world
        self.stage = stage
        self.authority = authority
        self.requests = requests
        (account, profile) = try await stage.account(name)
        key = ACMEAccountKey(thumbprint: "thumb-\(name)", jwk: ["kty": "EC"], spkiSHA256: "spki-\(name)")
        flow = stage.orders(change)
        desk = ACMEIssuanceDesk(
            ACMESettlement(
                world.context, issue: IssueFlow(world.context, registry: authority.registry, instance: "one")),
            time: world.time, log: World.log)
        finalize = ACMEFinalizeFlow(
            world.context, registry: authority.registry, desk: desk, plan: plan,
            checkCAA: { _ throws(ACMEFault) in }, perspectives: stage.perspectives(change), observeVotes: { _ in })
        leadership = world.leadership()
        loops = ACMELoops(
            world.context, leadership: leadership, desk: desk, plan: plan,
            gcInterval: { .minutes(1) }, swept: { _ in })
        pool = stage.pool("quick", change: change)
        slow = stage.pool("slow", change: change)
        model = OrderModel(rules, now: world.time.now)
    }

    // MARK: Steps

    /// Does a step in both, and compares them.
    mutating func perform(_ step: OrderStep) async throws {
        let expected = model.apply(step)
        var refusal: ACMEProblem.Kind?
        do {
            try await act(step)
        } catch let problem as ACMEProblem {
            refusal = problem.kind
        }
        guard refusal == expected else {
            throw Discrepancy(
                description:
                    "\(step): refused with \(refusal.map(\.rawValue) ?? "nothing"), expected \(expected.map(\.rawValue) ?? "nothing")"
            )
        }
        try await compare(after: step)
    }

    private mutating func act(_ step: OrderStep) async throws {
        switch step {
        case .order(let names): try await order(names)
        case .answer(let place, let number):
            let authorization = try await authorization(place)
            let ids = challenges[authorization] ?? []
            let challenge = try await flow.challenge(ids[number % ids.count].text, of: account)
            _ = try await stage.challenges.answer(
                challenge, of: account, as: ValidationStage.accountURL, from: stage.world.origin)
        case .work(let findings):
            expect(findings)
            try await stage.workOff(pool)
        case .take(let type): taken += try await slow.claim(type, limit: 100)
        case .resume(let findings):
            expect(findings)
            for job in taken { await slow.work(on: job) }
            taken = []
        case .finalize(let number, let request, let mood):
            authority.set(mood)
            let names = model.index(number).map { model.orders[$0].names } ?? ["a.test"]
            try await finalize.finalize(
                id(number), der: try requests.der(names, request), for: account, key: key, under: profile,
                from: stage.world.origin)
        case .settle(let mood):
            authority.set(mood)
            _ = try await desk.settle()
            await desk.untilIdle(atMost: .seconds(60))
        case .giveUp(let place):
            let authorization = try await authorization(place)
            _ = try await flow.deactivate(authorization.text, of: account, from: stage.world.origin)
        case .endAccount:
            let accounts = ACMEAccountFlow(
                stage.world.context, sealer: stage.world.sealer, plan: ValidationStage.plan())
            _ = try await accounts.deactivate(account, from: stage.world.origin)
        case .pass(let time): stage.world.clock.advance(by: time)
        case .sweep:
            try await leadership.attempt()
            let swept = try await loops.sweep()
            guard swept.failures == 0 else { throw Discrepancy(description: "a sweep failed") }
        }
    }

    private func expect(_ findings: OrderStep.Findings) {
        for (name, finding) in [("a.test", findings.a), ("b.test", findings.b)] {
            let fault: ACMEFault? =
                switch finding {
                case .proof: nil
                case .another: ACMEFault(.incorrectResponse, "another page", isTransient: false)
                case .nothing: ACMEFault(.connection, "nobody is there", isTransient: true)
                }
            stage.script.set(name, [fault])
        }
    }

    private mutating func order(_ names: [String]) async throws {
        let view = try await flow.create(
            ACMEOrderRequest(names: names.map { ACMEName(.dns, $0) }), for: account, under: profile,
            from: stage.world.origin)
        views.append(view)
        for (name, authorization) in zip(names, view.authorizations) {
            let found = try await flow.authorization(authorization.text, of: account).challenges
            challenges[authorization] = OrderModel.types(of: name).compactMap { type in
                found.first { $0.type == type }?.id
            }
        }
    }

    private func id(_ number: Int) -> String {
        views.isEmpty ? "acme-ord-none" : views[number % views.count].order.id.text
    }

    private func authorization(_ place: OrderStep.Place) async throws -> ACMEAuthorizationID {
        let view = try await flow.order(id(place.order), of: account)
        return view.authorizations[place.authorization % view.authorizations.count]
    }

    // MARK: Comparing

    private mutating func compare(after step: OrderStep) async throws {
        let shot = try await shot()
        let drawn = drawn()
        guard shot == drawn else {
            let differences =
                Self.differences(shot.orders, drawn.orders)
                + Self.differences(shot.authorizations, drawn.authorizations)
                + Self.differences(shot.challenges, drawn.challenges) + Self.differences(shot.attempts, drawn.attempts)
            throw Discrepancy(description: "after \(step): \(differences.joined(separator: ", "))")
        }
        try requireLegal(from: last.orders, to: shot.orders, Self.orderMoves, step)
        try requireLegal(from: last.authorizations, to: shot.authorizations, Self.authorizationMoves, step)
        try requireLegal(from: last.challenges, to: shot.challenges, Self.challengeMoves, step)
        last = shot
        try await compareCertificates(after: step)
    }

    private static func differences<Value: Equatable>(_ found: [String: Value], _ drawn: [String: Value]) -> [String] {
        Set(found.keys).union(drawn.keys).sorted().filter { found[$0] != drawn[$0] }.map { id in
            "\(id) is \(found[id].map { "\($0)" } ?? "gone"), expected \(drawn[id].map { "\($0)" } ?? "gone")"
        }
    }

    private func shot() async throws -> Shot {
        let rows = try await stage.world.database.read { tx in
            try tx.rows(
                """
                SELECT o.order_id, o.status, a.authz_id, a.status AS authz_status, c.challenge_id,
                    c.status AS challenge_status, c.attempts
                FROM acme_orders o JOIN acme_authorizations a ON a.order_id = o.order_id
                JOIN acme_challenges c ON c.authz_id = a.authz_id WHERE o.account_id = \(account.id)
                """)
        }
        var shot = Shot()
        for row in rows {
            shot.orders[try row.text("order_id")] = try row.value("status")
            shot.authorizations[try row.text("authz_id")] = try row.value("authz_status")
            shot.challenges[try row.text("challenge_id")] = try row.value("challenge_status")
            shot.attempts[try row.text("challenge_id")] = try row.int("attempts")
        }
        return shot
    }

    /// What the database should hold: nothing more either.
    private func drawn() -> Shot {
        var shot = Shot()
        for (view, order) in zip(views, model.orders) where !order.isForgotten {
            shot.orders[view.order.id.text] = order.status
            for (id, authorization) in zip(view.authorizations, order.authorizations) {
                shot.authorizations[id.text] = authorization.status
                for (challenge, drawn) in zip(challenges[id] ?? [], authorization.challenges) {
                    shot.challenges[challenge.text] = drawn.status
                    shot.attempts[challenge.text] = drawn.attempts
                }
            }
        }
        return shot
    }

    /// Never two certificates for an order, and none for any other reason. Orders whose certificates ended long ago are gone.
    private func compareCertificates(after step: OrderStep) async throws {
        let limit = stage.world.time.now - model.rules.retention
        let (versions, counts) = try await stage.world.database.read { tx in
            let row = try tx.row(
                """
                SELECT (SELECT COUNT(*) FROM certificate_versions) AS versions,
                    (SELECT COUNT(*) FROM certificate_versions WHERE not_after > \(limit)) AS lasting,
                    (SELECT COUNT(*) FROM acme_orders WHERE status = 'valid' AND needed_until > \(limit)) AS fulfilled,
                    (SELECT COUNT(DISTINCT version_id) FROM acme_orders WHERE needed_until > \(limit)) AS told
                """)
            return (
                try row?.int("versions"),
                try row.map { [try $0.int("lasting"), try $0.int("fulfilled"), try $0.int("told")] }
            )
        }
        guard versions == authority.granted else {
            throw Discrepancy(
                description: "after \(step): \(versions ?? 0) versions of \(authority.granted) that the CA gave out")
        }
        let all = Set(counts ?? [])
        guard all.count == 1 else {
            throw Discrepancy(
                description: """
                    after \(step): versions, fulfilled orders, versions of orders \(counts ?? [])
                    """)
        }
    }

    /// What has to hold when time has passed, whatever the model says.
    func requireEnd() throws {
        guard last.orders.values.allSatisfy({ $0 == .valid }) else {
            throw Discrepancy(description: "at the end there are \(last)")
        }
        guard !last.challenges.values.contains(.processing) else {
            throw Discrepancy(description: "at the end a challenge is being tried: \(last)")
        }
    }

    /// RFC 8555 §7.1.6, as it is drawn there.
    private static let orderMoves: [ACMEOrderStatus: Set<ACMEOrderStatus>] = [
        .pending: [.ready, .invalid], .ready: [.processing, .invalid], .processing: [.valid, .invalid],
    ]
    /// With what the specification (domain §4.10) adds: what waits may end by time and be given up, too.
    private static let authorizationMoves: [ACMEAuthorizationStatus: Set<ACMEAuthorizationStatus>] = [
        .pending: [.valid, .invalid, .expired, .deactivated], .valid: [.expired, .deactivated, .revoked],
    ]
    private static let challengeMoves: [ACMEChallengeStatus: Set<ACMEChallengeStatus>] = [
        .pending: [.processing], .processing: [.valid, .invalid],
    ]

    private func requireLegal<Status: Hashable>(
        from old: [String: Status], to new: [String: Status], _ moves: [Status: Set<Status>], _ step: OrderStep
    ) throws(Discrepancy) {
        for (id, status) in new {
            guard let before = old[id], before != status else { continue }
            var reached: Set<Status> = [before]
            // A step may make several moves: the finalization of an order makes two.
            for _ in moves { reached.formUnion(reached.flatMap { moves[$0] ?? [] }) }
            guard reached.contains(status) else {
                throw Discrepancy(description: "\(step) moved \(id) from \(before) to \(status)")
            }
        }
    }
}
