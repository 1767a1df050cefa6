import Domain

@testable import Lifecycle

/// What RFC 8555 §7.1.6 and the specification (domain §4.10, protocol-servers §2.7–§2.10, §2.14) make of the orders of one account,
/// without a database, without tasks and without a network: what the real flow is compared with.
struct OrderModel {
    /// What the settings of the server come to.
    struct Rules {
        var orderTTL = Duration.hours(2)
        var authorizationTTL = Duration.hours(1)
        var openOrders = 4
        var window = Duration.seconds(30)
        var retention = Duration.days(90)
    }

    struct Challenge {
        let type: ACMEChallengeType
        var status = ACMEChallengeStatus.pending
        var attempts = 0
        var answeredAt = Timestamp(secondsSinceEpoch: 0)
        /// When a server may take it up (again).
        var dueAt = Timestamp(secondsSinceEpoch: 0)
    }

    struct Authorization {
        let name: String
        var status = ACMEAuthorizationStatus.pending
        let endsAt: Timestamp
        var challenges: [Challenge]

        func isWanted(at now: Timestamp) -> Bool { status == .pending && endsAt > now }
    }

    struct Order {
        let names: [String]
        var status = ACMEOrderStatus.pending
        let endsAt: Timestamp
        var changedAt: Timestamp
        var authorizations: [Authorization]
        var request: OrderStep.Request?
        var calls = 0
        var isForgotten = false
    }

    /// A challenge that a slow server took up.
    struct Taken {
        let order, authorization, challenge: Int
        let attempts: Int
        let isWanted: Bool
    }

    let rules: Rules
    var now: Timestamp
    private(set) var orders: [Order] = []
    private(set) var hasEnded = false
    private var taken: [Taken] = []

    init(_ rules: Rules, now: Timestamp) {
        self.rules = rules
        self.now = now
    }

    static func types(of name: String) -> [ACMEChallengeType] {
        name.hasPrefix("*.") ? [.dns01] : [.http01, .dns01, .tlsALPN01]
    }

    /// What a step does; the problem with which it is refused, and then it does nothing.
    mutating func apply(_ step: OrderStep) -> ACMEProblem.Kind? {
        switch step {
        case .order(let names): return order(names)
        case .answer(let place, let challenge): return answer(place, challenge)
        case .work(let findings): work(findings)
        case .take(let type): taken += claim(type)
        case .resume(let findings):
            for job in taken { settle(job, findings) }
            taken = []
        case .finalize(let order, let request, let mood): return finalize(order, request, mood)
        case .settle(let mood):
            for index in orders.indices
            where orders[index].status == .processing && orders[index].changedAt <= now - .seconds(3) {
                ask(index, mood)
            }
        case .giveUp(let place):
            guard let (order, authorization) = find(place) else { return .unauthorized }
            giveUp(order, authorization)
        case .endAccount:
            guard !hasEnded else { return .unauthorized }
            endAccount()
        case .pass(let time): now = now + time
        case .sweep: sweep()
        }
        return nil
    }

    /// The order that a step means: steps count in a circle, so that they mean something whatever was left out before them.
    func index(_ order: Int) -> Int? { orders.isEmpty ? nil : order % orders.count }

    private func find(_ place: OrderStep.Place) -> (order: Int, authorization: Int)? {
        guard let order = index(place.order), !orders[order].isForgotten else { return nil }
        return (order, place.authorization % orders[order].authorizations.count)
    }

    // MARK: Clients

    private mutating func order(_ names: [String]) -> ACMEProblem.Kind? {
        guard !hasEnded else { return .unauthorized }
        guard orders.count(where: { $0.status.isOpen && $0.endsAt > now }) < rules.openOrders else {
            return .rateLimited
        }
        orders.append(
            Order(
                names: names, endsAt: now + min(rules.orderTTL, rules.authorizationTTL), changedAt: now,
                authorizations: names.map { name in
                    Authorization(
                        name: name, endsAt: now + rules.authorizationTTL,
                        challenges: Self.types(of: name).map { Challenge(type: $0) })
                }))
        return nil
    }

    private mutating func answer(_ place: OrderStep.Place, _ number: Int) -> ACMEProblem.Kind? {
        guard let (order, authorization) = find(place) else { return .unauthorized }
        let (above, below) = (orders[order], orders[order].authorizations[authorization])
        let challenge = number % below.challenges.count
        guard below.challenges[challenge].status == .pending else { return nil }
        guard below.isWanted(at: now), above.status == .pending, above.endsAt > now else {
            // One that another challenge has proved needs no more.
            return below.status == .valid && below.endsAt > now ? nil : .malformed
        }
        orders[order].authorizations[authorization].challenges[challenge].status = .processing
        orders[order].authorizations[authorization].challenges[challenge].answeredAt = now
        orders[order].authorizations[authorization].challenges[challenge].dueAt = now
        return nil
    }

    private mutating func giveUp(_ order: Int, _ authorization: Int) {
        guard [.pending, .valid].contains(orders[order].authorizations[authorization].status) else { return }
        orders[order].authorizations[authorization].status = .deactivated
        if [.pending, .ready].contains(orders[order].status) { move(order, to: .invalid) }
    }

