import Access
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("A-11: a grant for one issuer or profile works, and only there (security §3.3)")
struct ScopedFlowTests {
    static let other = IssuerID(stored: "iss-other")

    static var move: CertificateChange {
        var change = CertificateChange()
        change.issuerID = .set(other.text)
        return change
    }

    static func foreign(_ world: World) -> CertificateDraft {
        var draft = world.draft("new")
        draft.issuerID = other.text
        return draft
    }

    /// Two issuers with one certificate each; bob is an operator of `iss-local` alone.
    static func with(_ engine: Engine, _ body: (World) async throws -> Void) async throws {
        try await World.with(engine) { world async throws in
            _ = try await world.issuers.create(
                IssuerDraft(id: "iss-other", name: "Other CA", type: "local"), by: world.author)
            try await world.agent("web-01")
            try await world.target("tgt", of: "web-01")
            _ = try await world.certificates.create(world.draft("here", targets: ["tgt"]), by: world.author)
            var draft = world.draft("there", targets: ["tgt"])
            draft.issuerID = "iss-other"
            _ = try await world.certificates.create(draft, by: world.author)
            try await world.actor("bob", [("r-operator", .issuer(World.issuer))])
            try await body(world)
        }
    }

    @Test("lists show what lies in reach, with the right total", arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await Self.with(engine) { world async throws in
            let rights = try await world.principal("bob").rights
            let clearance = try #require(rights.clearance(for: .certRead))
            try await world.database.read { tx in
                let certificates = try CertificateStore().list(
                    ListRequest(
                        filter: CertificateFilter(), sort: .createdAt, isDescending: false,
                        page: .offset(page: 1, perPage: 10), total: .exact),
                    within: clearance, in: tx
                )
                #expect(certificates.rows.map(\.certificate.fields.name) == ["here"] && certificates.total == 1)
                let issuers = try IssuerStore().list(
                    ListRequest(
                        filter: IssuerFilter(), sort: .createdAt, isDescending: false,
                        page: .offset(page: 1, perPage: 10), total: .exact),
                    within: clearance, in: tx
                )
                #expect(issuers.rows.map(\.id) == [World.issuer] && issuers.total == 1)
                let profiles = try ProfileStore().list(
                    ListRequest(
                        filter: ProfileFilter(), sort: .createdAt, isDescending: false,
                        page: .offset(page: 1, perPage: 10), total: .exact),
                    within: clearance, in: tx
                )
                #expect(profiles.rows.isEmpty && profiles.total == 0)
                let all = try CertificateStore().list(
                    ListRequest(
                        filter: CertificateFilter(), sort: .createdAt, isDescending: false,
                        page: .offset(page: 1, perPage: 10), total: .exact),
                    within: .system, in: tx
                )
                #expect(all.total == 2)
            }
        }
    }

    @Test("what lies elsewhere is not there: read, change, renew, deploy, archive, jobs", arguments: Engine.available)
    func elsewhere(engine: Engine) async throws {
        try await Self.with(engine) { world async throws in
            let (here, there) = (CertificateID(stored: "here"), CertificateID(stored: "there"))
            let edit = try await world.author("bob", using: .certEdit)
            let issue = try await world.author("bob", using: .certIssue)
            let delete = try await world.author("bob", using: .certDelete)
            let renewal = try await world.renewals.renew(there, force: false, by: world.author)
            let job = try #require(renewal.jobs.first).id
            let cancel = try await world.author("bob", using: .jobCancel)
            var change = CertificateChange()
            change.environment = .set("x")
            let changed = change
            let flow = world.certificates
            let ways: [@Sendable (CertificateID) async throws -> Void] = [
                { _ = try await flow.update($0, changed, expecting: nil, by: edit) },
                { try await flow.archive($0, expecting: nil, by: delete) },
                { _ = try await flow.attach(TargetID(stored: "tgt"), to: $0, by: edit) },
                { _ = try await flow.detach(TargetID(stored: "tgt"), from: $0, by: edit) },
                { _ = try await world.renewals.renew($0, force: true, by: issue) },
                { _ = try await DeployFlow(world.context).deploy($0, by: edit) },
            ]
            for (index, way) in ways.enumerated() {
                #expect(await refusal { try await way(there) } == .notFound, "way \(index)")
            }
            let jobs = JobFlow(world.context)
            #expect(await refusal { _ = try await jobs.cancel(job, reason: nil, by: cancel) } == .notFound)
            #expect(await refusal { _ = try await flow.update(here, changed, expecting: nil, by: edit) } == nil)
            #expect(await refusal { _ = try await world.renewals.renew(here, force: false, by: issue) } == nil)
        }
    }

    @Test("nobody puts a certificate out of their own reach, nor takes one in from elsewhere")
    func moving() async throws {
        try await Self.with(.sqlite) { world async throws in
            let issue = try await world.author("bob", using: .certIssue)
            let edit = try await world.author("bob", using: .certEdit)
            let outside = await refusal {
                _ = try await world.certificates.create(Self.foreign(world), by: issue)
            }
            #expect(outside == .insufficientPermissions)
            let made = try await world.certificates.create(world.draft("mine"), by: issue)
            let moved = await refusal {
                _ = try await world.certificates.update(made.certificate.id, Self.move, expecting: nil, by: edit)
            }
            #expect(moved == .insufficientPermissions)
        }
    }
}
