import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("REST §5, §7.1: the certificate list filters, joins and counts in the database")
struct CertificateListTests {
    private let certificates = CertificateStore()

    private struct Fleet: Sendable {
        let seed: Seed
        let other: Seed
        let web: CertificateID
        let mail: CertificateID
        let archived: CertificateID
        let version: NewVersion
    }

    /// `web`: issued and attached to the first seed's target. `mail`: never issued. `archived`: put away.
    private static func fleet(in tx: any Transaction) throws -> Fleet {
        let seed = try Seed(in: tx)
        let other = try Seed(in: tx)
        let web = try seed.certificate(name: "web", in: tx)
        var fields = other.fields(name: "mail")
        fields.commonName = "mail.example.org"
        fields.subjectAltNames = ["mail.example.org", "100%_sure.example.org"]
        fields.environment = "staging"
        fields.tags = ["tier": "2", "team.x/y": "a"]
        fields.profileID = nil
        let mail = try CertificateStore().insert(
            NewCertificate(id: Unique.id(), fields: fields, source: .api, nextRenewalAt: nil),
            in: tx
        )
        let archived = try seed.certificate(name: "old", in: tx)
        _ = try CertificateStore().transition(
            archived.id,
            from: [.pending],
            to: CertificateOutcome(status: .archived),
            in: tx
        )
        let version = seed.version(of: web.id, notAfter: tx.now + .days(30))
        _ = try VersionInstaller().install(
            version,
            from: [.pending],
            to: CertificateOutcome(status: .active),
            in: tx
        )
        try CertificateStore().attach([seed.target], to: web.id, in: tx)
        return Fleet(seed: seed, other: other, web: web.id, mail: mail.id, archived: archived.id, version: version)
    }

    @Test("each filter finds what it should", arguments: Engine.available)
    func filters(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let fleet = try await database.write { try Self.fleet(in: $0) }
            func found(_ change: (inout CertificateFilter) -> Void) async throws -> Set<CertificateID> {
                var filter = CertificateFilter()
                change(&filter)
                let request = ListRequest.first(filter, sort: CertificateSort.name)
                let page = try await database.read { [certificates] in
                    try certificates.list(request, within: .system, in: $0)
                }
                #expect(page.total == page.rows.count)
                return Set(page.rows.map(\.certificate.id))
            }
            let (web, mail, archived) = (fleet.web, fleet.mail, fleet.archived)
            #expect(try await found { _ in } == [web, mail, archived])
            #expect(try await found { $0.includesArchived = false } == [web, mail])
            #expect(try await found { $0.statuses = [.active, .archived] } == [web, archived])
            #expect(try await found { $0.environments = ["staging"] } == [mail])
            #expect(try await found { $0.issuerIDs = [fleet.other.issuer] } == [mail])
            #expect(try await found { $0.profileIDs = [fleet.seed.profile] } == [web, archived])
            #expect(try await found { $0.agentIDs = [fleet.seed.agent] } == [web])
            #expect(try await found { $0.targetIDs = [fleet.seed.target] } == [web])
            #expect(try await found { $0.targetIDs = [fleet.other.target] } == [])
            #expect(
                try await found {
                    $0.ownerIDs = [Seed.owner]; $0.teamIDs = [Seed.team]
                }.count == 3)
            #expect(try await found { $0.policyIDs = [RenewalPolicyID(stored: "rp-client-managed")] } == [])
            #expect(try await found { $0.certificateIDs = [mail] } == [mail])
            #expect(try await found { $0.tags = [.init(key: "tier", value: "1")] } == [web, archived])
            #expect(try await found { $0.tags = [.init(key: "team.x/y", value: "a")] } == [mail])
            #expect(try await found { $0.search = "EXAMPLE.ORG" } == [mail])
            #expect(try await found { $0.search = "100%_S" } == [mail])
            #expect(try await found { $0.search = "1_0%" } == [])
            #expect(try await found { $0.subjectAltName = "mail.example.org" } == [mail])
            #expect(try await found { $0.subjectAltName = "ail.example.org" } == [])
            #expect(try await found { $0.serialNumber = fleet.version.serialNumber } == [web])
            #expect(try await found { $0.fingerprint = fleet.version.fingerprintSHA256 } == [web])
            #expect(try await found { $0.expiresAfter = fleet.version.notAfter - .days(1) } == [web])
            #expect(try await found { $0.expiresBefore = fleet.version.notAfter - .days(1) } == [])
        }
    }

    @Test("a row carries its version in short, its targets and its deployment", arguments: Engine.available)
    func joins(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let fleet = try await database.write { try Self.fleet(in: $0) }
            let jobs = JobStore()
            func deploy(_ version: VersionID, outcome: JobFailure?) async throws -> CertificateListing {
                try await database.write { [certificates] tx in
                    let job = fleet.seed.job(
                        .deployment,
                        of: fleet.web,
                        agent: fleet.seed.agent,
                        target: fleet.seed.target,
                        version: version
                    )
                    try jobs.open([job], in: tx)
                    _ = try jobs.claimForAgent(
                        fleet.seed.agent,
                        limit: 5,
                        mostOutstanding: 5,
                        lease: .minutes(5),
                        in: tx
                    )
                    if let outcome {
                        _ = try jobs.fail(job.id, holder: nil, outcome, in: tx)
                    } else {
                        _ = try jobs.complete(job.id, holder: nil, in: tx)
                    }
                    return try certificates.listing(fleet.web, within: .system, in: tx)
                }
            }
            let before = try await database.read { [certificates] in
                try certificates.listing(fleet.web, within: .system, in: $0)
            }
            #expect(before.current?.serialNumber == fleet.version.serialNumber)
            #expect(before.current?.keyAlgorithm == .ecdsa && before.current?.keySize == 256)
            #expect(before.targetIDs == [fleet.seed.target])
            #expect(before.deployments == .init(targets: 1, deployed: 0, failed: 0))
            let failure = JobFailure(errorClass: .permanent, message: "nginx refused", retryAt: nil)
            #expect(try await deploy(fleet.version.id, outcome: failure).deployments == .init(targets: 1, failed: 1))
            #expect(try await deploy(fleet.version.id, outcome: nil).deployments == .init(targets: 1, deployed: 1))
            let never = try await database.read { [certificates] in
                try certificates.listing(fleet.mail, within: .system, in: $0)
            }
            #expect(never.current == nil && never.targetIDs.isEmpty && never.certificate.expiresAt == nil)
        }
    }

    @Test("every sort puts never-issued certificates somewhere", arguments: Engine.available, CertificateSort.allCases)
    func sorts(engine: Engine, sort: CertificateSort) async throws {
        try await TestDatabase.with(engine) { database in
            _ = try await database.write { try Self.fleet(in: $0) }
            for isDescending in [false, true] {
                var seen: [CertificateID] = []
                var position: KeysetPosition?
                for _ in 0..<4 {
                    let request = ListRequest(
                        filter: CertificateFilter(),
                        sort: sort,
                        isDescending: isDescending,
                        page: .keyset(after: position, limit: 1)
                    )
                    let page = try await database.read { [certificates] in
                        try certificates.list(request, within: .system, in: $0)
                    }
                    seen += page.rows.map(\.certificate.id)
                    position = page.nextCursor
                    if position == nil { break }
                }
                #expect(seen.count == 3 && Set(seen).count == 3)
                #expect(position == nil)
            }
        }
    }
}
