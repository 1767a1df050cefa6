import Domain
import PKI
import Testing

@Suite("Profiles §8.2: evaluation")
struct ProfileEvaluatorTests {
    static func violations(
        names: [String], approved: [String], spec: KeySpec = .ecdsaP256, usages: [ExtendedKeyUsage] = [],
        _ change: (inout ProfileRules) throws -> Void = { _ in }
    ) throws -> [ProfileViolation.Rule] {
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: names.map { try SubjectAltName(classifying: $0) }, key: .generate(spec),
            extendedKeyUsages: usages)
        var rules = ProfileRules()
        try change(&rules)
        return ProfileEvaluator.evaluate(
            ProfileRequest(csr, approvedNames: try approved.map { try SubjectAltName(classifying: $0) }), rules: rules
        ).map(\.rule)
    }

    @Test("a request within the rules passes, and may ask for fewer names than approved")
    func passes() throws {
        #expect(try Self.violations(names: ["a.example"], approved: ["a.example", "b.example"]) == [])
    }

    @Test("each rule is enforced, and all violations are listed")
    func rules() throws {
        let a = ["a.example"]
        #expect(try Self.violations(names: ["evil.example"], approved: a) == [.name])
        #expect(try Self.violations(names: a, approved: a) { $0.isEnabled = false } == [.disabled])
        #expect(try Self.violations(names: a, approved: a, spec: .ed25519) == [.keyAlgorithm])
        #expect(
            try Self.violations(names: a, approved: a) { $0.keyRules = [KeyRule(algorithm: .ecdsa, minSize: 384)] }
                == [.keySize])
        #expect(try Self.violations(names: a, approved: a, usages: [.codeSigning]) == [.extendedKeyUsage])
        #expect(
            try Self.violations(names: a, approved: a) { $0.sanPatterns = [try SANPattern(".*\\.corp")] } == [.pattern])
        #expect(
            try Self.violations(names: a, approved: a) { $0.requiredCSRAttributes = [.organizationName] } == [
                .csrAttribute
            ])
        #expect(try Self.violations(names: a, approved: a) { $0.maximumNames = 0 } == [.nameCount])
        #expect(
            try Self.violations(names: ["evil.example"], approved: a, spec: .ed25519, usages: [.clientAuth])
                == [.keyAlgorithm, .name, .extendedKeyUsage])
    }

    @Test(
        "the SPIFFE rule demands exactly one matching identity",
        arguments: [
            (["spiffe://td/ns/a"], true), (["spiffe://td/ns/a/b"], false), (["spiffe://td/ns/a?x"], false),
            (["spiffe://td:1/ns/a"], false), (["spiffe://other/ns/a"], false), (["https://td/ns/a"], false),
            (["spiffe://user@td/ns/a"], false), (["spiffe://td/ns/a#x"], false),
            (["spiffe://td/ns/a", "spiffe://td/ns/b"], false), (["a.example"], false),
        ])
    func spiffe(names: [String], passes: Bool) throws {
        let rules = try Self.violations(names: names, approved: names) { $0.spiffePattern = "spiffe://td/ns/*" }
        #expect(rules == (passes ? [] : [.spiffe]))
    }

    @Test("lifetimes are capped")
    func ttl() {
        var rules = ProfileRules()
        #expect(rules.cappedTTL(.days(3)) == .days(3))
        rules.maxTTL = .days(1)
        #expect(rules.cappedTTL(.days(3)) == .days(1))
        #expect(rules.cappedTTL(.hours(1)) == .hours(1))
    }
}
