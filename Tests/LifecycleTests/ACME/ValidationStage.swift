import DatabaseTestSupport
import Domain
import Encoding
import Logging
import Query
import Store
import Synchronization

@testable import Lifecycle

/// A world with a profile that demands challenges, and a validator that answers as it is told.
struct ValidationStage {
    static let profile = ProfileID(stored: "prof-challenge")
    static let accountURL = "https://ca.certctl.test/acme/account/acme-acc-a"

    let world: World
    let script: Script

    /// What the validator finds, by name; a proof for every other.
    final class Script: Sendable {
        private let faults = Mutex<[String: [ACMEFault?]]>([:])
        private let asked = Mutex<[ACMEAttempt]>([])

        /// The next results for a name; the last one stays.
        func set(_ name: String, _ results: [ACMEFault?]) { faults.withLock { $0[name] = results } }

        private let forbidden = Mutex<[String: ACMEFault]>([:])
        private let questions = Mutex<[ACMECAAQuestion]>([])

        /// What CAA records say of a name, from now on.
        func setCAA(_ name: String, _ fault: ACMEFault?) { forbidden.withLock { $0[name] = fault } }

        var caaQuestions: [ACMECAAQuestion] { questions.withLock { $0 } }

        func caa(_ question: ACMECAAQuestion) -> ACMEFault? {
            questions.withLock { $0.append(question) }
            return forbidden.withLock { $0[question.name.value] }
        }

        var attempts: [ACMEAttempt] { asked.withLock { $0 } }

        var validator: ACMEValidator {
            { attempt, _ throws(ACMEFault) in
                self.asked.withLock { $0.append(attempt) }
                let fault = self.faults.withLock { faults -> ACMEFault? in
                    guard var results = faults[attempt.name.value], let first = results.first else { return nil }
                    if results.count > 1 { results.removeFirst() }
                    faults[attempt.name.value] = results
                    return first
                }
                if let fault { throw fault }
            }
        }
    }

    /// - `isGated`: Whether somebody has to approve what is issued under the profile.
    static func with(
        _ engine: Engine, isGated: Bool = false, _ body: (ValidationStage) async throws -> Void
    ) async throws {
        try await World.with(engine) { world async throws in
            try await world.database.write { tx in
                var fields = ProfileFields(name: "challenge", acmeAuthMode: .challenge)
                fields.requiresApproval = isGated
                try ProfileStore().insert(profile, fields, in: tx)
            }
            try await body(ValidationStage(world: world, script: Script()))
        }
    }

    static func plan(_ change: (inout ACMEPlan) -> Void = { _ in }) -> @Sendable () -> ACMEPlan {
        var plan = ACMEPlan()
        plan.validations = [.http01: 10, .dns01: 10, .tlsALPN01: 10, .dnsAccount01: 10, .dnsPersist01: 10]
        change(&plan)
        return { [plan] in plan }
    }

    var orders: ACMEOrderFlow { orders() }

    func orders(_ change: (inout ACMEPlan) -> Void = { _ in }) -> ACMEOrderFlow {
        ACMEOrderFlow(world.context, plan: Self.plan(change))
    }

    var challenges: ACMEChallengeFlow { ACMEChallengeFlow(world.context) }

    /// - `time`: By which the pool waits; that of the world unless given.
    func pool(
        _ instance: String = "one", validate: ACMEValidator? = nil, patience: Duration = Self.patience,
        time: TimeSource? = nil, change: (inout ACMEPlan) -> Void = { _ in }
    ) -> ACMEValidationPool {
        let context = time.map { LifecycleContext(database: world.context.database, time: $0, random: .system) }
        return ACMEValidationPool(
            context ?? world.context, instance: instance, plan: Self.plan(change),
            validate: validate ?? script.validator,
            checkCAA: { question throws(ACMEFault) in
                if let fault = script.caa(question) { throw fault }
            },
            perspectives: perspectives(patience: patience, change), observeVotes: { _ in }, observe: { _, _, _ in },
            log: World.log)
    }

