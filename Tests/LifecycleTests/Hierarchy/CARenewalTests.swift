import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6.2: a CA is renewed with its key, and chains follow")
struct CARenewalTests {
    private func renew(
        _ grove: Grove, _ id: AuthorityID, days: Int = 0, with certificate: X509Certificate? = nil
    ) async throws -> IntermediateCA {
        try await grove.world.hierarchy.renew(
            id, ttlDays: days, with: certificate?.pem, by: grove.world.author)
    }

    private func refusal(
        _ grove: Grove, _ id: AuthorityID, days: Int = 0, with certificate: X509Certificate? = nil
    ) async throws -> ServiceError? {
        do {
            _ = try await renew(grove, id, days: days, with: certificate)
            return nil
        } catch let error as ServiceError {
            return error
        }
    }

    private func further(_ grove: Grove, _ id: AuthorityID) async throws -> [CACertificate] {
        try await grove.world.hierarchy.chains(of: id, by: grove.world.author).certificates
    }

    @Test(
        "from the parent: the same name and key, what was issued stays valid, both certificates are answered for",
        arguments: Engine.available)
    func fromParent(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let root = try await grove.make("Root")
            let policy = try await grove.make("Policy", below: root.id) {
                $0.ttlDays = 300
                $0.pathLength = 1
                $0.nameConstraints = ["permitted": ["dns": ["test", "example.com"]]]
            }
            let issuing = try await grove.make("Issuing", below: policy.id) {
                $0.ttlDays = 200
                $0.pathLength = 0
                $0.allowedEKUs = ["serverAuth", "clientAuth"]
                $0.policyOIDs = ["1.3.6.1.4.1.99999.1"]
            }
            let before = try await grove.issue("before").chain
            let keys = try await grove.keys()
            let old = try await grove.certificate(issuing.id)
            let rootCertificate = try await grove.certificate(root.id)

            // It can't outlive the CA above, which goes first.
            let early = try await refusal(grove, issuing.id, days: 250)
            #expect(early == nil, "\(early?.detail ?? "")")
            let capped = try await renew(grove, issuing.id, days: 1000)
            #expect(capped.notAfter == policy.notAfter)
            let late = try await refusal(grove, issuing.id, days: 1000)
            #expect(late?.code == .invalidState && late?.detail.contains("renew that one first") == true)
            let above = try await renew(grove, policy.id, days: 900)
            let renewed = try await renew(grove, issuing.id, days: 800)
            #expect(
                renewed.id == issuing.id && renewed.state == .active && renewed.rowVersion == issuing.rowVersion + 3)
            #expect(try #require(renewed.notAfter) > #require(policy.notAfter))

            let new = try await grove.certificate(issuing.id)
            let (oldParts, newParts) = (old.extensions, new.extensions)
            #expect(new.subject.der == old.subject.der && new.subjectPublicKey == old.subjectPublicKey)
            #expect(newParts.subjectKeyIdentifier == oldParts.subjectKeyIdentifier)
            #expect(newParts.basicConstraints == oldParts.basicConstraints)
            #expect(newParts.nameConstraints == oldParts.nameConstraints && newParts.nameConstraints != nil)
            #expect(new.extendedKeyUsages == old.extendedKeyUsages && newParts.policies == oldParts.policies)
            #expect(new.serialNumber != old.serialNumber && renewed.serialNumber == new.serialNumber.hex)
            #expect(try await grove.keys() == keys)

            // The next certificate comes with the new chain, and that alone.
            let (version, after) = try await grove.issue("after")
            let newAbove = try await grove.certificate(policy.id)
            #expect(above.certPEM == newAbove.pem && Array(after.dropFirst()) == [new, newAbove])
            let alternates = try await world.database.read { tx in
                try #require(try VersionStore().find(version.id, in: tx)).alternateChains
            }
            #expect(alternates.isEmpty)
            #expect(try await world.hierarchy.chains(of: issuing.id, by: world.author).chains.count == 1)
            // What was issued before is valid with the chain it came with, and with the new one.
            for chain in [Array(before.dropFirst()), [new, newAbove]] {
                let path = try ChainVerifier(roots: [rootCertificate]).verify(
                    before[0], intermediates: chain, at: world.time.now + .seconds(1), purpose: .serverAuth)
                #expect(path == [before[0]] + chain + [rootCertificate])
            }

