import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6.2, §6.4: further certificates of a CA, and the choice of chains")
struct CrossSigningTests {
    /// An issuing CA below a root of `iss-tree`, and the root of another tree.
    private struct Crossing {
        let grove: Grove
        let root: IntermediateCA
        let issuing: IntermediateCA
        let other: IntermediateCA

        static let second = IssuerID(stored: "iss-second")

        static func with(_ engine: Engine, _ body: (Crossing) async throws -> Void) async throws {
            try await Grove.with(engine) { grove async throws in
                var draft = IssuerDraft(id: second.text, name: "Second", type: "local")
                draft.hierarchyMode = .tree
                _ = try await grove.world.issuers.create(draft, by: grove.world.author)
                let root = try await grove.make("Root")
                let issuing = try await grove.make("Issuing", below: root.id) { $0.pathLength = 0 }
                var wanted = Grove.draft("Other Root")
                wanted.issuerID = second
                wanted.pathLength = 2
                let other = try await grove.world.hierarchy.create(wanted, by: grove.world.author)
                try await body(Crossing(grove: grove, root: root, issuing: issuing, other: other))
            }
        }

        @discardableResult
        func sign(
            _ id: AuthorityID, by parent: AuthorityID?, _ change: (inout CrossSigningDraft) -> Void = { _ in }
        ) async throws -> CACertificate {
            var draft = CrossSigningDraft()
            draft.parentID = parent
            change(&draft)
            return try await grove.world.hierarchy.crossSign(id, draft, by: grove.world.author)
        }

        func refusal(
            _ id: AuthorityID, by parent: AuthorityID?, _ change: (inout CrossSigningDraft) -> Void = { _ in }
        ) async throws -> ServiceError? {
            do {
                try await sign(id, by: parent, change)
                return nil
            } catch let error as ServiceError {
                return error
            }
        }

        func chains(of id: AuthorityID) async throws -> [[X509Certificate]] {
            try await grove.world.hierarchy.chains(of: id, by: grove.world.author).chains
        }

