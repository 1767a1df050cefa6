import Domain
import PKI
import Testing

@Suite("ADR-0030: the deny-list of algorithms")
struct AlgorithmPolicyTests {
    @Test("a name denies the keys that it says, and a size of RSA what is shorter as well")
    func keys() {
        let cases: [(denied: Set<DeniableAlgorithm>, left: [KeySpec])] = [
            ([], KeySpec.allCases),
            (
                [.ecdsaP256, .ed25519, .mlDSA65],
                [.ecdsaP384, .ecdsaP521, .rsa2048, .rsa3072, .rsa4096, .mlDSA87]
            ),
            ([.rsa3072], KeySpec.allCases.filter { $0 != .rsa2048 && $0 != .rsa3072 }),
            ([.rsa], KeySpec.allCases.filter { $0.algorithm != .rsa }),
            ([.sha256, .sha384, .sha512], KeySpec.allCases),
        ]
        for (denied, left) in cases {
            let policy = AlgorithmPolicy(denying: denied)
            #expect(KeySpec.allCases.filter { policy.denial(of: KeyKind($0)) == nil } == left, "\(denied)")
        }
        #expect(AlgorithmPolicy(denying: [.rsa2048]).denial(ofKey: .rsa, size: 2056) == nil)
        #expect(AlgorithmPolicy(denying: [.rsa2048]).denial(ofKey: .rsa, size: 2040) == .rsa2048)
    }

    @Test("a digest denies the keys that sign over it, and no leaf")
    func digests() throws {
        let policy = AlgorithmPolicy(denying: [.sha256])
        #expect(policy.signingKinds == [.ecdsaP384, .ecdsaP521, .ed25519, .mlDSA65, .mlDSA87])
        #expect(policy.denial(of: SignatureAlgorithm.rsaPSS(.sha256)) == .sha256)
        for spec in KeySpec.allCases where spec.algorithm != .rsa {
            let key = try PrivateKey.generate(spec).publicKey
            #expect(key.signatureAlgorithm == .made(by: KeyKind(spec)), "\(spec)")
        }
    }

    @Test("no list is taken that leaves nobody to sign")
    func nothingLeft() {
        var subset: Set<DeniableAlgorithm> = []
        for algorithm in DeniableAlgorithm.allCases {
            subset.insert(algorithm)
            for list in [subset, Set(DeniableAlgorithm.allCases).subtracting(subset), [algorithm]] {
                let policy = AlgorithmPolicy(denying: list)
                #expect(policy.leavesSigner == !policy.signingKinds.isEmpty, "\(policy.names)")
            }
        }
        #expect(!AlgorithmPolicy(denying: Set(DeniableAlgorithm.allCases)).leavesSigner)
    }

    @Test("what is left of the lines of a profile")
    func profiles() {
        let policy = AlgorithmPolicy(denying: [.ecdsaP256, .rsa2048, .ed25519])
        func left(_ rules: KeyRule...) -> AlgorithmPolicy.Remainder { policy.remainder(of: rules) }
        #expect(left(KeyRule(algorithm: .ecdsa, minSize: 256)) == .something)
        #expect(left(KeyRule(algorithm: .ecdsa, minSize: 256, maxSize: 256)) == .nothing)
        #expect(left(KeyRule(algorithm: .ecdsa, minSize: 384)) == .everything)
        #expect(left(KeyRule(algorithm: .rsa, minSize: 2048, maxSize: 2048)) == .nothing)
        #expect(left(KeyRule(algorithm: .rsa, minSize: 2048)) == .something)
        #expect(left(KeyRule(algorithm: .rsa, minSize: 3072)) == .everything)
        #expect(left(KeyRule(algorithm: .ed25519, minSize: 256)) == .nothing)
        let fixed = KeyRule(algorithm: .mlDSA65, minSize: 0)
        #expect(left(fixed) == .everything && left(fixed, KeyRule(algorithm: .ed25519, minSize: 256)) == .something)
    }

    @Test("nothing is signed for a denied key or with one, but for whoever answers about revocations")
    func lint() throws {
        let root = try TestAuthority.root()
        func findings(_ denied: DeniableAlgorithm, _ spec: KeySpec, responder: Bool = false) throws -> [String] {
            var template = try TestAuthority.template("a.example", key: .generate(spec), issuer: root, isCA: false)
            if responder {
                template.extendedKeyUsages = [.ocspSigning]
            }
            return Linter(algorithms: AlgorithmPolicy(denying: [denied]))
                .findings(in: template.tbsCertificate(), issuer: root.certificate)
                .filter { $0.rule == .deniedAlgorithm }.map(\.message)
        }
        #expect(try findings(.ecdsaP384, .ecdsaP384).first?.hasPrefix("key ECDSA-P384 is denied") == true)
        #expect(try findings(.rsa, .ecdsaP384) == [])
        for denied in [DeniableAlgorithm.ecdsaP256, .sha256] {
            #expect(try findings(denied, .ecdsaP384).first?.hasPrefix("signature, ECDSA with SHA-256") == true)
            #expect(try findings(denied, .ecdsaP384, responder: true) == [])
        }
        #expect(try findings(.ecdsaP256, .ecdsaP256, responder: true).count == 1)
        #expect(LintRule.deniedAlgorithm.isFixed && LintRule.deniedAlgorithm.defaultSeverity == .error)
    }
}
