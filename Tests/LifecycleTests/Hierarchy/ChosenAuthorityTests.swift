import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Testing

/// A tree with two issuing CAs, of which the longer-lived signs unless somebody says otherwise.
private struct Pair {
    static let profile = ProfileID(stored: "prof-a")
    let grove: Grove
    let root: IntermediateCA
    let short: IntermediateCA
    let long: IntermediateCA
    var world: World { grove.world }

    static func with(_ engine: Engine, _ body: (Pair) async throws -> Void) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root")
            try await body(
                Pair(
                    grove: grove, root: root, short: try await grove.make("Short", below: root.id) { $0.ttlDays = 100 },
                    long: try await grove.make("Long", below: root.id) { $0.ttlDays = 1000 }))
        }
    }

    func name(_ id: AuthorityID?, _ change: @escaping @Sendable (inout ProfileFields) -> Void = { _ in }) async throws {
        if try await world.count("SELECT COUNT(*) AS n FROM certificate_profiles WHERE id = 'prof-a'") == 0 {
            var fields = ProfileFields(name: "servers")
            fields.issuerID = Grove.issuer
            fields.issuingCAID = id
            change(&fields)
            _ = try await world.profiles.create(id: "prof-a", fields, by: world.author)
        } else {
            _ = try await world.profiles.update(Self.profile, expecting: nil, by: world.author) {
                $0.issuingCAID = id
                change(&$0)
            }
        }
    }

    /// Who signs for a new certificate, under the profile or under none.
    func signer(of name: String, underProfile: Bool = true) async throws -> AuthorityID? {
        var draft = world.draft(name)
        draft.issuerID = Grove.issuer.text
        draft.profileID = underProfile ? Self.profile.text : nil
        _ = try await world.certificates.create(draft, by: world.author)
        return try await renewed(name)
    }

    /// Who signs for the next version.
    func renewed(_ name: String) async throws -> AuthorityID? {
        let answer = try await world.issuance.submit(
            clientCSR: try World.csr(name), for: CertificateID(stored: name), by: world.author)
        guard case .issued(let version, _) = answer else { throw ServiceError(.internalError, "not issued at once") }
        return version.issuingCA
    }

    func usual(_ id: AuthorityID?) async throws {
        var change = IssuerChange()
        change.config = .set(id.map { ["issuing_ca_id": .string($0.text)] } ?? ["issuing_ca_id": ""])
        _ = try await world.issuers.update(Grove.issuer, change, expecting: nil, by: world.author)
    }

    func refusal(_ body: () async throws -> Void) async throws -> ServiceError? {
        do {
            try await body()
            return nil
        } catch let error as ServiceError {
            return error
        }
    }
}

@Suite("Protocol servers §6.1: the CA that signs is the profile's, else the issuer's, else the one that fits")
struct ChosenAuthorityTests {
    @Test("the profile goes before the issuer, which goes before the rule", arguments: Engine.available)
    func order(engine: Engine) async throws {
        try await Pair.with(engine) { pair async throws in
            try await pair.name(nil)
            #expect(try await pair.signer(of: "one") == pair.long.id)
            try await pair.usual(pair.short.id)
            #expect(try await pair.signer(of: "two") == pair.short.id)
            #expect(try await pair.signer(of: "three", underProfile: false) == pair.short.id)
            try await pair.name(pair.long.id)
            #expect(try await pair.signer(of: "four") == pair.long.id)
            #expect(try await pair.renewed("two") == pair.long.id, "a renewal too")
            #expect(try await pair.signer(of: "five", underProfile: false) == pair.short.id)
            try await pair.usual(nil)
            try await pair.name(nil)
            #expect(try await pair.renewed("five") == pair.long.id)
        }
    }

    @Test("an agent's request goes to the same CA, and the order has it on record", arguments: Engine.available)
    func agents(engine: Engine) async throws {
        try await Pair.with(engine) { pair async throws in
            try await pair.name(pair.short.id)
            try await pair.world.agent("web-01")
            try await pair.world.target("edge", of: "web-01")
            var draft = pair.world.draft("api", targets: ["edge"], issue: true)
            draft.issuerID = Grove.issuer.text
            draft.profileID = Pair.profile.text
            _ = try await pair.world.certificates.create(draft, by: pair.world.author)
            _ = try await IssueFlowTests.submit(pair.world, try World.csr("api"), job: nil)
            #expect(try await pair.world.versions(of: "api").map(\.issuingCA) == [pair.short.id])
            let orders = try await pair.grove.count(
                "issuer_orders WHERE state = 'issued' AND issuing_ca_id = \(pair.short.id)")
            #expect(orders == 1)
        }
    }

