import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import Lifecycle
import PKI
import Query
import Store
import TestSupport
import Testing

@Suite("Issuers §4.1.7: a CA that exists comes with its key, and with what it did before")
struct AdoptionTests {
    private static let rsa = ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"]

    private static func draft(
        _ foreign: ForeignCA, _ name: String = "Foreign", _ change: (inout AdoptionDraft) throws -> Void = { _ in }
    ) throws -> AdoptionDraft {
        var draft = AdoptionDraft(issuerID: Grove.issuer)
        draft.name = name
        draft.chainPEM = try foreign.issuingPEM + foreign.rootPEM
        draft.key = Secret(try foreign.key(of: "issuing"))
        try change(&draft)
        return draft
    }

    private static func status(
        _ serial: String, by authority: AuthorityID, _ grove: Grove
    ) async throws -> OCSPStatus? {
        try await grove.world.database.read { tx in
            try OCSPResponseStore().subject(authority: authority, issuer: Grove.issuer, serial: serial, in: tx)?.status
        }
    }

    @Test(
        "below a root elsewhere: it issues, and what it revoked stays revoked",
        arguments: Engine.available, [["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], rsa])
    func adopted(engine: Engine, key: [String]) async throws {
        let foreign = try await ForeignCA(key: key)
        for host in ["good.test", "lost.test", "held.test", "gone.test"] { try await foreign.issue(host) }
        try await foreign.issue("old.test", until: "20250301000000Z")
        try await foreign.revoke("lost.test", "keyCompromise")
        try await foreign.revoke("held.test", "certificateHold")
        try await foreign.revoke("gone.test", "superseded")
        let list = try await foreign.list()
        // Of one that was revoked nobody has the certificate any more.
        let issued = try ["good.test", "lost.test", "held.test", "old.test"].map { try foreign.tool.read("\($0).pem") }
        try await Grove.with(engine) { grove async throws in
            let (flow, author) = (grove.world.hierarchy, grove.world.author)
            let draft = try Self.draft(foreign) {
                $0.issuedPEM = issued.joined()
                $0.revocationListPEM = list
            }
            let told = try await flow.adopt(draft, isRehearsed: true, by: author)
            #expect(told.registered.count == 1 && told.certificates == 3 && told.ended == 1 && told.revocations == 3)
            #expect(try await grove.count("intermediate_cas") == 0)
            #expect(try await grove.keys() == 0)
            #expect(try await grove.count("adopted_certificates") == 0)

            let done = try await flow.adopt(draft, isRehearsed: false, by: author)
            let (node, root) = (done.node, try #require(done.registered.first))
            #expect(node.parentID == root.id && root.isRoot && !root.hasKey && root.state == .active)
            #expect(node.hasKey && node.isKeyOwn && node.isIssuing && node.pathLength == 0 && done.listNumber == 42)
            #expect(
                try await grove.world.actions(on: node.id.text) == ["ca_key_adopted", "intermediate_ca_adopted"])
            #expect(try await grove.world.actions(on: root.id.text) == ["intermediate_ca_root_created"])

            // It goes on answering: 1 is good, 2 to 4 are revoked as they were.
            #expect(try await Self.status("1", by: node.id, grove) == .good)
            for (serial, reason) in [
                ("2", RevocationReason.keyCompromise), ("3", .certificateHold), ("4", .superseded),
            ] {
                guard case .revoked(let date, let told)? = try await Self.status(serial, by: node.id, grove) else {
                    Issue.record("\(serial) is not answered as revoked")
                    continue
                }
                #expect(told == reason && date <= grove.world.time.now)
            }
            #expect(try await Self.status("2", by: root.id, grove) == .good)
            try await grove.publish()
            let (row, published) = try #require(try await grove.list(of: node.id))
            #expect(row.number == 43 && published.entries.count == 3)
            #expect(
                published.entries.map { $0.serialNumber?.hex } == ["2", "3", "4"]
                    && published.entries.map(\.reason) == [.keyCompromise, .certificateHold, .superseded])
            let before = try CertificateRevocationList(pem: list)
            let dates = before.entries.map { min($0.revocationDate, grove.world.time.now) }
            #expect(published.entries.map(\.revocationDate) == dates)

            // What is issued now is good by the root that clients have.
            let (version, chain) = try await grove.issue("www")
            #expect(version.issuingCA == node.id && chain.count == 2)
            _ = try ChainVerifier(roots: [try X509Certificate(pem: foreign.rootPEM)]).verify(
                chain[0], intermediates: [chain[1]], at: grove.world.time.now + .seconds(1), purpose: .serverAuth)
            let leaf = try foreign.tool.file("www.pem", chain[0].pem)
            try await foreign.tool.succeed(
                "verify", "-no_check_time", "-CAfile", foreign.tool.path("root.pem"), "-untrusted",
                foreign.tool.path("issuing.pem"), "-crl_check", "-CRLfile",
                try foreign.tool.file("new.crl", published.pem), leaf)
            let lost = try await foreign.tool.run(
                "verify", "-no_check_time", "-CAfile", foreign.tool.path("root.pem"), "-untrusted",
                foreign.tool.path("issuing.pem"), "-crl_check", "-CRLfile", foreign.tool.path("new.crl"),
                foreign.tool.path("lost.test.pem"))
            #expect(lost.status != 0 && (lost.output + lost.errors).contains("revoked"))

            // A certificate of before is revoked by its number, a hold of before is released, and both keep it from ending.
            let open = try await flow.look(node.id, by: author).1
            #expect(open.leaves == 3)
            _ = try await RevokeFlow(grove.world.context).revoke(
                .serial(Grove.issuer, "1", notAfter: nil), RevocationOrder(.superseded), by: author)
            _ = try await RevokeFlow(grove.world.context).release(.serial(Grove.issuer, "3", notAfter: nil), by: author)
            try await grove.publish()
            let after = try #require(try await grove.list(of: node.id)).1
            #expect(after.entries.compactMap { $0.serialNumber?.hex }.sorted() == ["1", "2", "4"])
            #expect(try await Self.status("3", by: node.id, grove) == .good)
            #expect(try await flow.look(node.id, by: author).1.leaves == 2)

            let again = await #expect(throws: ServiceError.self) {
                try await flow.adopt(try Self.draft(foreign, "Again"), isRehearsed: false, by: author)
            }
            #expect(again?.code == .alreadyExists)
        }
    }

    @Test(
        "a root comes with its key, then the CA below it; numbers of both are told apart", arguments: Engine.available)
    func rootFirst(engine: Engine) async throws {
        let foreign = try await ForeignCA()
        try await foreign.issue("by-root.test", by: "root")
        for host in ["a.test", "b.test", "c.test"] { try await foreign.issue(host) }
        try await foreign.revoke("c.test", "cessationOfOperation")
        try await foreign.revoke("by-root.test", "superseded", by: "root")
        let (own, upper) = (try await foreign.list(), try await foreign.list(by: "root"))
        let byRoot = try X509Certificate(pem: foreign.tool.read("by-root.test.pem")).serialNumber.hex
        #expect(byRoot == "3")
        try await Grove.with(engine) { grove async throws in
            let (flow, author) = (grove.world.hierarchy, grove.world.author)
            let root = try await flow.adopt(
                try Self.draft(foreign, "Root") {
                    $0.chainPEM = try foreign.rootPEM
                    $0.key = Secret(try foreign.key(of: "root"))
                    $0.issuedPEM = try foreign.tool.read("by-root.test.pem") + foreign.issuingPEM
                    $0.revocationListPEM = upper
                }, isRehearsed: false, by: author
            ).node
            #expect(root.isRoot && root.hasKey && !root.isIssuing)
            let node = try await flow.adopt(
                try Self.draft(foreign) {
                    $0.chainPEM = try foreign.issuingPEM
                    $0.issuedPEM = try ["a.test", "b.test", "c.test"].map { try foreign.tool.read("\($0).pem") }
                        .joined()
                    $0.revocationListPEM = own
                }, isRehearsed: false, by: author)
            #expect(node.registered.isEmpty && node.node.parentID == root.id)
            // Number 3 is of both, revoked for reasons of their own.
            for (authority, reason) in [(root.id, RevocationReason.superseded), (node.node.id, .cessationOfOperation)] {
                guard case .revoked(_, reason)? = try await Self.status("3", by: authority, grove) else {
                    Issue.record("\(authority.text) does not answer for its own 3")
                    continue
                }
            }
            #expect(try await Self.status("2", by: node.node.id, grove) == .good)
            let flows = RevokeFlow(grove.world.context)
            let unclear = await #expect(throws: ServiceError.self) {
                try await flows.revoke(
                    .serial(Grove.issuer, "3", notAfter: nil), RevocationOrder(.superseded), by: author)
            }
            #expect(unclear?.problems.first?.pointer == "/issuing_ca_id", "\(String(describing: unclear))")
            _ = try await flows.revoke(
                .serial(Grove.issuer, "1", by: node.node.id, notAfter: nil), RevocationOrder(.superseded), by: author)
            // The root signs here, and revokes the CA.
            try await grove.make("Sister", below: root.id) { $0.pathLength = 0 }
            _ = try await flow.revoke(
                node.node.id, .superseded, note: nil, isRehearsed: false, by: author)
            guard case .revoked? = try await Self.status("2", by: root.id, grove) else {
                Issue.record("the root does not answer that the CA is revoked")
                return
            }
        }
    }
}
