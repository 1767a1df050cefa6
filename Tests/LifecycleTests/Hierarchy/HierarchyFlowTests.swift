import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6: a tree of CAs is built, and its CAs sign")
struct HierarchyFlowTests {
    @Test(
        "root, policy CA, issuing CA, leaf: each signed by the one above, each rule in the certificate",
        arguments: Engine.available)
    func threeTiers(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root") {
                $0.algorithm = "ECDSA-P384"
                $0.pathLength = 2
            }
            let policy = try await grove.make("Policy", below: root.id) {
                $0.nameConstraints = ["permitted": ["dns": ["example.com"]], "excluded": ["ip": ["10.0.0.0/8"]]]
                $0.allowedEKUs = ["serverAuth", "clientAuth"]
            }
            let issuing = try await grove.make("Issuing", below: policy.id) { $0.ttlDays = 30 }
            #expect([root.pathLength, policy.pathLength, issuing.pathLength] == [2, 1, 0])
            #expect([root.isIssuing, policy.isIssuing, issuing.isIssuing] == [false, false, true])

            let (version, chain) = try await grove.issue("api")
            #expect(version.issuingCA == issuing.id)
            #expect(chain.dropFirst().map(\.fingerprintSHA256).count == 2)
            let certificates = [
                try await grove.certificate(issuing.id), try await grove.certificate(policy.id),
                try await grove.certificate(root.id),
            ]
            #expect(Array(chain.dropFirst()) == Array(certificates.dropLast()))
            _ = try ChainVerifier(roots: [certificates[2]]).verify(
                chain[0], intermediates: Array(certificates.dropLast()), at: grove.world.time.now + .seconds(1),
                purpose: .serverAuth)

