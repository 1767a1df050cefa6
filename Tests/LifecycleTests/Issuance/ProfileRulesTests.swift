import DatabaseTestSupport
import Domain
import Encoding
import PKI
import Query
import Store
import Testing

@testable import Lifecycle

/// A certificate `api` under the profile `prof-1`, issued for CSRs of clients by the built-in CA.
private struct ProfileStage {
    static let certificate = CertificateID(stored: "api")
    let world: World

    static func with(
        _ engine: Engine, names: [String] = [], _ change: (inout ProfileFields) -> Void,
        _ body: (ProfileStage) async throws -> Void
    ) async throws {
        try await World.with(engine) { world async throws in
            var fields = ProfileFields(name: "rules")
            change(&fields)
            _ = try await world.profiles.create(id: "prof-1", fields, by: world.author)
            var draft = world.draft("api")
            draft.profileID = "prof-1"
            draft.subjectAltNames = names
            _ = try await world.certificates.create(draft, by: world.author)
            try await body(ProfileStage(world: world))
        }
    }

    /// The certificate that comes of a CSR.
    func issue(_ pem: String? = nil) async throws -> X509Certificate {
        let csr = try pem ?? World.csr("api")
        guard
            case .issued(let version, _) = try await world.issuance.submit(
                clientCSR: csr, for: Self.certificate, by: world.author)
        else { throw ServiceError(.internalError, "not issued") }
        return try #require(try X509Certificate.bundle(pem: version.pemChain).first)
    }

    /// The rules that stand in the way, with nothing changed by the attempt.
    func problems(_ pem: String? = nil) async throws -> [String] {
        let before = try await world.count("SELECT COUNT(*) AS n FROM issuer_orders")
        do {
            _ = try await issue(pem)
            return []
        } catch let error as ServiceError {
            #expect(error.code == .policyViolation)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") == before)
            return error.problems.map(\.code)
        }
    }
}

@Suite("Profiles §8.2: what is stored is enforced on the way to the CA and in what it issues")
struct ProfileRulesTests {
    private static let api = CertificateID(stored: "api")

    @Test("the certificate is as the profile says, to the second", arguments: Engine.available)
    func template(engine: Engine) async throws {
        try await ProfileStage.with(engine) { fields in
            fields.maxTTLSeconds = 86_400
            fields.defaultTTLSeconds = 7200
            fields.backdateSeconds = 600
            fields.allowedEKUs = ["clientAuth", "1.3.6.1.4.1.99999.1"]
            fields.ekuCritical = true
            fields.policyOIDs = ["2.23.140.1.2.1"]
            fields.keyUsages = ["digitalSignature", "keyAgreement", "keyEncipherment"]
            fields.subjectPolicy = SubjectPolicy(fixed: [.organization: "Example Ltd"])
        } _: { stage in
            let leaf = try await stage.issue()
            #expect(leaf.notAfter + .seconds(1) == leaf.notBefore + .seconds(7200))
            #expect(leaf.subject.description == "CN=api.example.com,O=Example Ltd")
            #expect(leaf.extendedKeyUsages == [.clientAuth, OID(1, 3, 6, 1, 4, 1, 99_999, 1)])
            #expect(leaf.extensions[.extendedKeyUsage]?.isCritical == true)
            #expect(leaf.extensions.policies == [OID(2, 23, 140, 1, 2, 1)])
            #expect(leaf.keyUsage == [.digitalSignature, .keyAgreement])
        }
    }

    @Test("names outside the constraints of the profile are refused", arguments: Engine.available)
    func nameConstraints(engine: Engine) async throws {
        try await ProfileStage.with(engine, names: ["10.1.2.3"]) {
            $0.nameConstraints = ["permitted": ["dns": ["example.com"]], "excluded": ["ip": ["10.0.0.0/8"]]]
        } _: { stage in
            let csr = try World.csr("api", extra: ["10.1.2.3"])
            #expect(try await stage.problems(csr) == ["name_constraint"])
            _ = try await stage.world.profiles.update(
                ProfileID(stored: "prof-1"), expecting: nil, by: stage.world.author
            ) { $0.nameConstraints = ["permitted": ["ip": ["10.1.0.0/16"]]] }
            #expect(try await stage.problems(csr) == [])
        }
    }