        func alternates(of version: IssuedVersion) async throws -> [[X509Certificate]] {
            try await grove.world.database.read { tx in
                try #require(try VersionStore().find(version.id, in: tx)).alternateChains.map {
                    try X509Certificate.bundle(pem: $0)
                }
            }
        }
    }

    @Test(
        "the shortest chain to a preferred root is sent first, and the one by its own parents is an alternate",
        arguments: Engine.available)
    func preferred(engine: Engine) async throws {
        try await Crossing.with(engine) { crossing async throws in
            let (grove, issuing, world) = (crossing.grove, crossing.issuing, crossing.grove.world)
            func prefer(_ roots: [String]) async throws {
                var change = IssuerChange()
                change.config = .set(["preferred_roots": JSONValue(roots)])
                _ = try await world.issuers.update(Grove.issuer, change, expecting: nil, by: world.author)
            }
            let direct = try X509Certificate(
                pem: try await crossing.sign(issuing.id, by: crossing.other.id) { $0.ttlDays = 300 }.certPEM)
            let lifted = try X509Certificate(
                pem: try await crossing.sign(crossing.root.id, by: crossing.other.id) {
                    $0.ttlDays = 100
                    $0.pathLength = 1
                }.certPEM)
            let own = try await grove.certificate(issuing.id)
            let (root, other) = (
                try await grove.certificate(crossing.root.id), try await grove.certificate(crossing.other.id)
            )
            func issue(_ name: String) async throws -> [[X509Certificate]] {
                let (version, sent) = try await grove.issue(name)
                #expect(sent[0].verifySignature(issuedBy: sent[1]))
                return [Array(sent.dropFirst())] + (try await crossing.alternates(of: version))
            }
            #expect(try await issue("one") == [[own], [direct], [own, lifted]])
            // As openssl prints it; of two ways to it the shorter one.
            let print = other.fingerprintSHA256.uppercased()
            try await prefer([print.enumerated().map { $0 > 0 && $0 % 2 == 0 ? ":\($1)" : "\($1)" }.joined()])
            #expect(try await issue("two") == [[direct], [own], [own, lifted]])
            let paths = try ChainVerifier(roots: [other]).verify(
                try await grove.issue("three").chain[0], intermediates: [direct], at: world.time.now + .seconds(1))
            #expect(paths.count == 3)
            try await prefer([root.fingerprintSHA256])
            #expect(try await issue("four") == [[own], [direct], [own, lifted]])
            try await prefer([String(repeating: "0", count: 64)])
            #expect(
                try await issue("five") == [[own], [direct], [own, lifted]], "a root that is nowhere changes nothing")
            #expect(await refusal { try await prefer(["x"]) } == .unprocessable)
            var single = IssuerChange()
            single.config = .set(["preferred_roots": JSONValue([print])])
            let ofOne = await refusal {
                _ = try await world.issuers.update(World.issuer, single, expecting: nil, by: world.author)
            }
            #expect(ofOne == .unprocessable)
        }
    }

    @Test(
        "by a CA of another tree, by somebody elsewhere, and of the root: each chain leads to its own root",
        arguments: Engine.available)
    func everyWay(engine: Engine) async throws {
        try await Crossing.with(engine) { crossing async throws in
            let (grove, issuing, world) = (crossing.grove, crossing.issuing, crossing.grove.world)
            let before = try await grove.issue("before").version
            #expect(try await crossing.alternates(of: before).isEmpty)
            #expect(try await crossing.chains(of: issuing.id).count == 1)

            let direct = try await crossing.sign(issuing.id, by: crossing.other.id) { $0.ttlDays = 300 }
            let certificate = try X509Certificate(pem: direct.certPEM)
            let own = try await grove.certificate(issuing.id)
            #expect(certificate.subject.der == own.subject.der && certificate.subjectPublicKey == own.subjectPublicKey)
            #expect(certificate.extensions.subjectKeyIdentifier == own.extensions.subjectKeyIdentifier)
            #expect(certificate.extensions.basicConstraints?.pathLenConstraint == 0)
            #expect(certificate != own && direct.parentID == crossing.other.id)

            let elsewhere = try await OfflineRoot(at: world.time.now)
            let request = try await world.hierarchy.crossRequest(issuing.id, by: world.author)
            let foreign = try await elsewhere.sign(request.pem, days: 200)
            let imported = try await crossing.sign(issuing.id, by: nil) {
                $0.certificatePEM = foreign.pem
                $0.chainPEM = elsewhere.certificate.pem
            }
            #expect(imported.parentID == nil && imported.abovePEM == elsewhere.certificate.pem)
            // The root gets a parent as well: what it signed has one more way up.
            let lifted = try await crossing.sign(crossing.root.id, by: crossing.other.id) {
                $0.ttlDays = 100
                $0.pathLength = 1
            }

            let (version, sent) = try await grove.issue("www")
            #expect(sent.dropFirst().first == own)
            let alternates = try await crossing.alternates(of: version)
            #expect(
                alternates == [
                    [certificate], [foreign], [own, try X509Certificate(pem: lifted.certPEM)],
                ])
            let otherRoot = try await grove.certificate(crossing.other.id)
            let roots = [otherRoot, elsewhere.certificate, otherRoot]
            for (above, root) in zip(alternates, roots) {
                let path = try ChainVerifier(roots: [root]).verify(
                    sent[0], intermediates: above, at: world.time.now + .seconds(1), purpose: .serverAuth)
                #expect(path == [sent[0]] + above + [root])
            }
            // What was issued before keeps what it came with.
            #expect(try await crossing.alternates(of: before).isEmpty)

            let chains = try await crossing.chains(of: issuing.id)
            #expect(chains.map(\.count) == [2, 2, 2, 3])
            #expect(chains.map { $0.last } == [try await grove.certificate(crossing.root.id)] + roots)
            #expect(try await crossing.chains(of: crossing.root.id).count == 2)

            // Whoever signed it answers for it, and can't end before it does.
            let status = try await world.database.read { tx in
                try OCSPResponseStore().subject(
                    authority: crossing.other.id, issuer: Crossing.second, serial: direct.serialNumber, in: tx)?.status
            }
            #expect(status == .good)
            #expect(try await world.hierarchy.look(crossing.other.id, by: world.author).1.children == 2)
            #expect(
                try await world.actions(on: issuing.id.text).filter { $0.contains("cross") }.sorted() == [
                    "intermediate_ca_cross_csr_created", "intermediate_ca_cross_signed",
                    "intermediate_ca_cross_signed", "intermediate_ca_cross_signing",
                ])

            // The chains that ended are sent no more. PostgreSQL goes by its own clock, which nobody advances here.
            guard engine == .sqlite else { return }
            world.clock.advance(by: .days(150))
            let later = try await grove.issue("later").version
            #expect(try await crossing.alternates(of: later) == [[certificate], [foreign]])
        }
    }

    @Test("exports take the chain that is asked for, to its root", arguments: Engine.available)
    func exports(engine: Engine) async throws {
        try await Crossing.with(engine) { crossing async throws in
            let (grove, world) = (crossing.grove, crossing.grove.world)
            let elsewhere = try await OfflineRoot(at: world.time.now)
            let request = try await world.hierarchy.crossRequest(crossing.issuing.id, by: world.author)
            let foreign = try await elsewhere.sign(request.pem, days: 200)
            try await crossing.sign(crossing.issuing.id, by: nil) {
                $0.certificatePEM = foreign.pem
                $0.chainPEM = elsewhere.certificate.pem
            }
            let (version, _) = try await grove.issue("www")
            let flow = CertificateExportFlow(world.context)
            func export(_ alternate: Int, root: Bool) async throws -> [X509Certificate] {
                try await flow.export(
                    version.certificateID, version: nil, format: "pem", alternate: alternate, withRoot: root,
                    by: world.author
                ).chain
            }
            #expect(try await export(1, root: false).dropFirst() == [foreign])
            #expect(try await export(1, root: true).dropFirst() == [foreign, elsewhere.certificate])
            #expect(
                try await export(0, root: true).dropFirst() == [
                    try await grove.certificate(crossing.issuing.id), try await grove.certificate(crossing.root.id),
                ])
            let none = await #expect(throws: ServiceError.self) { try await export(2, root: false) }
            #expect(none?.code == .invalidParameter)
        }
    }

    @Test("a chain that does not allow the certificate is not sent with it", arguments: Engine.available)
    func narrow(engine: Engine) async throws {
        try await Crossing.with(engine) { crossing async throws in
            try await crossing.sign(crossing.issuing.id, by: crossing.other.id) {
                $0.nameConstraints = ["permitted": ["dns": ["elsewhere.test"]]]
            }
            #expect(try await crossing.chains(of: crossing.issuing.id).count == 2)
            let (version, _) = try await crossing.grove.issue("www")
            #expect(try await crossing.alternates(of: version).isEmpty)
        }
    }

    @Test("whatever is no further certificate of the CA is refused, and nothing is kept")
    func refused() async throws {
        try await Crossing.with(.sqlite) { crossing async throws in
            let (grove, world) = (crossing.grove, crossing.grove.world)
            let (issuing, other) = (crossing.issuing, crossing.other)
            #expect(try await crossing.refusal(issuing.id, by: crossing.root.id)?.problems.first?.code == "same_parent")
            #expect(try await crossing.refusal(issuing.id, by: issuing.id)?.problems.first?.code == "circle")
            #expect(try await crossing.refusal(crossing.root.id, by: issuing.id)?.problems.first?.code == "circle")
            #expect(try await crossing.refusal(issuing.id, by: nil)?.problems.first?.pointer == "/parent_ca_id")
            #expect(try await crossing.refusal(issuing.id, by: AuthorityID(stored: "ica-none"))?.code == .notFound)
            let long = try await crossing.refusal(crossing.root.id, by: other.id) { $0.pathLength = 2 }
            #expect(long?.problems.first?.pointer == "/path_len_constraint")
            let bad = try await crossing.refusal(issuing.id, by: other.id) {
                $0.ttlDays = -1
                $0.allowedEKUs = ["nonsense"]
                $0.policyOIDs = ["x"]
            }
            #expect(bad?.problems.count == 3)

            let elsewhere = try await OfflineRoot(at: world.time.now)
            let csr = try await world.hierarchy.crossRequest(issuing.id, by: world.author).pem
            let good = try await elsewhere.sign(csr)
            let stranger = try PrivateKey.generate(.ecdsaP256).publicKey
            let cases: [(X509Certificate, String?, String)] = [
                (good, nil, "required"), (good, good.pem, "invalid_root"), (good, "x", "invalid_certificate"),
                (
                    try await elsewhere.sign(csr, key: stranger), elsewhere.certificate.pem, "other_key"
                ),
                (
                    try await elsewhere.sign(csr, subject: try DistinguishedName(commonName: "Somebody")),
                    elsewhere.certificate.pem, "other_subject"
                ),
                (
                    try await elsewhere.sign(csr) { $0.subjectKeyIdentifier = [UInt8](repeating: 7, count: 20) },
                    elsewhere.certificate.pem,
                    "other_key_identifier"
                ),
                (
                    try await OfflineRoot("Else", at: world.time.now).sign(csr), elsewhere.certificate.pem,
                    "unfit_certificate"
                ),
                (try await elsewhere.sign(csr, days: 5000), elsewhere.certificate.pem, "unfit_certificate"),
            ]
            for (certificate, chain, code) in cases {
                let error = try await crossing.refusal(issuing.id, by: nil) {
                    $0.certificatePEM = certificate.pem
                    $0.chainPEM = chain
                }
                #expect(
                    error?.code == .validationFailed && error?.problems.first?.code == code,
                    "\(code): \(error?.detail ?? "")")
            }
            let both = try await crossing.refusal(issuing.id, by: other.id) {
                $0.certificatePEM = good.pem
                $0.chainPEM = elsewhere.certificate.pem
            }
            #expect(both?.problems.first?.code == "conflict")
            let limited = try await crossing.refusal(issuing.id, by: nil) {
                $0.certificatePEM = good.pem
                $0.chainPEM = elsewhere.certificate.pem
                $0.ttlDays = 3
            }
            #expect(limited?.problems.first?.pointer == "/certificate_pem")

            // The key of a parent that is registered without it is asked elsewhere; its certificate is taken in.
            _ = try await world.hierarchy.retire(other.id, isConfirmed: false, note: nil, by: world.author)
            #expect(try await crossing.refusal(issuing.id, by: other.id)?.code == .invalidState)
            var draft = Grove.draft("Offline Second")
            draft.issuerID = Crossing.second
            draft.subject = nil
            draft.rootPEM = elsewhere.certificate.pem
            let offline = try await world.hierarchy.create(draft, by: world.author)
            #expect(try await crossing.refusal(issuing.id, by: offline.id)?.code == .invalidState)
            #expect(try await grove.count("ca_certificates") == 0)
            try await crossing.sign(issuing.id, by: offline.id) { $0.certificatePEM = good.pem }
            let twice = try await crossing.refusal(issuing.id, by: offline.id) { $0.certificatePEM = good.pem }
            #expect(twice?.code == .alreadyExists)
            #expect(try await grove.count("ca_certificates") == 1)
        }
    }

    @Test("at the same time: two parents, and a parent that retires", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Crossing.with(engine) { crossing async throws in
            let world = crossing.grove.world
            let author = world.author
            async let first = try? crossing.sign(crossing.issuing.id, by: crossing.other.id)
            async let second = try? crossing.sign(crossing.root.id, by: crossing.other.id) { $0.pathLength = 1 }
            async let third = try? world.hierarchy.retire(
                crossing.other.id, isConfirmed: false, note: nil, by: author)
            _ = await (first, second, third)
            let other = try await crossing.grove.stored(crossing.other.id)
            #expect(other.state == .retiring)
            // However it went, what was signed is on record with whoever signed it.
            let count = try await crossing.grove.count("ca_certificates")
            #expect(try await world.hierarchy.look(crossing.other.id, by: author).1.children == count)
        }
    }
}
