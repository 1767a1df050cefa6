import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6.2: CAs below a root whose key is elsewhere")
struct CeremonyTests {
    @Test("a request leaves, a certificate comes back, and the CA issues", arguments: Engine.available)
    func ceremony(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let names: JSONValue = ["permitted": ["dns": ["example.com"]], "excluded": ["dns": ["lab.example.com"]]]
            let limits = try NameConstraints.make(permitted: Self.dns("example.com"), excluded: ConstrainedNames())
            let elsewhere = try await OfflineRoot(at: grove.world.time.now, constraints: limits, pathLength: 2)
            let root = try await grove.register(elsewhere)
            let pending = try await grove.request("Issuing", below: root.id) {
                $0.nameConstraints = names
                $0.allowedEKUs = ["serverAuth", "clientAuth"]
                $0.pathLength = 0
                $0.policyOIDs = ["1.3.6.1.4.1.99999.1"]
            }
            #expect(pending.state == .pending && pending.certPEM == nil && pending.notAfter == nil)
            #expect(pending.isIssuing && pending.isKeyOwn)
            let csr = try CertificationRequest(pem: #require(pending.csrPEM))
            try csr.verifySignature()
            let asked = csr.requestedExtensions
            #expect(asked.basicConstraints?.isCA == true && asked.basicConstraints?.pathLenConstraint == 0)
            #expect(asked.keyUsage == [.keyCertSign, .cRLSign] && csr.extendedKeyUsages.count == 2)
            #expect(asked.nameConstraints?.names.excluded.dns == ["lab.example.com"])
            #expect(asked.policies.map { "\($0)" } == ["1.3.6.1.4.1.99999.1"])

            // Until then it is nobody: it signs nothing, has no chain, no list, and keeps its parent from ending.
            await #expect(throws: ServiceError.self) { try await grove.issue("early") }
            await #expect(throws: ServiceError.self) {
                try await grove.world.hierarchy.chain(of: pending.id, by: grove.world.author)
            }
            try await grove.publish()
            #expect(try await grove.list(of: pending.id) == nil)
            #expect(try await grove.world.hierarchy.look(root.id, by: grove.world.author).1.children == 1)
            await #expect(throws: ServiceError.self) {
                try await grove.world.hierarchy.retire(
                    pending.id, isConfirmed: true, note: nil, by: grove.world.author)
            }

