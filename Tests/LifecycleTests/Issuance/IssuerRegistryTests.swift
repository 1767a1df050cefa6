import ConnectorKit
import Domain
import Lifecycle
import PKI
import Synchronization
import Testing

@Suite("one connector for each issuer and revision, however many ask at the same time")
struct IssuerRegistryTests {
    /// A connector that is only told from others.
    private final class Token: IssuerConnector {
        let capabilities = IssuerCapabilities(
            flow: .synchronous, serialAllocation: .caller, nameKinds: [], keyAlgorithms: [], honoursMaxTTL: false,
            honoursExtendedKeyUsages: false, honoursMustStaple: false)

        func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome { throw refusal }
        func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { throw refusal }
        func authorityChain() async throws(IssuerError) -> [X509Certificate] { [] }
        func testConnection() async -> [ConnectionCheck] { [] }

        private var refusal: IssuerError { IssuerError(.other, "it only has a place", help: "") }
    }

    /// Makes connectors at the revision that is set, each maker waiting while the gate of its revision is closed.
    private final class Workshop: Sendable {
        private struct State {
            var revision = 1
            var made: [String] = []
            var isBroken = false
            var closed: Set<Int> = []
            var waiting: [(revision: Int, continuation: CheckedContinuation<Void, Never>)] = []
        }

        private let state = Mutex(State())

        var made: [String] { state.withLock { $0.made } }
        func set(revision: Int) { state.withLock { $0.revision = revision } }
        func set(broken: Bool) { state.withLock { $0.isBroken = broken } }
        func close(_ revisions: Int...) { state.withLock { $0.closed.formUnion(revisions) } }

        func open(_ revision: Int) {
            let waiting = state.withLock { state in
                state.closed.remove(revision)
                defer { state.waiting.removeAll { $0.revision == revision } }
                return state.waiting.filter { $0.revision == revision }
            }
            for maker in waiting { maker.continuation.resume() }
        }

        /// Reads the configuration, then takes as long as the gate is closed.
        func make(_ id: String) async throws -> (revision: Int, connector: any IssuerConnector) {
            let (revision, isBroken) = state.withLock { state in
                state.made.append("\(id) \(state.revision)")
                return (state.revision, state.isBroken)
            }
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    let isClosed = state.closed.contains(revision)
                    if isClosed { state.waiting.append((revision, continuation)) }
                    return !isClosed
                }
                if goesOn { continuation.resume() }
            }
            if isBroken { throw IssuerError(.other, "no key", help: "") }
            return (revision, Token())
        }

        /// Until so many makers have begun.
        func begun(_ count: Int) async throws {
            for _ in 0..<1_000 where made.count < count { try await Task.sleep(for: .milliseconds(5)) }
            try #require(made.count >= count)
        }
    }

    private static let (web, mail) = (IssuerID(stored: "iss-web"), IssuerID(stored: "iss-mail"))

    private static func registry(_ workshop: Workshop) -> IssuerRegistry {
        IssuerRegistry { try await workshop.make($0.text) }
    }

    private static func isSame(_ one: any IssuerConnector, _ other: any IssuerConnector) -> Bool {
        (one as AnyObject) === (other as AnyObject)
    }

    @Test("of those who find a cold registry one makes the connector, and all have that one")
    func shared() async throws {
        let workshop = Workshop()
        let registry = Self.registry(workshop)
        workshop.close(1)
        let connectors = try await withThrowingTaskGroup(of: (any IssuerConnector).self) { group in
            for _ in 0..<32 { group.addTask { try await registry.connector(for: Self.web, revision: 1) } }
            try await workshop.begun(1)
            workshop.open(1)
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(workshop.made == ["iss-web 1"])
        let first = try #require(connectors.first)
        #expect(connectors.count == 32 && connectors.allSatisfy { Self.isSame($0, first) })
        #expect(Self.isSame(try await registry.connector(for: Self.web, revision: 1), first))
        #expect(workshop.made.count == 1)
    }

    @Test("a failure reaches all who waited and is not kept")
    func failure() async throws {
        let workshop = Workshop()
        let registry = Self.registry(workshop)
        workshop.set(broken: true)
        workshop.close(1)
        let failures = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    do {
                        _ = try await registry.connector(for: Self.web, revision: 1)
                        return false
                    } catch let error as IssuerError { return error.message == "no key" }
                }
            }
            try await workshop.begun(1)
            workshop.open(1)
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(failures == 16)
        workshop.set(broken: false)
        _ = try await registry.connector(for: Self.web, revision: 1)
    }

    @Test("another revision is another connector, and leaves those of other issuers alone")
    func revisions() async throws {
        let workshop = Workshop()
        let registry = Self.registry(workshop)
        let web = try await registry.connector(for: Self.web, revision: 1)
        let mail = try await registry.connector(for: Self.mail, revision: 1)
        workshop.set(revision: 2)
        let changed = try await registry.connector(for: Self.web, revision: 2)
        #expect(!Self.isSame(changed, web))
        #expect(Self.isSame(try await registry.connector(for: Self.mail, revision: 1), mail))
        #expect(workshop.made == ["iss-web 1", "iss-mail 1", "iss-web 2"])
        registry.remove(Self.web)
        #expect(!Self.isSame(try await registry.connector(for: Self.web, revision: 2), changed))
        #expect(Self.isSame(try await registry.connector(for: Self.mail, revision: 1), mail))
    }

    @Test("one that was slow to make does not displace that of a newer revision")
    func overtaken() async throws {
        let workshop = Workshop()
        let registry = Self.registry(workshop)
        workshop.close(1, 2)
        async let slow = registry.connector(for: Self.web, revision: 1)
        try await workshop.begun(1)
        workshop.set(revision: 2)
        async let newer = registry.connector(for: Self.web, revision: 2)
        try await workshop.begun(2)
        workshop.open(2)
        let new = try await newer
        workshop.open(1)
        let old = try await slow
        #expect(!Self.isSame(old, new))
        #expect(Self.isSame(try await registry.connector(for: Self.web, revision: 2), new))
        #expect(workshop.made == ["iss-web 1", "iss-web 2"])
    }

    @Test("who made it being cancelled costs the others nothing")
    func cancelled() async throws {
        let workshop = Workshop()
        let registry = Self.registry(workshop)
        workshop.close(1)
        let leader = Task { try await registry.connector(for: Self.web, revision: 1) }
        try await workshop.begun(1)
        let others = (0..<8).map { _ in Task { try await registry.connector(for: Self.web, revision: 1) } }
        leader.cancel()
        workshop.open(1)
        var connectors: [any IssuerConnector] = []
        for other in others { connectors.append(try await other.value) }
        let first = try #require(connectors.first)
        #expect(connectors.allSatisfy { Self.isSame($0, first) })
    }

    @Test("without trees there is no CA of a tree, and a signer without one is the issuer itself")
    func signers() async throws {
        let workshop = Workshop()
        let registry = Self.registry(workshop)
        let whole = try await registry.signer(for: Self.web, nil, revision: 1)
        #expect(Self.isSame(try await registry.connector(for: Self.web, revision: 1), whole))
        await #expect(throws: IssuerError.self) {
            _ = try await registry.signer(for: Self.web, AuthorityID(stored: "ica-none"), revision: 1)
        }
    }
}
