import ConnectorKit
import Domain
import IssuerConnectors
import PKI
import Synchronization

@testable import Lifecycle

/// A local CA that fails and refuses as it is told, and counts what it gives out.
struct MoodyAuthority: Sendable {
    private final class State: Sendable {
        let mood = Mutex(OrderStep.Mood.issues)
        let granted = Atomic(0)
    }

    private struct Connector: IssuerConnector {
        let real: any IssuerConnector
        let state: State

        var capabilities: IssuerCapabilities { real.capabilities }

        func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
            switch state.mood.withLock({ $0 }) {
            case .issues:
                let outcome = try await real.issue(request)
                state.granted.add(1, ordering: .relaxed)
                return outcome
            case .fails: throw IssuerError(.upstream5xx, "out of order", help: "wait")
            case .refuses: throw IssuerError(.upstream4xx, "not like this", help: "ask for something else")
            }
        }

        func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { try await real.poll(order) }
        func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await real.authorityChain() }
        func testConnection() async -> [ConnectionCheck] { await real.testConnection() }
    }

    private let state = State()
    let registry: IssuerRegistry

    init(_ world: World) {
        let keeper = AuthorityKeeper(
            database: world.database, sealer: world.sealer, time: world.time, random: .system)
        let make = keeper.connectorMaker(world.authorities)
        registry = IssuerRegistry { [state] id in
            let made = try await make(id)
            return (made.revision, Connector(real: made.connector, state: state))
        }
    }

    var granted: Int { state.granted.load(ordering: .relaxed) }

    func set(_ mood: OrderStep.Mood) { state.mood.withLock { $0 = mood } }
}

/// Requests for certificates, made once: keys take time.
final class RequestShelf: Sendable {
    private let kept = Mutex<[String: [UInt8]]>([:])

    func der(_ names: [String], _ request: OrderStep.Request) throws -> [UInt8] {
        let asked = request == .ofOtherNames ? names + ["c.test"] : names
        let label = "\(request) \(asked)"
        // Made under the lock: those that finalize at once send the same request, as a client that repeats itself does.
        return try kept.withLock { kept in
            if let der = kept[label] { return der }
            let der = try CertificationRequestBuilder.makeCSR(
                commonName: "", subjectAltNames: try asked.map { try SubjectAltName(classifying: $0) },
                key: try PrivateKey.generate(.ecdsaP256)
            ).der
            kept[label] = der
            return der
        }
    }
}
