import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §14.6, security §3.2: the rows every installation starts with")
struct BaselineSeedTests {
    /// How many permissions each role holds: the counts of the catalogue with its stated corrections.
    static let sizes = [
        "r-admin": Permission.allCases.count, "r-operator": 49, "r-viewer": 19, "r-agent": 7, "r-mcp": 32, "r-cli": 48,
        "r-auditor": 4,
    ]

    @Test("the permission catalogue is the one of the program", arguments: Engine.available)
    func catalogue(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let names = try await database.read { tx in
                try tx.rows("SELECT name FROM permissions").map { try $0.text("name") }
            }
            #expect(Set(names) == Set(Permission.allCases.map(\.rawValue)))
            #expect(names.count == Permission.allCases.count)
        }
    }

    @Test("each built-in role holds its set", arguments: Engine.available)
    func roles(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let held = try await database.read { tx in
                try Self.sizes.keys.map { ($0, try GrantStore().permissionNames(ofRole: $0, in: tx)) }
            }
            let sets = Dictionary(uniqueKeysWithValues: held)
            #expect(sets.mapValues(\.count) == Self.sizes)
            #expect(
                sets["r-agent"] == [
                    "agent.heartbeat", "agent.job.complete", "agent.job.poll", "agent.job.report", "cert.read",
                    "discovery.run", "verification.run",
                ]
            )
            #expect(sets["r-auditor"] == ["audit.export", "audit.read", "audit.verify", "auth.user.read"])
            #expect(sets["r-mcp"]?.contains("approval.approve") == false)
            for role in Self.sizes.keys where role != "r-admin" {
                #expect(sets[role]?.contains("cert.export_key") == false, "\(role)")
            }
        }
    }

    @Test("fall-back rows and single rows exist, and nobody administers yet", arguments: Engine.available)
    func fallBacks(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.read { tx in
                let policy = try PolicyStore().get(RenewalPolicyID(stored: "rp-default"), in: tx)
                #expect(policy.fields.name == "default")
                #expect(policy.fields.retryIntervalSeconds == 60)
                #expect(policy.fields.alertThresholdsDays == [30, 14, 7, 0])
                let manual = try PolicyStore().get(RenewalPolicyID(stored: "rp-client-managed"), in: tx)
                #expect(!manual.fields.autoRenew)
                #expect(try OwnerStore().get(Seed.owner, in: tx).teamID == Seed.team)
                #expect(try BootstrapStore().isOpen(in: tx))
                #expect(try LeaderLease().current(in: tx)?.epoch == 0)
                #expect(try !GrantStore().hasAdministrator(in: tx))
            }
        }
    }
}