    /// How long agents that answer may take on a busy machine; a decision ends the waiting, so that this costs nothing.
    static let patience = Duration.seconds(20)
    /// How long somebody is waited for who keeps silent.
    static let shortPatience = Duration.seconds(2)

    /// What other perspectives say.
    func perspectives(
        patience: Duration = Self.patience, _ change: (inout ACMEPlan) -> Void
    ) -> ACMEPerspectiveFlow {
        ACMEPerspectiveFlow(world.context, plan: Self.plan(change), patience: patience)
    }

    // MARK: Steps of a client

    func account(_ name: String) async throws -> (account: ACMEAccount, profile: ACMEProfile) {
        let accounts = ACMEAccountFlow(world.context, sealer: world.sealer, plan: Self.plan())
        guard let profile = try await accounts.profile(Self.profile, with: nil).profile else {
            throw ServiceError(.internalError, "no profile")
        }
        let key = ACMEAccountKey(thumbprint: "thumb-\(name)", jwk: ["kty": "EC"], spkiSHA256: "spki-\(name)")
        return (
            try await accounts.register(key, ACMERegistration(), under: profile, from: world.origin).account, profile
        )
    }

    func order(
        _ names: [String], by name: String = "a", through flow: ACMEOrderFlow? = nil
    ) async throws -> ACMEOrderView {
        let (account, profile) = try await account(name)
        return try await (flow ?? orders).create(
            ACMEOrderRequest(names: names.map { ACMEName(.dns, $0) }), for: account, under: profile, from: world.origin)
    }

    /// The challenge of an authorization by its type, as it is now.
    func challenge(
        _ authorization: ACMEAuthorizationID, _ type: ACMEChallengeType = .http01
    ) async throws -> ACMEChallenge {
        let found = try await world.database.read { tx in
            try ACMEAuthorizationStore().challenges(of: authorization, in: tx).first { $0.type == type }
        }
        guard let found else { throw ServiceError(.internalError, "no challenge") }
        return found
    }

    @discardableResult
    func answer(
        _ authorization: ACMEAuthorizationID, _ type: ACMEChallengeType = .http01, by name: String = "a"
    ) async throws -> ACMEChallenge {
        let account = try await account(name).account
        return try await challenges.answer(
            try await challenge(authorization, type), of: account, as: Self.accountURL, from: world.origin)
    }

    /// An order for a name whose http-01 challenge is answered.
    @discardableResult
    func answered(_ name: String, by account: String = "a") async throws -> ACMEOrderView {
        let view = try await order([name], by: account)
        for authorization in view.authorizations { try await answer(authorization, by: account) }
        return view
    }

    // MARK: Looks

    func stored(_ order: ACMEOrderView) async throws -> ACMEOrder {
        guard let found = try await world.database.read({ tx in try ACMEOrderStore().find(order.order.id, in: tx) })
        else {
            throw ServiceError(.internalError, "no order")
        }
        return found
    }

    func status(_ authorization: ACMEAuthorizationID) async throws -> ACMEAuthorizationStatus? {
        try await world.database.read { tx in try ACMEAuthorizationStore().find(authorization, in: tx)?.status }
    }

    /// How often something is in the audit log.
    func audited(_ action: String) async throws -> Int {
        try await world.database.read { tx in
            try tx.row("SELECT COUNT(*) AS n FROM audit_events WHERE action = \(action)")?.int("n") ?? 0
        }
    }

    /// Makes every attempt that is due; how many.
    @discardableResult
    func workOff(_ pool: ACMEValidationPool? = nil) async throws -> Int {
        let pool = pool ?? self.pool()
        var count = 0
        for type in ACMEChallengeType.allCases {
            for job in try await pool.claim(type, limit: 100) {
                await pool.work(on: job)
                count += 1
            }
        }
        return count
    }
}

extension ACMEValidationPool {
    func claim(_ type: ACMEChallengeType, limit: Int) async throws -> [ACMEValidationJob] {
        try await claim([type: limit]).jobs
    }
}
