import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("ADR-0030: CAs of a tree whose kind of key came onto the deny-list")
struct DeniedAuthorityTests {
    /// A root that is allowed, and below it CAs of both kinds; the denied one lives longer.
    private struct Stage {
        let grove: Grove
        let root: IntermediateCA
        let denied: IntermediateCA
        let allowed: IntermediateCA
        let hierarchy: HierarchyFlow
        let issuance: IssueFlow
        var author: Authorship { grove.world.author }

        static func with(_ engine: Engine, _ body: (Stage) async throws -> Void) async throws {
            try await Grove.with(engine) { grove async throws in
                let root = try await grove.make("Root") { $0.algorithm = "ECDSA-P384" }
                let denied = try await grove.make("Issuing 256", below: root.id) { $0.algorithm = "ECDSA-P256" }
                let allowed = try await grove.make("Issuing 384", below: root.id) {
                    $0.algorithm = "ECDSA-P384"
                    $0.ttlDays = 30
                }
                let (hierarchy, issuance) = grove.world.denying([.ecdsaP256])
                try await body(
                    Stage(
                        grove: grove, root: root, denied: denied, allowed: allowed, hierarchy: hierarchy,
                        issuance: issuance))
            }
        }

        func refusal(_ body: (HierarchyFlow, Authorship) async throws -> Void) async throws -> ServiceError? {
            do {
                try await body(hierarchy, author)
                return nil
            } catch let error as ServiceError {
                return error
            }
        }

        func count() async throws -> Int { try await grove.world.count("SELECT COUNT(*) AS n FROM intermediate_cas") }
    }

    @Test(
        "such a key makes no CA, gets no certificate, and is followed by none of its kind; nothing changes",
        arguments: Engine.available)
    func refusals(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let (root, denied, allowed) = (stage.root.id, stage.denied.id, stage.allowed.id)
            let before = try await stage.count()
            let attempts: [(String, (HierarchyFlow, Authorship) async throws -> Void)] = [
                ("create", { _ = try await $0.create(Self.draft(below: root), by: $1) }),
                ("request", { _ = try await $0.request(Self.draft(below: root), by: $1) }),
                ("renew", { _ = try await $0.renew(denied, ttlDays: 0, with: nil, by: $1) }),
                ("cross-request", { _ = try await $0.crossRequest(denied, by: $1) }),
                ("cross-sign", { _ = try await $0.crossSign(denied, Self.crossing(by: allowed), by: $1) }),
                ("sign across", { _ = try await $0.crossSign(allowed, Self.crossing(by: denied), by: $1) }),
                ("succeed", { _ = try await $0.succeed(denied, SuccessionDraft(), by: $1) }),
                (
                    "certify below",
                    {
                        _ = try await $0.create(
                            Grove.draft("Below", below: denied) { $0.algorithm = "ECDSA-P384" }, by: $1)
                    }
                ),
            ]
            for (name, attempt) in attempts {
                let refusal = try await stage.refusal(attempt)
                #expect(
                    refusal?.problems.map(\.code) == ["denied_algorithm"], "\(name): \(String(describing: refusal))")
            }
            #expect(try await stage.count() == before)
        }
    }

    @Test(
        "a successor that was staged before does not come into service; one with an allowed key does",
        arguments: Engine.available)
    func halfway(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let world = stage.grove.world
            let staged = try await world.hierarchy.succeed(stage.denied.id, SuccessionDraft(), by: stage.author)
            let refusal = try await stage.refusal { _ = try await $0.activate(staged.id, by: $1) }
            #expect(refusal?.problems.map(\.code) == ["denied_algorithm"])
            #expect(try await stage.grove.stored(staged.id).state == .staged)
            #expect(try await stage.grove.stored(stage.denied.id).state == .active)

            // One with a key of an allowed kind follows, once the other is given up.
            _ = try await stage.hierarchy.retire(staged.id, isConfirmed: false, note: nil, by: stage.author)
            var other = SuccessionDraft()
            other.algorithm = "ECDSA-P384"
            let next = try await stage.hierarchy.succeed(stage.denied.id, other, by: stage.author)
            let done = try await stage.hierarchy.activate(next.id, by: stage.author)
            #expect(done.node.state == .active)
            #expect(done.predecessor?.state == .retiring)
        }
    }

    @Test("another CA of the tree signs, though it ends sooner; when there is none, nothing is signed")
    func choice() async throws {
        try await Stage.with(.sqlite) { stage async throws in
            let world = stage.grove.world
            for name in ["api", "web"] {
                var draft = world.draft(name)
                draft.issuerID = Grove.issuer.text
                _ = try await world.certificates.create(draft, by: stage.author)
            }
            func submit(_ name: String) async throws -> X509Certificate? {
                let csr = try World.csr(name, key: PrivateKey.generate(.ecdsaP384))
                let answer = try await stage.issuance.submit(
                    clientCSR: csr, for: CertificateID(stored: name), by: stage.author)
                guard case .issued(let version, _) = answer else { return nil }
                return try X509Certificate.bundle(pem: version.pemChain).first
            }
            let leaf = try #require(try await submit("api"))
            let signer = try await stage.grove.certificate(stage.allowed.id)
            #expect(leaf.verifySignature(issuedBy: signer))

            _ = try await stage.hierarchy.retire(stage.allowed.id, isConfirmed: false, note: nil, by: stage.author)
            let before = try await world.count("SELECT COUNT(*) AS n FROM certificate_versions")
            var isIssued = true
            do { isIssued = try await submit("web") != nil } catch is ServiceError { isIssued = false }
            #expect(!isIssued)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == before)
        }
    }

    private static func draft(below parent: AuthorityID) -> CADraft {
        Grove.draft("Another", below: parent) { $0.algorithm = "ECDSA-P256" }
    }

    private static func crossing(by parent: AuthorityID) -> CrossSigningDraft {
        var draft = CrossSigningDraft()
        draft.parentID = parent
        return draft
    }
}
