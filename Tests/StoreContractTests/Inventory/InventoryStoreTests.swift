import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@Suite("Domain §3: owners, policies, profiles, issuers and targets keep what they are given")
struct InventoryStoreTests {
    @Test("owners: names and addresses are unique, the team must exist", arguments: Engine.available)
    func owners(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let owners = OwnerStore()
            let id: OwnerID = Unique.id()
            let fields = OwnerFields(name: "Alice", email: "Alice@example.com", teamID: Seed.team)
            let inserted = try await database.write { try owners.insert(id, fields, in: $0) }
            #expect(inserted.email == "Alice@example.com" && inserted.teamID == Seed.team)
            let refused: [(OwnerFields, StoreError)] = [
                (OwnerFields(name: "Alice", email: "", teamID: nil), .alreadyExists(.owner, field: "name")),
                (
                    OwnerFields(name: "Bob", email: "aLICE@example.com", teamID: Seed.team),
                    .alreadyExists(.owner, field: "email")
                ),
                (
                    OwnerFields(name: "Carol", email: "", teamID: TeamID(stored: "t-no")),
                    .unknownReferences([.init(field: "team_id", id: "t-no")])
                ),
            ]
            for (fields, error) in refused {
                await #expect(throws: error) {
                    try await database.write { try owners.insert(Unique.id(), fields, in: $0) }
                }
            }
            try await database.write { tx in
                let moved = try owners.update(id, OwnerFields(name: "A", email: "", teamID: nil), expecting: 1, in: tx)
                #expect(moved.teamID == nil && moved.rowVersion == 2)
                try owners.delete(id, expecting: 2, in: tx)
                #expect(try owners.find(id, in: tx) == nil)
            }
        }
    }

    @Test("policies keep thresholds, channels and severities", arguments: Engine.available)
    func policies(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let policies = PolicyStore()
            let id: RenewalPolicyID = Unique.id()
            var fields = RenewalPolicyFields(
                name: "weekly",
                renewalWindowDays: 7,
                autoRenew: false,
                maxRetries: 0,
                retryIntervalSeconds: 60,
                alertThresholdsDays: [365, 1],
                alertChannels: ["critical": ["PagerDuty", "Email"]],
                alertSeverityMap: ["7": "critical"]
            )
            let first = fields
            let stored = try await database.write { try policies.insert(id, first, in: $0) }
            #expect(stored.fields == first && stored.maxAttempts == 1 && stored.retryInterval == .seconds(60))
            fields.alertChannels = [:]
            let changed = fields
            try await database.write { tx in
                #expect(try policies.update(id, changed, expecting: 1, in: tx).fields == changed)
                #expect(try policies.taken(among: [id, RenewalPolicyID(stored: "rp-new")], in: tx) == [id])
                try policies.delete(id, expecting: 2, in: tx)
            }
            let seed = try await database.seed()
            try await database.write { _ = try seed.certificate(in: $0) }
            await #expect(throws: StoreError.inUse(.policy, id: "rp-default", counts: ["certificates": 1])) {
                try await database.write { try policies.delete(Seed.policy, expecting: nil, in: $0) }
            }
        }
    }

    @Test("profiles keep key rules, usages, patterns and switches", arguments: Engine.available)
    func profiles(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let profiles = ProfileStore()
            let id: ProfileID = Unique.id()
            var draft = ProfileFields(
                name: "short",
                allowedKeys: [KeyRule(algorithm: .ed25519, minSize: 256)],
                maxTTLSeconds: 600,
                allowedEKUs: ["serverAuth", "1.3.6.1.4.1.1"],
                requiredSANPatterns: [#"[a-z]+\.example\.com"#],
                allowShortLived: true,
                mustStaple: true,
                acmeAuthMode: .challenge,
                enabled: false
            )
            let seed = try await database.seed()
            draft.defaultTTLSeconds = 300
            draft.backdateSeconds = 0
            draft.ekuCritical = true
            draft.allowedSANTypes = [.dns, .uri, .upn]
            draft.maxSANs = 7
            draft.subjectPolicy = SubjectPolicy(
                allowed: [.organizationalUnit], fixed: [.country: "CH", .organization: "Example"], commonName: .none)
            draft.policyOIDs = ["1.2.3.4"]
            draft.keyUsages = ["digitalSignature", "keyAgreement"]
            draft.nameConstraints = ["excluded": ["ip": ["10.0.0.0/8"]], "permitted": ["dns": ["example.com"]]]
            draft.mustStapleOnRequest = true
            draft.keyReuse = .forbid
            draft.acmeRequireEAB = false
            draft.acmeChallengeTypes = [.dns01]
            draft.acmeAllowWildcards = false
            draft.acmeAllowSingleLabel = true
            draft.acmePreauthorization = true
            draft.acmePerspectives = ["eu", "us"]
            draft.acmePerspectiveQuorum = 2
            draft.acmeOrdersPerHour = 500
            draft.issuerID = seed.issuer
            draft.issuingCAID = AuthorityID(stored: "ica-1")
            draft.ownerID = Seed.owner
            draft.teamID = Seed.team
            draft.renewalPolicyID = Seed.policy
            let fields = draft
            let stored = try await database.write { try profiles.insert(id, fields, in: $0) }
            #expect(stored.fields == fields)
            let page = try await database.read { tx in
                try profiles.list(.first(ProfileFilter(enabled: false), sort: .name), within: .system, in: tx)
            }
            #expect(page.rows == [stored])
            #expect(ProfileFields(json: fields.json) == fields, "what an approval keeps")
            var changed = fields
            changed.subjectPolicy = nil
            changed.acmeRequireEAB = nil
            changed.backdateSeconds = nil
            changed.issuerID = nil
            changed.issuingCAID = nil
            let wanted = changed
            let updated = try await database.write { try profiles.update(id, wanted, expecting: 1, in: $0) }
            #expect(updated.fields == wanted && ProfileFields(json: wanted.json) == wanted)
            changed.teamID = TeamID(stored: "t-nobody")
            let unknown = changed
            await #expect(throws: StoreError.unknownReferences([.init(field: "team_id", id: "t-nobody")])) {
                try await database.write { try profiles.update(id, unknown, expecting: nil, in: $0) }
            }
            await #expect(throws: StoreError.self) {
                try await database.write { try PolicyStore().delete(Seed.policy, expecting: nil, in: $0) }
            }
            try await database.write { _ = try seed.certificate(in: $0) }
            await #expect(throws: StoreError.inUse(.profile, id: seed.profile.text, counts: ["certificates": 1])) {
                try await database.write { try profiles.delete(seed.profile, expecting: nil, in: $0) }
            }
        }
    }

    @Test("issuers keep sealed configuration apart and count its revisions", arguments: Engine.available)
    func issuers(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let issuers = IssuerStore()
            let seed = try await database.seed()
            try await database.write { tx in
                let stored = try issuers.get(seed.issuer, in: tx)
                #expect(stored.config == ["key": "********"] && stored.configRevision == 1)
                #expect(try issuers.encryptedConfig(of: seed.issuer, in: tx) == [1, 2, 3])
                let fields = IssuerFields(name: "new", config: [:], encryptedConfig: nil, enabled: false)
                let changed = try issuers.update(seed.issuer, fields, expecting: 1, in: tx)
                #expect(changed.configRevision == 2 && !changed.enabled && changed.type == .genericCA)
                #expect(try issuers.encryptedConfig(of: seed.issuer, in: tx) == nil)
                #expect(try issuers.revisions(in: tx)[seed.issuer] == 2)
                try issuers.recordTest(seed.issuer, .success, in: tx)
                let tested = try issuers.get(seed.issuer, in: tx)
                #expect(tested.testStatus == .success && tested.lastTestedAt == tx.now)
                try seed.certificate(in: tx)
            }
            await #expect(throws: StoreError.inUse(.issuer, id: seed.issuer.text, counts: ["certificates": 1])) {
                try await database.write { try issuers.delete(seed.issuer, expecting: nil, in: $0) }
            }
        }
    }

    @Test(
        "targets belong to an agent that serves, and are retired once they have a history", arguments: Engine.available)
    func targets(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let targets = TargetStore()
            let seed = try await database.seed()
            let unused: TargetID = Unique.id()
            let fields = TargetFields(name: "n", agentID: seed.agent, config: ["a": 1], encryptedConfig: nil)
            try await database.write { try targets.insert(unused, type: .nginx, fields, in: $0) }
            await #expect(throws: StoreError.alreadyExists(.target, field: "name")) {
                try await database.write { try targets.insert(Unique.id(), type: .nginx, fields, in: $0) }
            }
            let certificate = try await database.write { tx in
                let certificate = try seed.certificate(in: tx)
                try CertificateStore().attach([seed.target], to: certificate.id, in: tx)
                try JobStore().open(
                    [seed.job(.deployment, of: certificate.id, agent: seed.agent, target: seed.target)],
                    in: tx
                )
                return certificate.id
            }
            let counts = ["attached_certificates": 1, "pending_jobs": 1]
            await #expect(throws: StoreError.inUse(.target, id: seed.target.text, counts: counts)) {
                try await database.write {
                    try targets.remove(seed.target, force: false, reason: nil, expecting: nil, in: $0)
                }
            }
            try await database.write { tx in
                #expect(try targets.attached(to: certificate, in: tx).map(\.id) == [seed.target])
                let removal = try targets.remove(seed.target, force: true, reason: "gone", expecting: 1, in: tx)
                #expect(removal == .retired)
                #expect(try targets.get(seed.target, in: tx).retiredReason == "gone")
                #expect(try CertificateStore().targetIDs(of: certificate, in: tx).isEmpty)
                #expect(try targets.remove(unused, force: false, reason: nil, expecting: nil, in: tx) == .deleted)
                #expect(try targets.find(unused, in: tx) == nil)
                _ = try AgentStore().retire(seed.agent, reason: "r", expecting: nil, in: tx)
            }
            await #expect(throws: StoreError.self) {
                try await database.write { try targets.insert(Unique.id(), type: .nginx, fields, in: $0) }
            }
            let visible = try await database.read { try targets.list(.first(TargetFilter(), sort: .name), in: $0) }
            #expect(visible.rows.isEmpty && visible.total == 0)
        }
    }
}