    @Test("short-lived certificates say that nothing tells of their revocation (RFC 9608)", arguments: Engine.available)
    func shortLived(engine: Engine) async throws {
        try await ProfileStage.with(engine) {
            $0.allowShortLived = true
            $0.maxTTLSeconds = 1800
        } _: { stage in
            let leaf = try await stage.issue()
            #expect(leaf.extensions.contains(.noRevAvail))
            #expect(leaf.extensions.crlDistributionPoints.isEmpty && leaf.extensions.ocspURLs.isEmpty)
            _ = try await stage.world.profiles.update(
                ProfileID(stored: "prof-1"), expecting: nil, by: stage.world.author
            ) { $0.allowShortLived = false }
            #expect(try await !stage.issue().extensions.contains(.noRevAvail))
        }
    }

    @Test(
        "must-staple without a responder is refused, by the profile's wish and by the request's",
        arguments: Engine.available)
    func mustStaple(engine: Engine) async throws {
        try await ProfileStage.with(engine) {
            $0.mustStapleMode = .required
        } _: { stage in
            let staple = try CertificationRequestBuilder.makeCSR(
                commonName: "api.example.com", subjectAltNames: [], key: .generate(.ecdsaP256), mustStaple: true
            ).pem
            func outcome(_ mode: MustStapleMode, _ csr: String?) async throws -> String {
                _ = try await stage.world.profiles.update(
                    ProfileID(stored: "prof-1"), expecting: nil, by: stage.world.author
                ) { $0.mustStapleMode = mode }
                do {
                    return try await stage.issue(csr).extensions.mustStaple ? "stapled" : "plain"
                } catch let error as ServiceError {
                    return error.detail.contains("must_staple") ? "refused" : error.detail
                }
            }
            #expect(try await outcome(.required, nil) == "refused")
            #expect(try await outcome(.allowed, staple) == "refused")
            #expect(try await outcome(.allowed, nil) == "plain")
            #expect(try await outcome(.never, staple) == "plain")
            var config = IssuerChange()
            config.config = .set(["ocsp_urls": ["http://ocsp.example.com"]])
            _ = try await stage.world.issuers.update(
                IssuerID(stored: "iss-local"), config, expecting: nil, by: stage.world.author)
            #expect(try await outcome(.required, nil) == "stapled")
            #expect(try await outcome(.allowed, staple) == "stapled")
            #expect(try await outcome(.allowed, nil) == "plain")
            #expect(try await outcome(.never, staple) == "plain")
        }
    }

    @Test("a key that has a certificate is refused where keys must be fresh, and no other", arguments: Engine.available)
    func keyReuse(engine: Engine) async throws {
        try await ProfileStage.with(engine) {
            $0.keyReuse = .forbid
        } _: { stage in
            let key = try PrivateKey.generate(.ecdsaP256)
            _ = try await stage.issue(try World.csr("api", key: key))
            #expect(try await stage.problems(try World.csr("api", key: key)) == ["key_reuse"])
            #expect(try await stage.problems() == [])
            _ = try await stage.world.profiles.update(
                ProfileID(stored: "prof-1"), expecting: nil, by: stage.world.author
            ) { $0.keyReuse = .allow }
            #expect(try await stage.problems(try World.csr("api", key: key)) == [])
        }
    }

