import DatabaseTestSupport
import Domain
import Encoding
import IssuerConnectors
import Lifecycle
import PKI
import Query
import Store
import Testing

/// Tries requests under `prof-1`.
private struct RequestStage {
    let world: World
    let trial: ProfileTrial

    func verdict(
        _ pem: String, for certificate: String? = nil, as proposal: ProfileProposal? = nil, from issuer: String? = nil
    ) async throws -> RequestVerdict {
        var terms = RequestTrial()
        terms.certificateID = certificate.map { CertificateID(stored: $0) }
        terms.issuerID = issuer.map { IssuerID(stored: $0) }
        return try await trial.evaluate(
            pem, under: ProfileID(stored: "prof-1"), as: proposal ?? ProfileProposal(), for: terms, within: .system,
            by: world.author.actor)
    }
}

@Suite("rest-api §7.12: what a profile would do, told before it does it")
struct ProfileTrialTests {
    private static let profile = ProfileID(stored: "prof-1")

    /// Certificates `a` to `d` under `prof-1`: of a client with P-256, of one with RSA, of an agent, and one that was
    /// never issued; `gone` is archived, and `other` lies under another profile.
    private static func with(_ engine: Engine, _ body: (World, ProfileTrial) async throws -> Void) async throws {
        try await World.with(engine) { world async throws in
            for id in ["prof-1", "prof-2"] {
                _ = try await world.profiles.create(id: id, ProfileFields(name: id), by: world.author)
            }
            try await world.agent("web-01")
            try await world.target("tgt-1", of: "web-01")
            for name in ["a", "b", "c", "d", "gone", "other"] {
                var draft = world.draft(name, targets: name == "c" ? ["tgt-1"] : [], issue: name == "c")
                draft.profileID = name == "other" ? "prof-2" : "prof-1"
                _ = try await world.certificates.create(draft, by: world.author)
            }
            for (name, spec) in [("a", KeySpec.ecdsaP256), ("b", .rsa2048)] {
                _ = try await world.issuance.submit(
                    clientCSR: try World.csr(name, key: .generate(spec)), for: CertificateID(stored: name),
                    by: world.author)
            }
            _ = try await world.issuance.submit(
                agentCSR: try World.csr("c", key: .generate(.rsa2048)), of: AgentID(stored: "web-01"), job: nil,
                certificate: CertificateID(stored: "c"),
                by: Authorship(actor: Actor(id: "web-01", type: .agent), origin: world.origin, clearance: .system))
            _ = try await world.certificates.archive(
                CertificateID(stored: "gone"), expecting: nil, by: world.author)
            try await body(world, ProfileTrial(world.context))
        }
    }

    private static func found(_ outlook: ProfileOutlook) -> [String: [String]] {
        Dictionary(
            uniqueKeysWithValues: outlook.refusals.map { ($0.certificate.id.text, $0.violations.map(\.code)) })
    }