            let child = certificates[0]
            #expect(child.notAfter - grove.world.time.now <= .days(30))
            #expect(child.keyUsage == [.keyCertSign, .cRLSign])
            #expect(child.extensions[.basicConstraints]?.isCritical == true)
            #expect(child.extensions[.nameConstraints]?.isCritical == true)
            // Taken over from the parent, for clients that look at this certificate alone.
            #expect(child.extensions.nameConstraints?.names.permitted.dns == ["example.com"])
            #expect(child.extensions.nameConstraints?.names.excluded.ip == ["10.0.0.0/8"])
            #expect(child.extendedKeyUsages == certificates[1].extendedKeyUsages)
            #expect(child.extensions.authorityKeyIdentifier == certificates[1].extensions.subjectKeyIdentifier)
            #expect("\(certificates[1].signatureAlgorithm as Any)".contains("384"))
            #expect(Set(certificates.map(\.subjectPublicKey.spkiSHA256)).count == 3)
        }
    }

    @Test("names outside of the constraints are refused, and nothing is stored", arguments: Engine.available)
    func constrained(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root")
            try await grove.make("Issuing", below: root.id) {
                $0.nameConstraints = [["permitted": ["example.org"], "excluded": []]]
            }
            await #expect(throws: ServiceError.self) { try await grove.issue("api") }
            #expect(try await grove.count("certificate_versions") == 0)
        }
    }

    @Test(
        "of several CAs the one signs that may certify the names, then by kind of key, then the longest-lived",
        arguments: Engine.available)
    func choice(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root")
            let short = try await grove.make("Short", below: root.id) { $0.ttlDays = 100 }
            let long = try await grove.make("Long", below: root.id) { $0.ttlDays = 1000 }
            try await grove.make("RSA", below: root.id) {
                $0.algorithm = "RSA-2048"
                $0.ttlDays = 2000
            }
            try await grove.make("Elsewhere", below: root.id) {
                $0.ttlDays = 1500
                $0.nameConstraints = [["permitted": ["example.org"]]]
            }
            try await grove.make("Mail", below: root.id) {
                $0.ttlDays = 1600
                $0.allowedEKUs = ["emailProtection"]
            }
            #expect(try await grove.issue("one").version.issuingCA == long.id)
            _ = try await grove.world.hierarchy.retire(long.id, isConfirmed: false, note: nil, by: grove.world.author)
            #expect(try await grove.issue("two").version.issuingCA == short.id)
        }
    }

    @Test(
        "what breaks a rule of the parent is refused with the member, before a key is made", arguments: Engine.available
    )
    func refusals(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root") { $0.pathLength = 1 }
            let policy = try await grove.make("Policy", below: root.id) {
                $0.nameConstraints = [
                    "permitted": ["dns": ["example.com"], "ip": ["10.0.0.0/8"], "directory": ["O=Example"]]
                ]
                $0.allowedEKUs = ["serverAuth"]
                $0.pathLength = 0
            }
            let keys = try await grove.keys()
            let cases: [(String, AuthorityID?, (inout CADraft) -> Void, ErrorCode, String)] = [
                ("A", policy.id, { _ in }, .validationFailed, "/path_len_constraint"),
                ("B", root.id, { $0.pathLength = 1 }, .validationFailed, "/path_len_constraint"),
                ("Policy", root.id, { _ in }, .alreadyExists, "/name"),
                ("C", AuthorityID(stored: "ica-none"), { _ in }, .notFound, ""),
                ("D", nil, { _ in }, .invalidState, ""),
                ("E", root.id, { $0.subject?.commonName = "Root" }, .validationFailed, "/subject"),
                ("F", root.id, { $0.algorithm = "DSA" }, .validationFailed, "/algorithm"),
                ("G", root.id, { $0.keyDriver = "aws-kms" }, .validationFailed, "/key_driver"),
                ("H", root.id, { $0.keyDriver = "pkcs11" }, .validationFailed, "/key_driver_id"),
                ("I", root.id, { $0.nameConstraints = "x" }, .validationFailed, "/name_constraints"),
                (
                    "J", root.id, { $0.nameConstraints = [["permitted": ["-bad-"]]] }, .validationFailed,
                    "/name_constraints"
                ),
                ("K", root.id, { $0.policyOIDs = ["1.2.x"] }, .validationFailed, "/policy_oids/0"),
                ("L", root.id, { $0.allowedEKUs = ["nonsense"] }, .validationFailed, "/allowed_ekus/0"),
                ("M", root.id, { $0.ocspURL = "ftp://x" }, .validationFailed, "/ocsp_responder_url"),
                ("N", root.id, { $0.ttlDays = -1 }, .validationFailed, "/ttl_days"),
                ("", root.id, { _ in }, .validationFailed, "/name"),
                ("O", root.id, { $0.subject = nil }, .validationFailed, "/subject/common_name"),
                ("P", root.id, { $0.subject?.country = ["Germany"] }, .validationFailed, "/subject"),
                ("Q", root.id, { $0.rootPEM = "x" }, .validationFailed, "/root_cert_pem"),
            ]
            for (name, parent, change, code, pointer) in cases {
                let error = try #require(try await grove.refusal(name, below: parent, change), "\(name) was accepted")
                #expect(error.code == code, "\(name): \(error.detail)")
                #expect(
                    pointer.isEmpty || error.problems.contains { $0.pointer == pointer }, "\(name): \(error.problems)")
            }
            #expect(try await grove.keys() == keys)
            #expect(try await grove.count("intermediate_cas") == 2)
        }
    }

    @Test("constraints and purposes that are wider than the parent's are refused")
    func wider() async throws {
        try await Grove.with(.sqlite) { grove async throws in
            let root = try await grove.make("Root") {
                $0.nameConstraints = [
                    "permitted": [
                        "dns": ["example.com"], "ip": ["10.0.0.0/8"], "email": ["example.com"], "uri": [".example.com"],
                        "directory": ["O=Example"],
                    ]
                ]
                $0.allowedEKUs = ["serverAuth"]
                $0.policyOIDs = ["1.3.6.1.4.1.99999.1"]
            }
            let wider: [JSONValue] = [
                ["permitted": ["dns": ["com"]]], ["permitted": ["dns": ["badexample.com"]]],
                ["permitted": ["dns": [""]]],
                ["permitted": ["ip": ["10.0.0.0/7"]]], ["permitted": ["ip": ["11.0.0.0/8"]]],
                ["permitted": ["ip": ["::/0"]]], ["permitted": ["email": [".example.com"]]],
                ["permitted": ["uri": ["example.com"]]], ["permitted": ["directory": ["O=Other"]]],
            ]
            for constraints in wider {
                let error = try await grove.refusal("X", below: root.id) { $0.nameConstraints = constraints }
                #expect(error?.problems.first?.pointer == "/name_constraints", "\(constraints.text)")
            }
            let eku = try await grove.refusal("X", below: root.id) { $0.allowedEKUs = ["codeSigning"] }
            #expect(eku?.problems.first?.pointer == "/allowed_ekus")
            let policy = try await grove.refusal("X", below: root.id) { $0.policyOIDs = ["1.3.6.1.4.1.99999.2"] }
            #expect(policy?.problems.first?.pointer == "/policy_oids")
            let subject = try await grove.refusal("X", below: root.id) { $0.subject?.organization = ["Other"] }
            #expect(subject?.problems.first?.pointer == "/subject")
            let child = try await grove.make("Narrow", below: root.id) {
                $0.nameConstraints = [
                    "permitted": [
                        "dns": ["a.example.com"], "ip": ["10.1.0.0/16"], "email": ["bob@example.com"],
                        "uri": ["www.example.com"], "directory": ["OU=Web,O=Example"],
                    ]
                ]
            }
            let names = try await grove.certificate(child.id).extensions.nameConstraints?.names.permitted
            #expect(names?.dns == ["a.example.com"] && names?.ip == ["10.1.0.0/16"])
            #expect(names?.directory == ["OU=Web,O=Example"])
        }
    }

    @Test("a root that exists is registered, without its key as an offline root", arguments: Engine.available)
    func offline(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let pem = try await grove.world.rootElsewhere()
            let root = try await grove.make("Offline") {
                $0.subject = nil
                $0.rootPEM = pem
            }
            #expect(root.keyReference == nil && !root.hasKey && root.isRoot)
            let error = try await grove.refusal("Child", below: root.id)
            #expect(error?.code == .invalidState)
            // What is no root of a tree.
            let (_, chain) = try await grove.world.leafElsewhere()
            let leaf = try await grove.refusal("Leaf") {
                $0.subject = nil
                $0.rootPEM = chain[0].pem
            }
            #expect(leaf?.code == .invalidState || leaf?.code == .validationFailed)
        }
    }

    @Test("an issuer becomes a tree only while it has no history, and keeps to its kind", arguments: Engine.available)
    func modes(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            var toTree = IssuerChange()
            toTree.hierarchyMode = .set(.tree)
            try await world.certificate("api")
            try await RevokeFlowTests.issue(world, "api")
            await #expect(throws: ServiceError.self) {
                try await world.issuers.update(World.issuer, toTree, expecting: nil, by: world.author)
            }
            try await grove.make("Root")
            var toSingle = IssuerChange()
            toSingle.hierarchyMode = .set(.single)
            await #expect(throws: ServiceError.self) {
                try await world.issuers.update(Grove.issuer, toSingle, expecting: nil, by: world.author)
            }
            _ = try await world.issuers.create(IssuerDraft(id: "iss-new", name: "New", type: "local"), by: world.author)
            let changed = try await world.issuers.update(
                IssuerID(stored: "iss-new"), toTree, expecting: nil, by: world.author)
            #expect(changed.hierarchyMode == .tree)
            var wrong = IssuerDraft(id: "iss-w", name: "W", type: "local", config: ["ca_common_name": "X"])
            wrong.hierarchyMode = .tree
            await #expect(throws: ServiceError.self) { try await world.issuers.create(wrong, by: world.author) }
            // A CA in an issuer that is one authority.
            var draft = Grove.draft("Root 2")
            draft.issuerID = World.issuer
            await #expect(throws: ServiceError.self) { try await world.hierarchy.create(draft, by: world.author) }
            // Nothing is issued where no CA issues.
            await #expect(throws: ServiceError.self) { try await grove.issue("nobody") }
            await #expect(throws: ServiceError.self) {
                try await world.issuers.delete(Grove.issuer, expecting: nil, by: world.author)
            }
        }
    }

    @Test(
        "of two roots, or two CAs of one name, made at the same time one is stored, and no key is left over",
        arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            func race(_ count: Int, _ body: @escaping @Sendable () async throws -> Void) async -> Int {
                await withTaskGroup(of: Bool.self) { group in
                    for _ in 0..<count {
                        group.addTask {
                            do {
                                try await body()
                                return true
                            } catch { return false }
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
            }
            let (world, flow) = (grove.world, grove.world.hierarchy)
            #expect(await race(4) { _ = try await flow.create(Grove.draft("Root"), by: world.author) } == 1)
            #expect(try await grove.keys() == 1)
            let root = try #require(
                try await world.database.read { tx in
                    try IntermediateCAStore().all(of: Grove.issuer, in: tx).first
                })
            #expect(
                await race(4) { _ = try await flow.create(Grove.draft("One", below: root.id), by: world.author) } == 1)
            #expect(try await grove.keys() == 2)
            #expect(try await grove.count("intermediate_cas") == 2)
        }
    }
}

extension World {
    /// A self-signed CA certificate whose key nobody here has.
    func rootElsewhere() async throws -> String {
        let (certificate, _) = try await leafElsewhere()
        return certificate.pem
    }

    /// The CA of the issuer that is one authority, and the chain of a certificate of it.
    func leafElsewhere() async throws -> (X509Certificate, [X509Certificate]) {
        let id = "elsewhere-\(Int.random(in: 0..<1_000_000))"
        try await certificate(id)
        let version = try await RevokeFlowTests.issue(self, id)
        let authority = try await registry.connector(for: Self.issuer, revision: 1).authorityChain()
        return (authority[0], try X509Certificate.bundle(pem: version.pemChain))
    }
}