            // Whoever signed a certificate answers for each, and waits for the CA once.
            let kept = try await further(grove, issuing.id)
            #expect(kept.count == 3 && kept.contains { $0.certPEM == old.pem })
            for serial in kept.map(\.serialNumber) + [new.serialNumber.hex] {
                let status = try await world.database.read { tx in
                    try OCSPResponseStore().subject(
                        authority: policy.id, issuer: Grove.issuer, serial: serial, in: tx)?.status
                }
                #expect(status == .good, "\(serial)")
            }
            #expect(try await world.hierarchy.look(policy.id, by: world.author).1.children == 1)
            #expect(try await world.hierarchy.look(root.id, by: world.author).1.children == 1)
            let actions = try await world.actions(on: issuing.id.text).filter { $0.contains("renew") }
            #expect(
                actions.sorted() == [
                    "intermediate_ca_renewed", "intermediate_ca_renewed", "intermediate_ca_renewed",
                    "intermediate_ca_renewing", "intermediate_ca_renewing", "intermediate_ca_renewing",
                ])
        }
    }

    @Test("below an offline root: by request and certificate", arguments: Engine.available)
    func offline(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let elsewhere = try await OfflineRoot(at: world.time.now)
            let root = try await grove.register(elsewhere)
            let pending = try await grove.request("Issuing", below: root.id) {
                $0.pathLength = 0
                $0.allowedEKUs = ["serverAuth", "clientAuth"]
            }
            #expect(try await refusal(grove, pending.id)?.code == .invalidState)
            let first = try await elsewhere.sign(try #require(pending.csrPEM), days: 200)
            _ = try await grove.certify(pending.id, first)
            let here = try await refusal(grove, pending.id)
            #expect(here?.code == .invalidState && here?.detail.contains("cross-csr") == true, "\(here?.detail ?? "")")

            let csr = try await world.hierarchy.crossRequest(pending.id, by: world.author).pem
            let stranger = try PrivateKey.generate(.ecdsaP256).publicKey
            let cases: [(X509Certificate, String)] = [
                (first, "too_short"), (try await elsewhere.sign(csr, days: 100), "too_short"),
                (try await elsewhere.sign(csr, key: stranger, days: 400), "other_key"),
                (
                    try await elsewhere.sign(csr, subject: try DistinguishedName(commonName: "Else"), days: 400),
                    "other_subject"
                ),
                (try await elsewhere.sign(csr, days: 400) { $0.pathLength = 1 }, "other_terms"),
                (try await elsewhere.sign(csr, days: 400) { $0.extendedKeyUsages = [] }, "other_terms"),
                (try await elsewhere.sign(csr, days: 4000), "unfit_certificate"),
                (try await OfflineRoot("Else", at: world.time.now).sign(csr, days: 400), "unfit_certificate"),
            ]
            for (certificate, code) in cases {
                let error = try await refusal(grove, pending.id, with: certificate)
                #expect(
                    error?.code == .validationFailed && error?.problems.first?.code == code,
                    "\(code): \(error?.detail ?? "")")
            }
            let good = try await elsewhere.sign(csr, days: 400)
            #expect(try await refusal(grove, pending.id, days: 3, with: good)?.problems.first?.code == "conflict")
            #expect(try await grove.certificate(pending.id) == first)
            #expect(try await grove.count("ca_certificates") == 0)

            _ = try await renew(grove, pending.id, with: good)
            #expect(try await grove.issue("www").chain.dropFirst() == [good])
            #expect(try await further(grove, pending.id).map(\.certPEM) == [first.pem])
            #expect(try await refusal(grove, pending.id, with: good)?.problems.first?.code == "too_short")
        }
    }

    @Test("roots, CAs that end, parents that end and nonsense are refused, and nothing changes")
    func refused() async throws {
        try await Grove.with(.sqlite) { grove async throws in
            let world = grove.world
            let root = try await grove.make("Root")
            let policy = try await grove.make("Policy", below: root.id) { $0.pathLength = 1 }
            let issuing = try await grove.make("Issuing", below: policy.id) {
                $0.pathLength = 0
                $0.ttlDays = 100
            }
            let spare = try await grove.make("Spare", below: root.id) { $0.pathLength = 0 }
            #expect(try await refusal(grove, root.id)?.code == .unprocessable)
            #expect(try await refusal(grove, AuthorityID(stored: "ica-none"))?.code == .notFound)
            for days in [-1, 36_501] {
                #expect(try await refusal(grove, issuing.id, days: days)?.problems.first?.pointer == "/ttl_days")
            }
            #expect(try await refusal(grove, issuing.id, days: 50)?.problems.first?.code == "too_short")
            _ = try await world.hierarchy.retire(policy.id, isConfirmed: false, note: nil, by: world.author)
            #expect(try await refusal(grove, issuing.id, days: 200)?.code == .invalidState)
            _ = try await world.hierarchy.retire(spare.id, isConfirmed: false, note: nil, by: world.author)
            #expect(try await refusal(grove, spare.id, days: 3000)?.code == .invalidState)
            #expect(try await grove.count("ca_certificates") == 0)
            let stored = try await grove.stored(issuing.id)
            #expect(stored.rowVersion == issuing.rowVersion && stored.certPEM == issuing.certPEM)

            // A number of the CA's certificate before is no certificate of a client.
            _ = try await world.hierarchy.cancelRetirement(policy.id, note: nil, by: world.author)
            _ = try await renew(grove, issuing.id, days: 200)
            let kept = try #require(try await further(grove, issuing.id).first)
            let found = try await world.database.read { tx in
                try CACertificateStore().find(signedFor: Grove.issuer, serial: kept.serialNumber, in: tx)
            }
            #expect(found == kept && kept.serialNumber == issuing.serialNumber)
        }
    }

    @Test("at the same time: two renewals, and a parent that retires", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let root = try await grove.make("Root")
            let policy = try await grove.make("Policy", below: root.id) { $0.pathLength = 1 }
            let issuing = try await grove.make("Issuing", below: policy.id) {
                $0.pathLength = 0
                $0.ttlDays = 100
            }
            async let first = try? renew(grove, issuing.id, days: 200)
            async let second = try? renew(grove, issuing.id, days: 300)
            async let third = try? world.hierarchy.retire(
                policy.id, isConfirmed: false, note: nil, by: world.author)
            let done = [await first, await second].compactMap { $0 }
            _ = await third
            // Each that took place is on record, and nothing is of one that did not.
            let kept = try await further(grove, issuing.id)
            let stored = try await grove.stored(issuing.id)
            #expect(kept.count == done.count && stored.rowVersion == issuing.rowVersion + done.count)
            #expect(Set(kept.map(\.serialNumber)).count == kept.count)
            #expect(!kept.contains { $0.serialNumber == stored.serialNumber })
            #expect(try await grove.stored(policy.id).state == .retiring)
        }
    }
}