    @Test("a proposal is judged by what renewals are expected to ask for", arguments: Engine.available)
    func proposals(engine: Engine) async throws {
        try await Self.with(engine) { world, trial async throws in
            func check(_ change: @escaping @Sendable (inout ProfileFields) -> Void) async throws -> ProfileOutlook {
                try await trial.check(Self.profile, as: ProfileProposal(change), limit: 10, within: .system)
            }
            let saved = try await trial.check(Self.profile, limit: 10, within: .system)
            #expect(saved.examined == 4 && saved.refused == 0 && saved.next == nil)

            // Clients keep their kind of key; the agent makes what the profile asks for.
            let small = try await check { $0.allowedKeys = [KeyRule(algorithm: .ecdsa, minSize: 384)] }
            #expect(Self.found(small) == ["a": ["key_size"], "b": ["key_algorithm"]])
            #expect(small.rules == ["key_size": 1, "key_algorithm": 1])
            let impossible = try await check {
                $0.allowedKeys = [KeyRule(algorithm: .rsa, minSize: 5000, maxSize: 6000)]
            }
            #expect(Self.found(impossible)["c"] == ["key_algorithm"], "no agent makes such a key")
            let unmakeable = impossible.refusals.first { $0.certificate.id.text == "c" }
            #expect(unmakeable?.violations.first?.agentID?.text == "web-01")

            // Names are those of the records, also where nothing was issued yet.
            let names = try await check { $0.requiredSANPatterns = ["[ab]\\.example\\.com"] }
            #expect(Self.found(names) == ["c": ["name_pattern"], "d": ["name_pattern"]])
            let off = try await check { $0.enabled = false }
            #expect(off.refused == 4 && off.rules == ["profile_disabled": 4])
            let attributes = try await check { $0.requiredCSRAttributes = ["organizationName"] }
            #expect(Set(Self.found(attributes).keys) == ["a", "b", "c"])

            // What is wrong is told as when saving, and nothing was saved.
            let error = await #expect(throws: ServiceError.self) { _ = try await check { $0.maxSANs = 1000 } }
            #expect(error?.code == .validationFailed && error?.problems.map(\.pointer) == ["/profile/max_sans"])
            let unknown = await #expect(throws: ServiceError.self) {
                _ = try await check { $0.issuerID = IssuerID(stored: "iss-nobody") }
            }
            #expect(unknown?.code == .unknownReference)
            #expect(
                await refusal {
                    _ = try await trial.check(
                        Self.profile, as: ProfileProposal(expecting: 7), limit: 0, within: .system)
                } == .preconditionFailed)
            let stored = try await world.database.read { tx in try ProfileStore().get(Self.profile, in: tx) }
            #expect(stored.fields == ProfileFields(name: "prof-1") && stored.rowVersion == 1)
        }
    }

    @Test("where keys must be fresh, whoever kept the key at the last renewal is found", arguments: Engine.available)
    func reuse(engine: Engine) async throws {
        try await Self.with(engine) { world, trial async throws in
            let key = try PrivateKey.generate(.ecdsaP256)
            for _ in 0..<2 {
                _ = try await world.issuance.submit(
                    clientCSR: try World.csr("a", key: key), for: CertificateID(stored: "a"), by: world.author)
            }
            let outlook = try await trial.check(
                Self.profile, as: ProfileProposal { $0.keyReuse = .forbid }, limit: 10, within: .system)
            #expect(Self.found(outlook) == ["a": ["key_reuse"]])
        }
    }

    @Test("pages end with the last refusal of theirs, and add up", arguments: Engine.available)
    func pages(engine: Engine) async throws {
        try await Self.with(engine) { _, trial async throws in
            let off = ProfileProposal { $0.enabled = false }
            var last: CertificateID?
            var seen: [String] = []
            var (examined, refused) = (0, 0)
            repeat {
                let page = try await trial.check(Self.profile, as: off, limit: 3, after: last, within: .system)
                #expect(page.refusals.count <= 3)
                seen += page.refusals.map(\.certificate.id.text)
                examined += page.examined
                refused += page.refused
                last = page.next
            } while last != nil
            #expect(seen == ["a", "b", "c", "d"])
            #expect(examined == 4 && refused == 4)
            let counted = try await trial.check(Self.profile, as: off, limit: 0, within: .system)
            #expect(counted.refused == 4 && counted.refusals.isEmpty && counted.next == nil)
        }
    }

    @Test("a request gets the verdict and the template that it would get", arguments: Engine.available)
    func evaluation(engine: Engine) async throws {
        try await Self.with(engine) { world, trial async throws in
            try await Self.judge(RequestStage(world: world, trial: trial))
        }
    }

    private static func judge(_ stage: RequestStage) async throws {
        let limited = ProfileProposal { fields in
            fields.maxTTLSeconds = 3600
            fields.subjectPolicy = SubjectPolicy(fixed: [.organization: "Example Ltd"])
        }
        let csr = try World.csr("a", extra: ["more.example.com"])
        let free = try await stage.verdict(csr, as: limited)
        #expect(free.problems.isEmpty)
        #expect(free.issuerID == nil)
        #expect(free.template?.ttl == .seconds(3600))
        #expect(free.template?.subject?.description == "CN=a.example.com,O=Example Ltd")
        #expect(free.names.map(\.text).sorted() == ["a.example.com", "more.example.com"])
        // For the record the second name is one too many.
        let bound = try await stage.verdict(csr, for: "a")
        #expect(bound.problems.map(\.code) == ["name_not_approved"])
        #expect(bound.template == nil)
        #expect(bound.issuerID == World.issuer)
        let foreign = try await stage.verdict(
            try World.csr("a"), as: ProfileProposal { $0.issuerID = World.issuer }, from: "iss-local")
        #expect(foreign.problems.isEmpty)
        #expect(await refusal { _ = try await stage.verdict(csr, from: "iss-nobody") } == .unknownReference)
        #expect(await refusal { _ = try await stage.verdict(csr, for: "a", from: "iss-local") } == .validationFailed)
        #expect(await refusal { _ = try await stage.verdict(csr, for: "nobody") } == .notFound)
        #expect(await refusal { _ = try await stage.verdict("-----BEGIN NOTHING-----") } == .validationFailed)

        let signer = try #require(try await stage.world.authorities.load(World.issuer))
        guard case .sealed(let key) = signer.key else { return }
        let reserved = try await stage.verdict(try World.csr("a", key: key))
        #expect(reserved.problems.map(\.code) == ["authority_key"])
        #expect(try await stage.world.count("SELECT COUNT(*) AS n FROM issuer_orders") == 3)
    }
}