    @Test("only a CA of the issuer that signs certificates can be named", arguments: Engine.available)
    func saved(engine: Engine) async throws {
        try await Pair.with(engine) { pair async throws in
            func code(_ id: AuthorityID, _ issuer: IssuerID? = Grove.issuer) async throws -> String? {
                try await pair.refusal { try await pair.name(id) { $0.issuerID = issuer } }?.problems.first?.code
            }
            #expect(try await code(AuthorityID(stored: "ica-none")) == "unknown_reference")
            #expect(try await code(pair.short.id, World.issuer) == "unknown_reference")
            #expect(try await code(pair.short.id, nil) == "conflicting_rules")
            #expect(try await code(pair.root.id) == "not_issuing")
            _ = try await pair.world.hierarchy.retire(
                pair.short.id, isConfirmed: false, note: nil, by: pair.world.author)
            #expect(try await code(pair.short.id) == "not_issuing")
            let usual = try await pair.refusal { try await pair.usual(pair.short.id) }
            #expect(usual?.problems.first?.pointer == "/config/issuing_ca_id")
            #expect(usual?.problems.first?.code == "not_issuing")
            var single = IssuerChange()
            single.config = .set(["issuing_ca_id": .string(pair.long.id.text)])
            let ofOne = try await pair.refusal {
                _ = try await pair.world.issuers.update(World.issuer, single, expecting: nil, by: pair.world.author)
            }
            #expect(ofOne?.code == .unprocessable)
            var early = IssuerDraft(name: "Early", type: "local", config: ["issuing_ca_id": "ica-x"])
            early.hierarchyMode = .tree
            let created = try await pair.refusal {
                _ = try await pair.world.issuers.create(early, by: pair.world.author)
            }
            #expect(created?.problems.first?.pointer == "/config/issuing_ca_id")
            #expect(try await code(pair.long.id) == nil)
        }
    }

    @Test("it does not retire while it is named; whoever takes its place signs for it", arguments: Engine.available)
    func succeeded(engine: Engine) async throws {
        try await Pair.with(engine) { pair async throws in
            let flow = pair.world.hierarchy
            try await pair.name(pair.short.id)
            func retire() async throws -> ServiceError? {
                try await pair.refusal {
                    _ = try await flow.retire(pair.short.id, isConfirmed: false, note: nil, by: pair.world.author)
                }
            }
            let named = try await retire()
            #expect(named?.code == .invalidState && named?.detail.contains("the profile servers") == true)
            try await pair.name(nil)
            try await pair.usual(pair.short.id)
            #expect(try await retire()?.detail.contains("the issuer iss-tree") == true)
            try await pair.name(pair.short.id)
            let next = try await flow.succeed(pair.short.id, SuccessionDraft(), by: pair.world.author)
            #expect(try await pair.signer(of: "one") == pair.short.id)
            _ = try await flow.activate(next.id, by: pair.world.author)
            #expect(try await pair.renewed("one") == next.id)
            #expect(try await pair.signer(of: "two", underProfile: false) == next.id)
            // Other members change although the CA that is named has ended by now.
            try await pair.name(pair.short.id) { $0.description = "changed" }
        }
    }

    @Test(
        "one that can't sign any more is an answer, and no other signs in its stead", arguments: Engine.available)
    func revoked(engine: Engine) async throws {
        try await Pair.with(engine) { pair async throws in
            try await pair.name(pair.short.id)
            _ = try await pair.world.hierarchy.revoke(
                pair.short.id, .superseded, note: nil, isRehearsed: false, by: pair.world.author)
            let error = try await pair.refusal { _ = try await pair.signer(of: "one") }
            #expect(error?.code == .unavailable && error?.retryAfter != nil)
            #expect(
                error?.detail.contains("the profile servers") == true && error?.detail.contains("is revoked") == true)
            #expect(try await pair.grove.count("certificate_versions") == 0)
            try await pair.name(nil)
            #expect(try await pair.renewed("one") == pair.long.id)
        }
    }

    @Test("what its certificate does not allow is refused, and nobody else asked", arguments: Engine.available)
    func constrained(engine: Engine) async throws {
        try await Pair.with(engine) { pair async throws in
            let other = try await pair.grove.make("Elsewhere", below: pair.root.id) {
                $0.nameConstraints = [["permitted": ["example.org"]]]
            }
            try await pair.name(other.id)
            let error = try await pair.refusal { _ = try await pair.signer(of: "one") }
            #expect(error?.code == .policyViolation, "\(String(describing: error))")
            #expect(try await pair.grove.count("certificate_versions") == 0)
        }
    }
}