    private mutating func endAccount() {
        hasEnded = true
        for order in orders.indices where !orders[order].isForgotten {
            for authorization in orders[order].authorizations.indices
            where [.pending, .valid].contains(orders[order].authorizations[authorization].status) {
                orders[order].authorizations[authorization].status = .deactivated
            }
            if [.pending, .ready].contains(orders[order].status) { move(order, to: .invalid) }
        }
    }

    private mutating func finalize(
        _ order: Int, _ request: OrderStep.Request, _ mood: OrderStep.Mood
    ) -> ACMEProblem.Kind? {
        guard let order = index(order), !orders[order].isForgotten else { return .unauthorized }
        let known = orders[order]
        if known.status == .processing || known.status == .valid, known.request == request { return nil }
        guard known.status == .ready, known.endsAt > now else { return .orderNotReady }
        guard request != .ofOtherNames else { return .badCSR }
        orders[order].request = request
        move(order, to: .processing)
        ask(order, mood)
        return nil
    }

    // MARK: Servers

    private mutating func move(_ order: Int, to status: ACMEOrderStatus) {
        orders[order].status = status
        orders[order].changedAt = now
    }

    private mutating func ask(_ order: Int, _ mood: OrderStep.Mood) {
        orders[order].calls += 1
        orders[order].changedAt = now
        switch mood {
        case .issues: move(order, to: .valid)
        case .refuses: move(order, to: .invalid)
        case .fails: if orders[order].calls == 3 { move(order, to: .invalid) }
        }
    }

    private mutating func work(_ findings: OrderStep.Findings) {
        for type in ACMEChallengeType.allCases {
            for job in claim(type) { settle(job, findings) }
        }
    }

    private mutating func claim(_ type: ACMEChallengeType) -> [Taken] {
        var jobs: [Taken] = []
        for order in orders.indices where !orders[order].isForgotten {
            for authorization in orders[order].authorizations.indices {
                let isWanted = orders[order].authorizations[authorization].isWanted(at: now)
                for place in orders[order].authorizations[authorization].challenges.indices {
                    var challenge = orders[order].authorizations[authorization].challenges[place]
                    guard challenge.type == type, challenge.status == .processing, challenge.dueAt <= now else {
                        continue
                    }
                    challenge.attempts += 1
                    challenge.dueAt = now + .seconds(25)
                    orders[order].authorizations[authorization].challenges[place] = challenge
                    jobs.append(
                        Taken(
                            order: order, authorization: authorization, challenge: place, attempts: challenge.attempts,
                            isWanted: isWanted))
                }
            }
        }
        return jobs
    }

    private mutating func settle(_ job: Taken, _ findings: OrderStep.Findings) {
        guard !orders[job.order].isForgotten else { return }
        var authorization = orders[job.order].authorizations[job.authorization]
        defer { orders[job.order].authorizations[job.authorization] = authorization }
        let challenge = authorization.challenges[job.challenge]
        // Somebody else has taken it up since.
        guard challenge.status == .processing, challenge.attempts == job.attempts else { return }
        var isProved = false
        if job.isWanted, challenge.attempts <= 10 {
            switch findings.of(authorization.name) {
            case .proof: isProved = true
            case .nothing:
                if let next = Self.nextAttempt(challenge, now, rules.window) {
                    authorization.challenges[job.challenge].dueAt = next
                    return
                }
            case .another: break
            }
        }
        guard authorization.isWanted(at: now) else {
            authorization.challenges[job.challenge].status = .invalid
            return
        }
        authorization.challenges[job.challenge].status = isProved ? .valid : .invalid
        authorization.status = isProved ? .valid : .invalid
        orders[job.order].authorizations[job.authorization] = authorization
        guard orders[job.order].status == .pending else { return }
        if !isProved {
            move(job.order, to: .invalid)
        } else if orders[job.order].authorizations.allSatisfy({ $0.status == .valid && $0.endsAt > now }),
            orders[job.order].endsAt > now
        {
            move(job.order, to: .ready)
        }
    }

    /// 0, 2, 5, 10 and 20 seconds after the answer, with a second between two at least (protocol-servers §2.8).
    private static func nextAttempt(_ challenge: Challenge, _ now: Timestamp, _ window: Duration) -> Timestamp? {
        let offsets = [0, 2, 5, 10, 20]
        guard challenge.attempts < offsets.count else { return nil }
        let next = max(challenge.answeredAt + .seconds(offsets[challenge.attempts]), now + .seconds(1))
        return next < challenge.answeredAt + window ? next : nil
    }

    private mutating func sweep() {
        let limit = now - rules.retention
        for index in orders.indices where !orders[index].isForgotten {
            for place in orders[index].authorizations.indices {
                let found = orders[index].authorizations[place]
                if found.status == .pending, found.endsAt <= now {
                    orders[index].authorizations[place].status = .expired
                }
            }
            if [.pending, .ready].contains(orders[index].status), orders[index].endsAt <= now {
                move(index, to: .invalid)
            }
            let order = orders[index]
            orders[index].isForgotten =
                order.status == .invalid && order.endsAt <= limit && order.changedAt <= limit
                && !order.authorizations.contains { $0.status == .valid && $0.endsAt > now }
        }
    }
}