            let signed = try await elsewhere.sign(try #require(pending.csrPEM))
            let active = try await grove.certify(pending.id, signed)
            #expect(active.state == .active && active.id == pending.id)
            #expect(active.certPEM == signed.pem && active.serialNumber == signed.serialNumber.hex)
            let (version, chain) = try await grove.issue("www")
            #expect(version.issuingCA == active.id)
            #expect(chain.count == 2 && chain[1] == signed)
            _ = try ChainVerifier(roots: [elsewhere.certificate]).verify(
                chain[0], intermediates: [signed], at: grove.world.time.now + .seconds(1), purpose: .serverAuth)
            try await grove.publish()
            #expect(try await grove.list(of: active.id) != nil)
            await #expect(throws: (any Error).self) { try await grove.issue("lab") }

            // Once is enough.
            let again = await #expect(throws: ServiceError.self) { try await grove.certify(pending.id, signed) }
            #expect(again?.code == .invalidState)
            await #expect(throws: ServiceError.self) {
                try await grove.world.hierarchy.discard(active.id, by: grove.world.author)
            }
            #expect(
                try await grove.world.actions(on: active.id.text) == [
                    "ca_key_generated", "intermediate_ca_child_created", "intermediate_ca_csr_created",
                ])
        }
    }

    @Test("whatever is not the certificate that was asked for is refused, and the CA stays pending")
    func refused() async throws {
        try await Grove.with(.sqlite) { grove async throws in
            let now = grove.world.time.now
            let limits = try NameConstraints.make(
                permitted: Self.dns("example.com"), excluded: Self.dns("a.example.com"))
            let elsewhere = try await OfflineRoot(at: now, constraints: limits, pathLength: 1, days: 900)
            let stranger = try await OfflineRoot(at: now)
            let root = try await grove.register(elsewhere)
            let pending = try await grove.request("Issuing", below: root.id) { $0.allowedEKUs = ["serverAuth"] }
            let csr = try #require(pending.csrPEM)
            let wide = try NameConstraints.make(permitted: Self.dns("com"), excluded: Self.dns("a.example.com"))
            let forgetful = try NameConstraints.make(permitted: Self.dns("example.com"), excluded: ConstrainedNames())
            let other = try PrivateKey.generate(.ecdsaP256).publicKey
            let cases: [(X509Certificate, String)] = [
                (try await elsewhere.sign(csr, key: other), "another key"),
                (
                    try await elsewhere.sign(csr, subject: try DistinguishedName(commonName: "Somebody")),
                    "the request is for"
                ),
                (try await stranger.sign(csr), "is not signed by"),
                (try await OfflineRoot("Else", at: now).sign(csr), "is not signed by"),
                (try await elsewhere.sign(csr, days: 901), "after CN=Offline Root"),
                (try await elsewhere.sign(csr) { $0.pathLength = 1 }, "path_len_constraint"),
                (try await elsewhere.sign(csr) { $0.nameConstraints = nil }, "must repeat"),
                (try await elsewhere.sign(csr) { $0.nameConstraints = forgetful }, "must repeat"),
                (try await elsewhere.sign(csr) { $0.nameConstraints = wide }, "wider"),
                (elsewhere.certificate, "another key"),
            ]
            for (certificate, reason) in cases {
                let error = await #expect(throws: ServiceError.self, "\(reason)") {
                    try await grove.certify(pending.id, certificate)
                }
                #expect(error?.code == .validationFailed)
                #expect(error?.detail.contains(reason) ?? false, "\(reason): \(error?.detail ?? "")")
            }
            let flow = grove.world.hierarchy
            for text in ["", "x", try await elsewhere.sign(csr).pem + elsewhere.certificate.pem] {
                let error = await #expect(throws: ServiceError.self) {
                    try await flow.certify(pending.id, with: text, by: grove.world.author)
                }
                #expect(error?.problems.first?.pointer == "/certificate_pem")
            }
            let late = try await elsewhere.sign(csr, days: 20)
            grove.world.clock.advance(by: .days(21))
            let expired = await #expect(throws: ServiceError.self) { try await grove.certify(pending.id, late) }
            #expect(expired?.detail.contains("expired") ?? false)
            #expect(try await grove.stored(pending.id) == pending)
        }
    }

    @Test("a request asks for no more than its parent may give", arguments: Engine.available)
    func asking(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let elsewhere = try await OfflineRoot(at: grove.world.time.now, pathLength: 0)
            let root = try await grove.register(elsewhere)
            let keys = try await grove.keys()
            let deep = await #expect(throws: ServiceError.self) { try await grove.request("Deep", below: root.id) }
            #expect(deep?.problems.first?.pointer == "/path_len_constraint")
            let orphan = await #expect(throws: ServiceError.self) { try await grove.request("Orphan", below: nil) }
            #expect(orphan?.problems.first?.pointer == "/parent_ca_id")
            #expect(try await grove.keys() == keys)
            #expect(try await grove.count("intermediate_cas") == 1)
        }
    }

    @Test("a CA that is given up goes, and its key with it; its name is free again", arguments: Engine.available)
    func discarded(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let elsewhere = try await OfflineRoot(at: grove.world.time.now)
            let root = try await grove.register(elsewhere)
            let keys = try await grove.keys()
            let first = try await grove.request("Issuing", below: root.id)
            await #expect(throws: ServiceError.self) { try await grove.request("Issuing", below: root.id) }
            #expect(try await grove.keys() == keys + 1)
            try await grove.world.hierarchy.discard(first.id, by: grove.world.author)
            #expect(try await grove.keys() == keys)
            await #expect(throws: ServiceError.self) {
                try await grove.world.hierarchy.discard(first.id, by: grove.world.author)
            }
            #expect(
                try await grove.world.actions(on: first.id.text) == [
                    "ca_key_destroyed", "ca_key_generated", "intermediate_ca_csr_created", "intermediate_ca_discarded",
                ])
            let second = try await grove.request("Issuing", below: root.id)
            await #expect(throws: ServiceError.self, "the certificate of the key that is gone") {
                try await grove.certify(second.id, try await elsewhere.sign(try #require(first.csrPEM)))
            }
            _ = try await grove.certify(second.id, try await elsewhere.sign(try #require(second.csrPEM)))
        }
    }

    @Test(
        "of two certificates, or a certificate and a deletion, at the same time one counts", arguments: Engine.available
    )
    func together(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let elsewhere = try await OfflineRoot(at: grove.world.time.now)
            let root = try await grove.register(elsewhere)
            let pending = try await grove.request("Issuing", below: root.id)
            let csr = try #require(pending.csrPEM)
            let certificates = [try await elsewhere.sign(csr), try await elsewhere.sign(csr, days: 400)]
            let (world, id) = (grove.world, pending.id)
            let done = await withTaskGroup(of: Bool.self) { group in
                for certificate in certificates {
                    group.addTask {
                        (try? await world.hierarchy.certify(id, with: certificate.pem, by: world.author)) != nil
                    }
                }
                group.addTask { (try? await world.hierarchy.discard(id, by: world.author)) != nil }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(done == 1)
            let left = try await world.database.read { try IntermediateCAStore().find(id, in: $0) }
            #expect(left == nil || left?.state == .active)
            let keys = try await grove.keys()
            #expect(keys == (left == nil ? 0 : 1))
        }
    }

    private static func dns(_ name: String) -> ConstrainedNames {
        var names = ConstrainedNames()
        names.dns = [name]
        return names
    }
}
