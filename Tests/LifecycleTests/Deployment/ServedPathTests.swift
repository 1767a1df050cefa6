import DatabaseTestSupport
import Domain
import EmbeddedCA
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §7: chains that come from outside are validated, and the reason is kept")
struct ServedPathTests {
    /// A leaf with the CA that signed it, made by nobody that is known here.
    private static func stranger(
        _ name: String, at now: Timestamp, days: Int64 = 30, isAuthority: Bool = true
    ) throws -> [X509Certificate] {
        let (key, leafKey) = (try PrivateKey.generate(.ecdsaP256), try PrivateKey.generate(.ecdsaP256))
        let issuer = try DistinguishedName(commonName: "Strange CA")
        func certificate(
            _ subject: DistinguishedName, _ subjectKey: PrivateKey, _ change: (inout CertificateTemplate) -> Void
        ) throws -> X509Certificate {
            var template = CertificateTemplate(
                serialNumber: .random(.system), issuer: issuer, subject: subject,
                validity: (now - .days(60), now + .days(days)), subjectPublicKey: subjectKey.publicKey,
                signatureAlgorithm: key.publicKey.signatureAlgorithm)
            change(&template)
            let tbs = template.tbsCertificate()
            return try X509Certificate(der: tbs.certificateDER(signature: key.sign(tbs.der)))
        }
        let root = try certificate(issuer, key) {
            $0.isCA = isAuthority
            $0.keyUsage = [.keyCertSign, .cRLSign]
        }
        let leaf = try certificate(DistinguishedName(commonName: name), leafKey) {
            $0.keyUsage = [.digitalSignature]
            $0.extendedKeyUsages = [.serverAuth]
            $0.subjectAltNames = [try? SubjectAltName(classifying: name)].compactMap(\.self)
        }
        return [leaf, root]
    }

    @Test("an import is told how its chain fares, and keeps the reason with the version", arguments: Engine.available)
    func imported(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let flow = CertificateImportFlow(world.context)
            func take(_ name: String, _ chain: [X509Certificate]) async throws -> ImportedCertificate {
                try await flow.importCertificate(
                    CertificateImport(chain: chain, destination: .new(world.draft(name))), rehearsing: false,
                    by: world.author)
            }
            let now = world.time.now
            let stranger = try await take("strange", Self.stranger("strange.example.com", at: now))
            #expect(stranger.version.path?.outcome == .refused(.untrusted) && stranger.version.isIssuedElsewhere)
            #expect(stranger.version.path?.detail.contains("CN=Strange CA") ?? false)
            let alone = try Self.stranger("alone.example.com", at: now)[0]
            #expect(try await take("alone", [alone]).version.path?.outcome == .refused(.untrusted))
            let old = try await take("old", Self.stranger("old.example.com", at: now, days: -1))
            #expect(old.version.path?.outcome == .refused(.expired))
            let bad = try await take("bad", Self.stranger("bad.example.com", at: now, isAuthority: false))
            #expect(bad.version.path?.outcome == .refused(.notAuthority))
            for id in ["strange", "alone", "old", "bad"] {
                let stored = try #require(try await world.versions(of: id).first)
                #expect(stored.path?.isValid == false && stored.path?.detail.isEmpty == false)
            }
            // What our own CA signed is valid, although nobody knows of it any more.
            try await world.certificate("api")
            let answer = try await world.issuance.submit(
                clientCSR: try World.csr("api"), for: CertificateID(stored: "api"), by: world.author)
            guard case .issued(let version, _) = answer else {
                Issue.record("not issued at once")
                return
            }
            let issued = try await world.versions(of: "api").first
            #expect(issued != nil && issued?.path == nil)
            try await world.database.write { tx in
                _ = try tx.execute("DELETE FROM managed_certificates WHERE id = 'api'")
            }
            let ours = try await take("again", try X509Certificate.bundle(pem: version.pemChain))
            #expect(ours.version.path == PathVerdict(.valid) && !ours.version.isIssuedElsewhere)
            #expect(try await world.versions(of: "again").first?.path == PathVerdict(.valid))
        }
    }

    @Test(
        "what an endpoint serves: complete, short, for another name, revoked, no chain at all",
        arguments: Engine.available)
    func served(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let root = try await grove.make("Root")
            let issuing = try await grove.make("Issuing", below: root.id)
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            var draft = world.draft("api", targets: ["edge"])
            draft.issuerID = Grove.issuer.text
            draft.issue = true
            _ = try await world.certificates.create(draft, by: world.author)
            let order = try #require(try await world.jobs(of: "api").first)
            let answer = try await IssueFlowTests.submit(world, try World.csr("api"), job: order.id)
            guard case .issued(let version, _) = answer else {
                Issue.record("not issued at once")
                return
            }
            let job = try #require(try await world.jobs(of: "api", type: [.deployment]).first)
            let flow = VerificationFlow(world.context)
            func look(_ pem: String?, as name: String? = "api.example.com") async throws -> PathVerdict? {
                try await flow.record(
                    job.id, of: nil, target: TargetID(stored: "edge"), Verification(status: .success),
                    served: pem.map { ServedChainReport(pem: $0, serverName: name) }, by: world.author
                ).verificationPath
            }
            let leaf = try X509Certificate.bundle(pem: version.pemChain)[0].pem
            #expect(try await look(version.pemChain) == PathVerdict(.valid))
            #expect(try await look(version.pemChain, as: nil) == PathVerdict(.valid))
            #expect(try await look(leaf)?.outcome == .chainIncomplete)
            #expect(try await look(version.pemChain, as: "www.example.com")?.outcome == .nameMismatch)
            #expect(try await look(version.pemChain, as: "_ no name")?.outcome == .nameMismatch)
            #expect(try await look("-----BEGIN CERTIFICATE-----")?.outcome == .malformed)
            let strange = try Self.stranger("api.example.com", at: world.time.now).map(\.pem).joined()
            #expect(try await look(strange)?.outcome == .refused(.untrusted))
            #expect(try await look(nil) == nil)
            // The end of the job keeps what was found out before.
            #expect(try await look(leaf)?.outcome == .chainIncomplete)
            let stored = try await world.database.read { try JobStore().get(job.id, in: $0) }
            #expect(stored.verificationPath?.outcome == .chainIncomplete)
            #expect(stored.verificationPath?.detail.contains("not sent along") ?? false)
            _ = try await world.work.claim(for: DeploymentFlowTests.web)
            let done = try await DeploymentFlowTests.report(
                world, job.id, JobReport(status: .completed, verification: Verification(status: .success)))
            #expect(done.verificationPath?.outcome == .chainIncomplete)
            // Our own list speaks against the CA above it.
            _ = try await world.hierarchy.revoke(
                issuing.id, .cessationOfOperation, note: "no more", isRehearsed: false, by: world.author)
            try await grove.publish()
            let revoked = try await look(version.pemChain)
            #expect(
                revoked?.outcome == .refused(.revoked) && revoked?.detail.contains("Issuing") ?? false,
                "\(revoked as Any)")
        }
    }
}
