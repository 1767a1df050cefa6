import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Testing

@Suite("Inventory: checked together, written once, audited always")
struct InventoryFlowTests {
    @Test("unknown references are 422 and named all at once", arguments: Engine.available)
    func unknownReferences(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            var draft = world.draft("api")
            draft.ownerID = "o-nobody"
            draft.teamID = "t-nowhere"
            draft.renewalPolicyID = "rp-never"
            let refused = await #expect(throws: ServiceError.self) {
                _ = try await world.certificates.create(draft, by: world.author)
            }
            #expect(refused?.code == .unknownReference)
            #expect(Set(refused?.problems.map(\.pointer) ?? []) == ["/owner_id", "/team_id", "/renewal_policy_id"])
            draft = world.draft("api", targets: ["t-gone"])
            let target = await #expect(throws: ServiceError.self) {
                _ = try await world.certificates.create(draft, by: world.author)
            }
            #expect(target?.code == .unknownReference)
            #expect(target?.problems.map(\.pointer) == ["/target_ids/0"])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM managed_certificates") == 0)
            #expect(try await world.actions(on: "api").isEmpty)
        }
    }

    @Test("a taken name is 409, and what is in use stays, with the counts", arguments: Engine.available)
    func conflicts(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            var draft = world.draft("api")
            draft.id = "api-2"
            #expect(
                await refusal { _ = try await world.certificates.create(draft, by: world.author) } == .alreadyExists)
            let team = await #expect(throws: ServiceError.self) {
                try await world.teams.delete(TeamID(stored: "t-web"), expecting: nil, by: world.author)
            }
            #expect(team?.code == .inUse)
            #expect(team?.counts == ["certificates": 1, "owners": 1])
            let policy = await refusal {
                try await world.policies.delete(World.policy, expecting: nil, by: world.author)
            }
            #expect(policy == .inUse)
            let issuer = await refusal {
                try await world.issuers.delete(World.issuer, expecting: nil, by: world.author)
            }
            #expect(issuer == .inUse)
        }
    }

    @Test("a change on an old version is 412, and absent members stay", arguments: Engine.available)
    func conditionalUpdate(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let stored = try await world.certificate("api")
            var change = CertificateChange()
            change.environment = .set("production")
            change.tags = .set(["tier": "1"])
            let updated = try await world.certificates.update(
                stored.id, change, expecting: stored.rowVersion, by: world.author)
            #expect(updated.fields.environment == "production")
            #expect(updated.fields.name == "api")
            #expect(updated.rowVersion > stored.rowVersion)
            let stale = await refusal {
                _ = try await world.certificates.update(
                    stored.id, change, expecting: stored.rowVersion, by: world.author)
            }
            #expect(stale == .preconditionFailed)
        }
    }

    @Test("policies get a readable id from their name, and a changed window re-plans their certificates")
    func policySlugAndReplan() async throws {
        try await World.with(.sqlite) { world async throws in
            let first = try await world.policies.create(id: nil, PolicyDraft(name: "Two Weeks"), by: world.author)
            #expect(first.id.text == "rp-two-weeks")
            try await DeploymentFlowTests.issued(world)
            let before = try #require(try await world.stored("api").nextRenewalAt)
            let policy = try await world.policies.update(World.policy, expecting: nil, by: world.author) { draft in
                draft.renewalWindowDays = 7
            }
            #expect(policy.fields.renewalWindowDays == 7)
            let after = try #require(try await world.stored("api").nextRenewalAt)
            #expect(after - before > .days(20))
            _ = try await world.policies.update(World.policy, expecting: nil, by: world.author) { $0.autoRenew = false }
            #expect(try await world.stored("api").nextRenewalAt == nil)
        }
    }

    @Test("attaching a target of an agent without a key makes the certificate due at once; detaching un-plans it")
    func targetsAndPlan() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            let stored = try await world.certificate("api")
            #expect(stored.nextRenewalAt == nil)
            let edge = TargetID(stored: "edge")
            #expect(try await world.certificates.attach(edge, to: stored.id, by: world.author))
            #expect(try await !world.certificates.attach(edge, to: stored.id, by: world.author))
            #expect(try await world.stored("api").nextRenewalAt == world.clock.now)
            #expect(try await world.certificates.detach(edge, from: stored.id, by: world.author))
            #expect(try await world.stored("api").nextRenewalAt == nil)
            #expect(try await !world.certificates.detach(edge, from: stored.id, by: world.author))
        }
    }

    @Test(
        "profiles refuse what could never be kept",
        arguments: [
            "rsa", "eku", "ttl", "pattern", "spiffe", "max_size", "rsa_max", "any", "ocsp", "time_stamping",
            "default_ttl",
            "backdate", "backdate_range", "spiffe_type", "pattern_type", "policy", "country", "fixed_and_free",
            "max_sans", "key_usage", "ca_usage", "impossible_usage", "usage_of_one", "half_agreement", "constraints",
            "directory", "no_constraints", "short_staple",
        ])
    func badProfiles(kind: String) async throws {
        try await World.with(.sqlite) { world async throws in
            var fields = ProfileFields(name: "p")
            let pointer: String
            switch kind {
            case "rsa":
                fields.allowedKeys = [KeyRule(algorithm: .rsa, minSize: 1024)]
                pointer = "/allowed_key_algorithms/0/min_size"
            case "eku":
                fields.allowedEKUs = ["serverAuth", "everything"]
                pointer = "/allowed_ekus/1"
            case "ttl":
                fields.allowShortLived = true
                pointer = "/allow_short_lived"
            case "pattern":
                fields.requiredSANPatterns = ["ok\\.example\\.com", "(unclosed"]
                pointer = "/required_san_patterns/1"
            case "max_size":
                fields.allowedKeys = [KeyRule(algorithm: .ecdsa, minSize: 384, maxSize: 256)]
                pointer = "/allowed_key_algorithms/0/max_size"
            case "rsa_max":
                fields.allowedKeys = [KeyRule(algorithm: .rsa, minSize: 2048, maxSize: 16_384)]
                pointer = "/allowed_key_algorithms/0/max_size"
            case "any":
                fields.allowedEKUs = ["2.5.29.37.0"]
                pointer = "/allowed_ekus/0"
            case "ocsp":
                fields.allowedEKUs = ["serverAuth", "ocspSigning"]
                pointer = "/allowed_ekus/1"
            case "time_stamping":
                fields.allowedEKUs = ["timeStamping", "serverAuth"]
                pointer = "/allowed_ekus"
            case "default_ttl":
                fields.maxTTLSeconds = 3600
                fields.defaultTTLSeconds = 3601
                pointer = "/default_ttl_seconds"
            case "backdate":
                fields.maxTTLSeconds = 600
                fields.backdateSeconds = 599
                pointer = "/backdate_seconds"
            case "backdate_range":
                fields.backdateSeconds = -1
                pointer = "/backdate_seconds"
            case "spiffe_type":
                fields.spiffeURIPattern = "spiffe://td/*"
                fields.allowedSANTypes = [.dns]
                pointer = "/allowed_san_types"
            case "pattern_type":
                fields.requiredSANPatterns = ["email:.*@example\\.com"]
                fields.allowedSANTypes = [.dns]
                pointer = "/required_san_patterns/0"
            case "key_usage":
                fields.keyUsages = ["digitalSignature", "signing"]
                pointer = "/key_usages/1"
            case "ca_usage":
                fields.keyUsages = ["digitalSignature", "keyCertSign"]
                pointer = "/key_usages/1"
            case "impossible_usage":
                fields.allowedKeys = [KeyRule(algorithm: .ecdsa, minSize: 256)]
                fields.keyUsages = ["digitalSignature", "keyEncipherment"]
                pointer = "/key_usages/1"
            case "usage_of_one":
                fields.keyUsages = ["keyEncipherment"]
                pointer = "/key_usages"
            case "half_agreement":
                fields.keyUsages = ["digitalSignature", "encipherOnly"]
                pointer = "/key_usages"
            case "constraints":
                fields.nameConstraints = ["permitted": ["ip": ["10.0.0.1/8"]]]
                pointer = "/name_constraints"
            case "directory":
                fields.nameConstraints = ["permitted": ["directory": ["O=Example"]]]
                pointer = "/name_constraints"
            case "no_constraints":
                fields.nameConstraints = ["permitted": ["dns": []]]
                pointer = "/name_constraints"
            case "short_staple":
                (fields.allowShortLived, fields.maxTTLSeconds, fields.mustStapleMode) = (true, 600, .allowed)
                pointer = "/must_staple"
            case "policy":
                fields.policyOIDs = ["1.2.3", "policy"]
                pointer = "/policy_oids/1"
            case "country":
                fields.subjectPolicy = SubjectPolicy(fixed: [.country: "Switzerland"])
                pointer = "/subject_policy/fixed/C"
            case "fixed_and_free":
                fields.subjectPolicy = SubjectPolicy(allowed: [.organization], fixed: [.organization: "Example"])
                pointer = "/subject_policy/fixed/O"
            case "max_sans":
                fields.maxSANs = 101
                pointer = "/max_sans"
            default:
                fields.spiffeURIPattern = "https://example.com/*"
                pointer = "/spiffe_uri_pattern"
            }
            let bad = fields
            let refused = await #expect(throws: ServiceError.self) {
                _ = try await world.profiles.create(id: nil, bad, by: world.author)
            }
            #expect(refused?.code == .validationFailed)
            #expect(refused?.problems.map(\.pointer) == [pointer])
            let stored = try await world.count("SELECT COUNT(*) AS n FROM certificate_profiles")
            #expect(stored == 0)
        }
    }

    @Test("issuers: other types are not available, bad configurations name the member, the type never changes")
    func issuers() async throws {
        try await World.with(.sqlite) { world async throws in
            func create(_ type: String, _ config: JSONObject) async -> ServiceError? {
                await #expect(throws: ServiceError.self) {
                    _ = try await world.issuers.create(
                        IssuerDraft(name: "n", type: type, config: config),
                        by: world.author
                    )
                }
            }
            #expect(await create("VaultPKI", [:])?.code == .unprocessable)
            #expect(await create("Nonsense", [:])?.code == .validationFailed)
            let bad = await create("GenericCA", ["validity_days": 0, "key_algorithm": "ROT13"])
            #expect(bad?.code == .unprocessable)
            #expect(Set(bad?.problems.map(\.pointer) ?? []) == ["/config/validity_days", "/config/key_algorithm"])
            let pair = await create("GenericCA", ["ca_cert_path": "/etc/ca.pem"])
            #expect(pair?.problems.map(\.pointer) == ["/config/ca_key_path"])
            var change = IssuerChange()
            change.type = .set("ACME")
            let type = await refusal {
                _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            }
            #expect(type == .invalidState)
        }
    }

    @Test("a changed configuration takes effect with the next order, and resets the test result")
    func issuerUpdate() async throws {
        try await World.with(.sqlite) { world async throws in
            #expect(try await world.issuers.test(World.issuer, by: world.author).allSatisfy(\.isOK))
            let before = try await world.registry.connector(for: World.issuer, revision: 1).authorityChain()
            var change = IssuerChange()
            change.config = .set(["validity_days": 7])
            let updated = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            #expect(updated.testStatus == .untested)
            #expect(updated.configRevision == 2)
            try await world.certificate("api")
            let answer = try await world.issuance.submit(
                clientCSR: try World.csr("api"),
                for: CertificateID(stored: "api"),
                by: world.author
            )
            guard case .issued(let version, _) = answer else {
                Issue.record("not issued")
                return
            }
            #expect(version.notAfter - world.clock.now <= .days(7))
            let after = try await world.registry.connector(for: World.issuer, revision: 2).authorityChain()
            #expect(before == after)
        }
    }

    @Test("deleting a target keeps its history, and force detaches it")
    func deleteTarget() async throws {
        try await World.with(.sqlite) { world async throws in
            try await DeploymentFlowTests.issued(world)
            let edge = TargetID(stored: "edge")
            func delete(_ force: Bool) async throws -> TargetStore.Removal {
                try await world.targets.delete(edge, force: force, expecting: nil, by: world.author)
            }
            #expect(await refusal { _ = try await delete(false) } == .inUse)
            #expect(try await delete(true) == .retired)
            #expect(try await world.stored("api").nextRenewalAt == nil)
            #expect(try await world.jobs(of: "api", type: [.deployment]).map(\.status) == [.cancelled])
        }
    }

    @Test("every change leaves one audit event with its author")
    func audit() async throws {
        try await World.with(.sqlite) { world async throws in
            let team = TeamID(stored: "t-web")
            _ = try await world.teams.update(
                team, name: .set("web 2"), description: .keep, expecting: nil, by: world.author)
            #expect(try await world.actions(on: "t-web") == ["create_team", "update_team"])
            let authors = try await world.count(
                "SELECT COUNT(*) AS n FROM audit_events WHERE resource_id = 't-web' AND actor = 'alice'"
            )
            #expect(authors == 2)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM events WHERE subject = 't-web'") == 2)
        }
    }
}