    @Test("a key that was revoked as compromised is never certified again, with or without a profile")
    func compromised() async throws {
        try await ProfileStage.with(.sqlite, { _ in }) { stage in
            let key = try PrivateKey.generate(.ecdsaP256)
            _ = try await stage.issue(try World.csr("api", key: key))
            _ = try await RevokeFlow(stage.world.context).revoke(
                .certificate(Self.api, .standard), RevocationOrder(.keyCompromise), by: stage.world.author)
            var draft = stage.world.draft("other")
            draft.commonName = "api.example.com"
            _ = try await stage.world.certificates.create(draft, by: stage.world.author)
            func problems(_ pem: String) async -> [String]? {
                await #expect(throws: ServiceError.self) {
                    try await stage.world.issuance.submit(
                        clientCSR: pem, for: CertificateID(stored: "other"), by: stage.world.author)
                }?.problems.map(\.code)
            }
            #expect(await problems(try World.csr("api", key: key)) == ["compromised_key"])
        }
    }

    @Test("a profile that belongs to an issuer refuses certificates of another")
    func issuer() async throws {
        try await ProfileStage.with(.sqlite, { _ in }) { stage in
            let world = stage.world
            _ = try await world.issuers.create(
                IssuerDraft(id: "iss-other", name: "Other", type: "GenericCA", config: [:]), by: world.author)
            let profile = ProfileID(stored: "prof-1")
            _ = try await world.profiles.update(profile, expecting: nil, by: world.author) {
                $0.issuerID = IssuerID(stored: "iss-other")
            }
            #expect(try await stage.problems() == ["issuer_not_of_profile"])
            _ = try await world.profiles.update(profile, expecting: nil, by: world.author) {
                $0.issuerID = World.issuer
            }
            #expect(try await stage.problems() == [])
            let unknown = await #expect(throws: ServiceError.self) {
                _ = try await world.profiles.update(profile, expecting: nil, by: world.author) {
                    $0.ownerID = OwnerID(stored: "o-nobody")
                }
            }
            #expect(unknown?.code == .unknownReference && unknown?.problems.map(\.pointer) == ["/owner_id"])
        }
    }

    @Test("every rule that is broken is named, not only the first")
    func everything() async throws {
        try await ProfileStage.with(.sqlite, names: ["bob@example.com", "10.0.0.1"]) { fields in
            fields.allowedKeys = [KeyRule(algorithm: .ecdsa, minSize: 384)]
            fields.maxSANs = 2
            fields.requiredSANPatterns = ["glob:*.corp.example", "ip:10.0.0.0/8"]
            fields.requiredCSRAttributes = ["organizationName"]
        } _: { stage in
            let codes = try await stage.problems(try World.csr("api", extra: ["bob@example.com", "10.0.0.1"]))
            #expect(
                codes == ["key_size", "too_many_names", "name_type", "name_pattern", "missing_csr_attribute"],
                "\(codes)")
        }
    }

    @Test("names are bound to who asks and to the common name of the record")
    func placeholders() async throws {
        try await ProfileStage.with(.sqlite, names: ["alice.hosts.example"]) { fields in
            fields.requiredSANPatterns = ["{cn}", "{principal}\\.hosts\\.example"]
        } _: { stage in
            #expect(try await stage.problems(try World.csr("api", extra: ["alice.hosts.example"])) == [])
            _ = try await stage.world.profiles.update(
                ProfileID(stored: "prof-1"), expecting: nil, by: stage.world.author
            ) { $0.requiredSANPatterns = ["{cn}", "x{principal}\\.hosts\\.example"] }
            #expect(
                try await stage.problems(try World.csr("api", extra: ["alice.hosts.example"])) == ["name_pattern"])
        }
    }

    @Test("agents make the first key of the profile that the server certifies, and a profile says what it denies")
    func deniedKeys() {
        let policy = AlgorithmPolicy(denying: [.ecdsaP256, .rsa2048])
        let (p256, rsa) = (
            KeyRule(algorithm: .ecdsa, minSize: 256, maxSize: 256), KeyRule(algorithm: .rsa, minSize: 2048)
        )
        #expect(WorkFlow.key(under: KeyRule.defaults, allowing: AlgorithmPolicy()) == .ecdsaP256)
        #expect(WorkFlow.key(under: KeyRule.defaults, allowing: policy) == .ecdsaP384)
        #expect(WorkFlow.key(under: [p256, rsa], allowing: policy) == .rsa3072)
        #expect(WorkFlow.key(under: [p256], allowing: policy) == .ecdsaP256, "which is refused when it comes")
        #expect(ProfileFlow.warnings(ProfileFields(name: "plain"), under: policy).count == 1)
    }

    @Test("what works and is rarely meant is said, and nothing about a plain profile")
    func warnings() {
        #expect(ProfileFlow.warnings(ProfileFields(name: "plain")) == [])
        func count(_ change: (inout ProfileFields) -> Void) -> Int {
            var fields = ProfileFields(name: "p")
            change(&fields)
            return ProfileFlow.warnings(fields).count
        }
        #expect(count { $0.allowedEKUs = ["codeSigning", "serverAuth"] } == 1)
        #expect(count { $0.requiredSANPatterns = [".*"] } == 1)
        #expect(count { $0.requiredSANPatterns = ["ip:0.0.0.0/0", "glob:*.example"] } == 0)
        #expect(count { $0.acmeRequireEAB = false } == 1)
        #expect(
            count {
                $0.acmeAuthMode = .challenge
                $0.acmeChallengeTypes = [.http01]
            } == 1)
        #expect(
            count {
                $0.allowedSANTypes = [.dns, .ip]
                $0.requiredSANPatterns = ["glob:*.example"]
            } == 1)
        #expect(count { $0.allowedKeys = [KeyRule(algorithm: .rsa, minSize: 2048, maxSize: 8192)] } == 1)
    }
}
