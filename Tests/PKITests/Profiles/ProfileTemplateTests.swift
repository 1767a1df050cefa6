import Domain
import PKI
import TestSupport
import Testing

@Suite("Profiles §8.1, §8.2: keys, names, subject and what becomes of them")
struct ProfileTemplateTests {
    static func request(
        _ names: [String], commonName: String = "www.example.com", spec: KeySpec = .ecdsaP256,
        usages: [ExtendedKeyUsage] = [], path: RequestPath = .direct
    ) throws -> ProfileRequest {
        let all = try names.map { try SubjectAltName(classifying: $0) }
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: all, key: .generate(spec), extendedKeyUsages: usages)
        return ProfileRequest(csr, approvedNames: all, commonName: commonName, path: path)
    }

    /// The request of OpenSSL with a subject.
    static func request(subject: String) async throws -> ProfileRequest {
        let openssl = try OpenSSL()
        let csr = openssl.path("csr.pem")
        try await openssl.succeed(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            openssl.path("key.pem"), "-utf8", "-subj", subject, "-addext", "subjectAltName=DNS:www.example.com", "-out",
            csr)
        return ProfileRequest(
            try CertificationRequest(pem: try openssl.read("csr.pem")),
            approvedNames: [try SubjectAltName(classifying: "www.example.com")], commonName: "www.example.com")
    }

    static let twoSizes = [
        KeyRule(algorithm: .ecdsa, minSize: 256, maxSize: 256), KeyRule(algorithm: .ecdsa, minSize: 521),
    ]

    @Test(
        "sizes have two ends, and any rule of the family may admit a key",
        arguments: [
            ([KeyRule(algorithm: .rsa, minSize: 2048, maxSize: 2048)], KeySpec.rsa2048, true),
            ([KeyRule(algorithm: .rsa, minSize: 3072)], .rsa2048, false),
            ([KeyRule(algorithm: .ecdsa, minSize: 256, maxSize: 384)], .ecdsaP521, false),
            (twoSizes, .ecdsaP384, false), (twoSizes, .ecdsaP521, true),
            ([KeyRule(algorithm: .ed25519, minSize: 256)], .ed25519, true),
        ])
    func sizes(rules: [KeyRule], spec: KeySpec, passes: Bool) throws {
        let key = KeyKind(try PrivateKey.generate(spec).publicKey)
        #expect(ProfileEvaluator.keyViolations(key, rules).map(\.rule) == (passes ? [] : [.keySize]))
    }

    @Test("without a list, types of names follow from the other rules")
    func kinds() throws {
        let names = [
            "www.example.com", "10.0.0.1", "bob@example.com", "https://example.com/", "upn:bob@example.com",
        ]
        func refused(_ change: (inout ProfileRules) throws -> Void) throws -> [String] {
            var rules = ProfileRules()
            try change(&rules)
            let all = try names.map { try SubjectAltName(classifying: $0) }
            return ProfileEvaluator.nameViolations(all, rules).filter { $0.rule == .nameKind }.map(\.message)
        }
        #expect(try refused { _ in }.count == 3)
        #expect(try refused { $0.allowedExtendedKeyUsages = [.emailProtection] }.count == 2)
        #expect(try refused { $0.sanPatterns = [try SANPattern("uri:https://.*")] }.count == 2)
        #expect(try refused { $0.sanPatterns = [try SANPattern("upn:.*@example\\.com")] }.count == 2)
        #expect(try refused { $0.allowedNameKinds = [.dns] }.count == 4)
        #expect(try refused { $0.allowedNameKinds = Set(SubjectAltName.Kind.allCases) } == [])
        #expect(
            try refused { $0 = .withoutProfile } == [
                "name upn:bob@example.com is of a type that the profile does not allow"
            ],
            "who signs in to a domain is decided by a profile")
        #expect(try refused { _ in }.first?.contains("bob@example.com") == true, "the value is named")
    }

    @Test("names that only look internationalised are certified under no profile (RFC 5890 §2.3)")
    func nameForms() throws {
        func refused(_ text: String) throws -> [ProfileViolation.Rule] {
            ProfileEvaluator.nameViolations([try SubjectAltName(classifying: text)], ProfileRules()).map(\.rule)
        }
        #expect(throws: NameError.self) { try refused("xn--.example") }
        for name in ["www.ab--cd.example", "*.xn--ls8h.example", "a.xn--99999999"] {
            #expect(try refused(name) == [.nameForm], "\(name)")
        }
        for name in ["xn--bcher-kva.example", "*.xn--e1afmkfd.example", "a--b.example", "10.0.0.1"] {
            #expect(try refused(name) == [], "\(name)")
        }
    }

    @Test("purposes: what is asked for when it is allowed, all when nothing is, and all over ACME")
    func purposes() throws {
        var rules = ProfileRules()
        rules.allowedExtendedKeyUsages = [
            .clientAuth, .serverAuth, try #require(ExtendedKeyUsage(rawValue: "1.3.6.1.4.1.99999.1")),
        ]
        func given(_ usages: [ExtendedKeyUsage], _ path: RequestPath = .direct) throws -> [String] {
            let request = try Self.request(["www.example.com"], usages: usages, path: path)
            return ProfileEvaluator.template(for: request, rules: rules).extendedKeyUsages.map(\.rawValue)
        }
        let all = ["serverAuth", "clientAuth", "1.3.6.1.4.1.99999.1"]
        #expect(try given([]) == all)
        #expect(try given([.clientAuth]) == ["clientAuth"])
        #expect(try given([.clientAuth], .acme) == all)
        let request = try Self.request(["www.example.com"], usages: [.codeSigning], path: .acme)
        #expect(ProfileEvaluator.evaluate(request, rules: rules).isEmpty)
        #expect(ProfileEvaluator.template(for: request, rules: rules).extendedKeyUsages.map(\.rawValue) == all)
    }

    @Test("attributes of a request are demanded from all but ACME clients")
    func attributes() throws {
        var rules = ProfileRules()
        rules.requiredCSRAttributes = [.organizationName]
        #expect(
            ProfileEvaluator.evaluate(try Self.request(["a.example"]), rules: rules).map(\.rule) == [.csrAttribute])
        #expect(ProfileEvaluator.evaluate(try Self.request(["a.example"], path: .acme), rules: rules).isEmpty)
    }

    @Test(
        "the subject: what is fixed is written, what is allowed is taken over, anything else is refused",
        arguments: [
            ("/CN=www.example.com", "CN=www.example.com,O=Example Ltd,C=CH"),
            ("/OU=Web/OU=Edge/CN=www.example.com", "CN=www.example.com,OU=Edge,OU=Web,O=Example Ltd,C=CH"),
            ("/O=Example Ltd/CN=www.example.com", "CN=www.example.com,O=Example Ltd,C=CH"),
            ("/O=Another/CN=www.example.com", nil), ("/L=Bern/CN=www.example.com", nil),
            ("/street=Hauptstrasse 1/CN=www.example.com", nil),
        ] as [(String, String?)])
    func subject(subject: String, expected: String?) async throws {
        var rules = ProfileRules()
        rules.subjectPolicy = SubjectPolicy(
            allowed: [.organizationalUnit], fixed: [.country: "CH", .organization: "Example Ltd"])
        let request = try await Self.request(subject: subject)
        let violations = ProfileEvaluator.evaluate(request, rules: rules)
        #expect(violations.map(\.rule) == (expected == nil ? [.subject] : []), "\(violations)")
        guard let expected else { return }
        #expect(ProfileEvaluator.template(for: request, rules: rules).subject?.description == expected)
        rules.subjectPolicy = nil
        #expect(ProfileEvaluator.template(for: request, rules: rules).subject == nil, "the issuer decides")
    }

    @Test("the common name is the record's, the first name's, or none; a long one stays among the names")
    func commonName() throws {
        func subject(_ mode: SubjectPolicy.CommonName, commonName: String = "www.example.com") throws -> String? {
            var rules = ProfileRules()
            rules.subjectPolicy = SubjectPolicy(commonName: mode)
            let request = try Self.request(["b.example", "10.0.0.1", "a.example"], commonName: commonName)
            return ProfileEvaluator.template(for: request, rules: rules).subject?.description
        }
        #expect(try subject(.copy) == "CN=www.example.com")
        #expect(try subject(.firstSAN) == "CN=a.example")
        #expect(try subject(.none) == "")
        #expect(try subject(.copy, commonName: "upn:alice@corp.example") == "", "a client would read it as a mailbox")
        #expect(try subject(.copy, commonName: String(repeating: "a", count: 60) + ".example") == "")
    }

    @Test("periods: the default, under the cap")
    func periods() {
        var rules = ProfileRules()
        #expect(rules.ttl == nil)
        rules.defaultTTL = .days(30)
        #expect(rules.ttl == .days(30))
        rules.maxTTL = .days(7)
        #expect(rules.ttl == .days(7))
        rules.defaultTTL = .days(1)
        #expect(rules.ttl == .days(1))
    }

    @Test(
        "purposes are read by name and by identifier, and an identifier with a name is that name",
        arguments: [
            ("serverAuth", "serverAuth"), ("1.3.6.1.5.5.7.3.1", "serverAuth"), ("eapOverPPP", "machineEAP"),
            ("1.3.6.1.4.1.311.20.2.2", "smartCardLogon"), ("1.2.3.4", "1.2.3.4"), ("everything", nil), ("1", nil),
            ("1.3.06", nil), ("3.1", nil), ("1.40", nil), ("1.3.", nil), ("", nil), ("1.3.4611686018427387904", nil),
        ] as [(String, String?)])
    func usages(text: String, name: String?) throws {
        let usage = ExtendedKeyUsage(rawValue: text)
        #expect(usage?.rawValue == name)
        guard let usage else { return }
        #expect(ExtendedKeyUsage(oid: usage.oid) == usage)
        #expect(usage.oid.description == usage.dotted)
    }
}
