import ConnectorKit
import Domain
import PKI
import Synchronization

/// An issuer that follows a script and fails the test on a call that the script does not have.
///
/// Where the script says `issue`, the certificate comes from a real local CA.
final class ScriptedIssuer: IssuerConnector {
    enum Step: Sendable {
        case issue
        /// Issues for other names or another key than ordered.
        case issueFor(@Sendable (IssuanceRequest) throws -> IssuanceRequest)
        case pending(String, retryAfter: Duration?)
        case fail(IssuerError)
    }

    let capabilities: IssuerCapabilities
    private let real: any IssuerConnector
    private let script: Mutex<[Step]>
    private let requests = Mutex<[IssuanceRequest]>([])
    private let polls = Mutex<[UpstreamOrder]>([])

    init(real: any IssuerConnector, script: [Step]) {
        self.real = real
        capabilities = real.capabilities
        self.script = Mutex(script)
    }

    var asked: [IssuanceRequest] { requests.withLock { $0 } }
    var polled: [UpstreamOrder] { polls.withLock { $0 } }

    func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        requests.withLock { $0.append(request) }
        return try await perform(request)
    }

    func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome {
        polls.withLock { $0.append(order) }
        guard let request = asked.last else {
            throw IssuerError(.other, "polled for an order that was never made", help: "")
        }
        return try await perform(request)
    }

    func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await real.authorityChain() }
    func testConnection() async -> [ConnectionCheck] { await real.testConnection() }

    private func perform(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        let step = script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        switch step {
        case .issue: return try await real.issue(request)
        case .issueFor(let change):
            guard let changed = try? change(request) else { throw IssuerError(.other, "broken script", help: "") }
            return try await real.issue(changed)
        case .pending(let reference, let retryAfter):
            return .pending(UpstreamOrder(reference: reference), retryAfter: retryAfter)
        case .fail(let error): throw error
        case nil: throw IssuerError(.other, "the script has no such call", help: "extend the script")
        }
    }
}
