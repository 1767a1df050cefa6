import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import TestSupport
import Testing

@Suite("ADR-0034: what an adopted CA had revoked is imported as revoked")
struct AdoptedImportTests {
    /// Imports the certificate of a host of the foreign CA under the name of the host.
    private static func take(
        _ host: String, of foreign: ForeignCA, into grove: Grove, as id: String? = nil, rehearsing: Bool = false
    ) async throws -> ImportedCertificate {
        let chain = [
            try X509Certificate(pem: foreign.tool.read("\(host).pem")), try X509Certificate(pem: foreign.issuingPEM),
        ]
        var draft = grove.world.draft(id ?? host.replacing(".", with: "-"))
        draft.issuerID = Grove.issuer.text
        draft.commonName = ""
        return try await CertificateImportFlow(grove.world.context).importCertificate(
            CertificateImport(chain: chain, destination: .new(draft)), rehearsing: rehearsing, by: grove.world.author)
    }

    @Test("with date and reason, and not to be renewed; others come as before", arguments: Engine.available)
    func imported(engine: Engine) async throws {
        let foreign = try await ForeignCA()
        for host in ["good.test", "lost.test", "held.test"] { try await foreign.issue(host) }
        try await foreign.revoke("lost.test", "keyCompromise")
        try await foreign.revoke("held.test", "certificateHold")
        let list = try await foreign.list()
        try await Grove.with(engine) { grove async throws in
            let (world, author) = (grove.world, grove.world.author)
            var draft = AdoptionDraft(issuerID: Grove.issuer)
            draft.name = "Foreign"
            draft.chainPEM = try foreign.issuingPEM + foreign.rootPEM
            draft.key = Secret(try foreign.key(of: "issuing"))
            draft.revocationListPEM = list
            // The certificates of some were not brought along: only the list knows them.
            draft.issuedPEM = try foreign.tool.read("good.test.pem") + foreign.tool.read("lost.test.pem")
            let node = try await world.hierarchy.adopt(draft, isRehearsed: false, by: author).node

            let told = try await Self.take("lost.test", of: foreign, into: grove, rehearsing: true)
            #expect(told.certificate.status == .revoked && told.revocation?.reason == .keyCompromise)
            #expect(try await grove.count("managed_certificates") == 0)

            let lost = try await Self.take("lost.test", of: foreign, into: grove)
            let before = try CertificateRevocationList(pem: list)
            let dates = before.entries.map { min($0.revocationDate, world.time.now) }
            #expect(lost.certificate.status == .revoked && lost.certificate.revocationReason == .keyCompromise)
            #expect(lost.certificate.revokedAt == dates.first && lost.certificate.nextRenewalAt == nil)
            #expect(lost.version.issuingCA == node.id && !lost.version.isIssuedElsewhere)
            let held = try await Self.take("held.test", of: foreign, into: grove)
            #expect(held.certificate.status == .revoked && held.certificate.revocationReason == .certificateHold)
            let good = try await Self.take("good.test", of: foreign, into: grove)
            #expect(good.certificate.status != .revoked && good.revocation == nil)

            // The revocation belongs to the certificate now, and stays what it was on the list.
            let revocations = try await world.database.read { tx in
                try RevocationStore().all(of: lost.certificate.id, in: tx)
            }
            #expect(revocations.map(\.versionID) == [lost.version.id] && revocations.first?.isRevised == false)
            try await grove.publish()
            let entries = try #require(try await grove.list(of: node.id)).1.entries
            #expect(entries.map(\.revocationDate) == dates && entries.map(\.reason) == before.entries.map(\.reason))
            // So a second revocation is none, and a hold of before is released by the name of the certificate.
            let again = await refusal {
                _ = try await RevokeFlow(world.context).revoke(
                    .certificate(lost.certificate.id, .standard), RevocationOrder(.superseded), by: author)
            }
            #expect(again == .invalidState)
            _ = try await RevokeFlow(world.context).release(.certificate(held.certificate.id, .standard), by: author)
            #expect(try await world.stored("held-test").status != .revoked)
            #expect(try await world.actions(on: "lost-test").contains("certificate_imported"))
        }
    }

    @Test("a number that our own CA revoked before its certificate was known counts too", arguments: Engine.available)
    func unknownNumber(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            let answer = try await world.issuance.submit(
                clientCSR: try World.csr("api"), for: CertificateID(stored: "api"), by: world.author)
            guard case .issued(let version, _) = answer else { throw ServiceError(.internalError, "not issued") }
            let chain = try X509Certificate.bundle(pem: version.pemChain)
            // The database before was lost: the CA is there, the inventory is not.
            _ = try await world.database.write { tx in
                _ = try tx.execute("UPDATE managed_certificates SET current_version_id = NULL")
                return try tx.execute("DELETE FROM certificate_versions")
            }
            _ = try await RevokeFlow(world.context).revoke(
                .serial(World.issuer, version.serialNumber, notAfter: nil), RevocationOrder(.superseded),
                by: world.author)
            var draft = world.draft("again")
            draft.commonName = ""
            let imported = try await CertificateImportFlow(world.context).importCertificate(
                CertificateImport(chain: chain, destination: .new(draft)), rehearsing: false, by: world.author)
            #expect(imported.certificate.status == .revoked && imported.revocation?.reason == .superseded)
        }
    }
}
