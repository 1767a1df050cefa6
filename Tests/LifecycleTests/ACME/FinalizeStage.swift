import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import IssuerConnectors
import PKI
import Query
import Store
import Synchronization
import Testing

@testable import Lifecycle

/// A local CA that lets its callers wait, and fails as it is told.
final class PatientAuthority: Sendable {
    private struct State {
        var isHeld = false
        var failures: [IssuerError] = []
        var calls = 0
        var granted = 0
    }

    private struct Connector: IssuerConnector {
        let real: any IssuerConnector
        let authority: PatientAuthority

        var capabilities: IssuerCapabilities { real.capabilities }

        func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
            let failure = authority.state.withLock { state -> IssuerError? in
                state.calls += 1
                return state.failures.isEmpty ? nil : state.failures.removeFirst()
            }
            while authority.state.withLock({ $0.isHeld }) {
                do { try await Task.sleep(for: .milliseconds(5)) } catch {
                    throw IssuerError(.timeout, "interrupted", help: "")
                }
            }
            if let failure { throw failure }
            let outcome = try await real.issue(request)
            authority.state.withLock { $0.granted += 1 }
            return outcome
        }

        func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { try await real.poll(order) }
        func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await real.authorityChain() }
        func testConnection() async -> [ConnectionCheck] { await real.testConnection() }
    }

    private let state = Mutex(State())

    func registry(of world: World) -> IssuerRegistry {
        let keeper = AuthorityKeeper(
            database: world.database, sealer: world.sealer, time: world.time, random: .system)
        let make = keeper.connectorMaker(world.authorities)
        return IssuerRegistry { id in
            let made = try await make(id)
            return (made.revision, Connector(real: made.connector, authority: self))
        }
    }

    var calls: Int { state.withLock { $0.calls } }
    var granted: Int { state.withLock { $0.granted } }

    /// From now on nobody is answered.
    func hold() { state.withLock { $0.isHeld = true } }
    func release() { state.withLock { $0.isHeld = false } }
    /// What the next calls come to, before it issues again.
    func fail(_ errors: [IssuerError]) { state.withLock { $0.failures = errors } }
}

/// One server that finalizes orders, of which there may be several on a database.
struct FinalizeStage {
    let stage: ValidationStage
    let authority: PatientAuthority
    let issue: IssueFlow
    let gate: ACMEIssuanceGate
    let desk: ACMEIssuanceDesk
    let flow: ACMEFinalizeFlow
    private let requests: RequestShelf

    init(
        _ stage: ValidationStage, _ authority: PatientAuthority, _ requests: RequestShelf, instance: String = "one",
        patience: Duration = ValidationStage.patience, change: (inout ACMEPlan) -> Void = { _ in }
    ) {
        let world = stage.world
        let registry = authority.registry(of: world)
        self.stage = stage
        self.authority = authority
        self.requests = requests
        let check: ACMECAACheck = { [script = stage.script] question throws(ACMEFault) in
            if let fault = script.caa(question) { throw fault }
        }
        issue = IssueFlow(world.context, registry: registry, instance: instance)
        gate = ACMEIssuanceGate(
            world.context, plan: ValidationStage.plan(change), checkCAA: check,
            perspectives: stage.perspectives(patience: patience, change), observeVotes: { _ in })
        desk = ACMEIssuanceDesk(
            ACMESettlement(world.context, issue: issue, gate: gate), time: world.time, log: World.log)
        flow = ACMEFinalizeFlow(
            world.context, registry: registry, desk: desk, plan: ValidationStage.plan(change),
            checkCAA: check, perspectives: stage.perspectives(patience: patience, change), observeVotes: { _ in })
    }

    static func with(
        _ stage: ValidationStage, patience: Duration = ValidationStage.patience,
        change: (inout ACMEPlan) -> Void = { _ in }, _ body: (FinalizeStage) async throws -> Void
    ) async throws {
        let server = FinalizeStage(stage, PatientAuthority(), RequestShelf(), patience: patience, change: change)
        try await server.desk.working { try await body(server) }
    }

    /// Another server of the same database and the same CA.
    func another(_ instance: String) -> FinalizeStage {
        FinalizeStage(stage, authority, requests, instance: instance)
    }

    // MARK: Steps

    /// An order whose names are proved.
    func ready(_ names: [String], by account: String = "a") async throws -> ACMEOrderView {
        let view = try await stage.order(names, by: account)
        for (name, authorization) in zip(names, view.authorizations) {
            try await stage.answer(authorization, name.hasPrefix("*.") ? .dns01 : .http01, by: account)
        }
        try await stage.workOff()
        #expect(try await stage.stored(view).status == .ready)
        return view
    }

    func finalize(
        _ view: ACMEOrderView, _ request: OrderStep.Request = .first, by name: String = "a"
    ) async throws {
        try await finalize(view, der: try requests.der(view.order.identifiers.map(\.value), request), by: name)
    }

    func finalize(_ view: ACMEOrderView, der: [UInt8], by name: String = "a") async throws {
        let (account, profile) = try await stage.account(name)
        try await flow.finalize(
            view.order.id.text, der: der, for: account,
            key: ACMEAccountKey(thumbprint: "thumb-\(name)", jwk: ["kty": "EC"], spkiSHA256: "spki-\(name)"),
            under: profile, from: stage.world.origin)
    }

    /// Lets so much time pass that the loop looks after what nobody works on, and runs it once.
    @discardableResult
    func settle() async throws -> Int {
        if stage.world.engine == .sqlite {
            stage.world.clock.advance(by: .seconds(4))
        } else {
            try await Task.sleep(for: .seconds(3.2))
        }
        return try await desk.settle()
    }

    /// What a server does about approved requests, once.
    @discardableResult
    func issueApproved() async throws -> Int { try await issue.issueApproved { try await gate.permits($0) } }

    // MARK: Looks

    func status(_ view: ACMEOrderView) async throws -> ACMEOrderStatus { try await stage.stored(view).status }

    /// The last part of the type of the problem with which an order ended.
    func problem(_ view: ACMEOrderView) async throws -> String? {
        try await stage.stored(view).error?["type"]?.stringValue?.split(separator: ":").last.map(String.init)
    }

    func count(_ query: SQL) async throws -> Int {
        try await stage.world.database.read { tx in try tx.row(query)?.int("n") ?? 0 }
    }

    var versions: Int { get async throws { try await count("SELECT COUNT(*) AS n FROM certificate_versions") } }
}

extension ACMEIssuanceDesk {
    /// Works for as long as `body` lasts, as within a server.
    func working<Result>(_ body: () async throws -> Result) async throws -> Result {
        let work = Task { await run() }
        while !isOpen { try await Task.sleep(for: .milliseconds(1)) }
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        work.cancel()
        await work.value
        return try result.get()
    }
}
