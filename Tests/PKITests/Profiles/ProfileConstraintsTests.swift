import Domain
import PKI
import Testing

@Suite("Profiles §8.2: key usages, name constraints, short lives and must-staple")
struct ProfileConstraintsTests {
    private static func request(
        _ names: [String] = ["www.example.com"], spec: KeySpec = .ecdsaP256, mustStaple: Bool = false,
        path: RequestPath = .direct
    ) throws -> ProfileRequest {
        let all = try names.map { try SubjectAltName(classifying: $0) }
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: all, key: .generate(spec), mustStaple: mustStaple)
        return ProfileRequest(csr, approvedNames: all, commonName: names[0], path: path)
    }

    private static func constraints(
        permitted: (inout ConstrainedNames) -> Void = { _ in }, excluded: (inout ConstrainedNames) -> Void = { _ in }
    ) throws -> NameConstraints? {
        var (inside, outside) = (ConstrainedNames(), ConstrainedNames())
        permitted(&inside)
        excluded(&outside)
        return try NameConstraints.make(permitted: inside, excluded: outside)
    }

    @Test(
        "a key gets of the listed usages what its kind can do (RFC 5280 §4.2.1.3)",
        arguments: [
            (KeySpec.rsa2048, KeyUsage([.digitalSignature, .keyEncipherment])),
            (.ecdsaP256, KeyUsage([.digitalSignature, .keyAgreement])), (.ed25519, KeyUsage([.digitalSignature])),
            (.mlDSA65, KeyUsage([.digitalSignature])),
        ])
    func usages(spec: KeySpec, expected: KeyUsage) throws {
        var rules = ProfileRules()
        rules.keyRules = [KeyRule(algorithm: spec.algorithm, minSize: 0)]
        let request = try Self.request(spec: spec)
        #expect(ProfileEvaluator.template(for: request, rules: rules).keyUsage == nil)
        rules.keyUsage = [.digitalSignature, .keyEncipherment, .keyAgreement]
        #expect(ProfileEvaluator.template(for: request, rules: rules).keyUsage == expected)
        #expect(ProfileEvaluator.evaluate(request, rules: rules).isEmpty)
        rules.keyUsage = [.dataEncipherment]
        let refused = ProfileEvaluator.evaluate(request, rules: rules).map(\.rule)
        #expect(refused == (spec == .rsa2048 ? [] : [.keyUsage]))
    }

    @Test("names of usages are those of the RFC, and no leaf signs certificates or lists")
    func names() {
        #expect(KeyUsage(name: "keyEncipherment") == .keyEncipherment && KeyUsage(name: "signing") == nil)
        for algorithm in KeyAlgorithm.allCases {
            #expect(KeyUsage.possible(for: algorithm).isDisjoint(with: .ofAuthorities))
        }
        #expect(KeyUsage([.keyAgreement, .digitalSignature]).names == ["digitalSignature", "keyAgreement"])
    }

    @Test(
        "requested names lie within the constraints (RFC 5280 §4.2.1.10)",
        arguments: [
            ("www.example.com", true), ("example.com", true), ("*.example.com", false), ("x.www.example.com", true),
            ("wwwexample.com", false), ("secret.example.com", false), ("a.secret.example.com", false),
            ("example.org", false), ("10.1.2.3", true), ("192.0.2.1", false), ("2001:db8::1", false),
            ("bob@example.com", true), ("bob@mail.example.com", false), ("spiffe://td.example.com/a", true),
            ("spiffe://other.example/a", false),
        ])
    func within(name: String, passes: Bool) throws {
        var rules = ProfileRules()
        rules.allowedNameKinds = Set(SubjectAltName.Kind.allCases)
        rules.nameConstraints = try Self.constraints(
            permitted: {
                $0.dns = ["example.com"]
                $0.ip = ["10.0.0.0/8"]
                $0.email = ["example.com"]
                $0.uri = [".example.com"]
            }, excluded: { $0.dns = ["secret.example.com"] })
        let names = [try SubjectAltName(classifying: name)]
        #expect(ProfileEvaluator.nameViolations(names, rules).map(\.rule) == (passes ? [] : [.nameConstraint]))
    }

    @Test("a kind that nothing is said about is free, and a mailbox in the subject is a name too")
    func kinds() throws {
        var rules = ProfileRules()
        rules.nameConstraints = try Self.constraints(permitted: { $0.dns = ["example.com"] })
        let request = try Self.request(["www.example.com", "192.0.2.1"])
        #expect(ProfileEvaluator.evaluate(request, rules: rules).isEmpty)
        rules.subjectPolicy = SubjectPolicy(fixed: [.emailAddress: "bob@example.org"])
        #expect(ProfileEvaluator.evaluate(request, rules: rules).isEmpty)
        rules.nameConstraints = try Self.constraints(excluded: { $0.email = ["example.org"] })
        #expect(ProfileEvaluator.evaluate(request, rules: rules).map(\.rule) == [.nameConstraint])
        rules.subjectPolicy = SubjectPolicy(fixed: [.emailAddress: "bob@example.com"])
        #expect(ProfileEvaluator.evaluate(request, rules: rules).isEmpty)
    }

    @Test("must-staple: for all, for who asks, for nobody; never where nothing tells of a revocation")
    func stapling() throws {
        func isStapled(asked: Bool, _ path: RequestPath = .direct, _ change: (inout ProfileRules) -> Void) throws
            -> Bool
        {
            var rules = ProfileRules()
            change(&rules)
            return ProfileEvaluator.template(
                for: try Self.request(mustStaple: asked, path: path), rules: rules
            ).mustStaple
        }
        #expect(try isStapled(asked: false) { $0.mustStaple = true })
        #expect(try !isStapled(asked: true) { _ in })
        for path in [RequestPath.direct, .acme] {
            #expect(try isStapled(asked: true, path) { $0.allowsMustStaple = true })
            #expect(try !isStapled(asked: false, path) { $0.allowsMustStaple = true })
        }
        #expect(
            try !isStapled(asked: true) {
                ($0.mustStaple, $0.allowsMustStaple, $0.isShortLived) = (true, true, true)
            })
    }
}
