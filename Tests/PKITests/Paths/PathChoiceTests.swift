import Domain
import TestSupport
import Testing

@testable import PKI

@Suite("protocol-servers §7: a pool in any order, cross-signs, a choice of chains, a reason")
struct PathChoiceTests {
    static let time = TestAuthority.now + .days(1)

    /// An issuing authority under an old root, cross-signed by a new one, as when roots roll over.
    struct RollOver {
        let old: TestAuthority
        let new: TestAuthority
        let issuing: TestAuthority
        /// The new root's key, certified by the old root.
        let bridge: X509Certificate
        /// The issuing authority's key, certified by the new root, for a shorter time.
        let cross: X509Certificate
        let leaf: X509Certificate

        init() throws {
            old = try TestAuthority.root("Old Root")
            new = try TestAuthority.root("New Root")
            issuing = try old.subordinate("Issuing")
            bridge = try TestAuthority.sign(
                TestAuthority.template("New Root", key: new.key, issuer: old, isCA: true), key: old.key)
            cross = try TestAuthority.sign(
                TestAuthority.template(
                    "Issuing", key: issuing.key, issuer: new, isCA: true, to: TestAuthority.now + .days(100)),
                key: new.key)
            leaf = try issuing.leaf()
        }

        var pool: [X509Certificate] { [bridge, issuing.certificate, cross, new.certificate].shuffled() }
    }

    @Test("every chain is found, the shortest first, of equal ones the longest valid first")
    func choice() throws {
        let world = try RollOver()
        let verifier = ChainVerifier(roots: [world.new.certificate, world.old.certificate])
        let parameters = PathParameters(time: Self.time, purpose: .serverAuth)
        let paths = try verifier.validPaths(of: world.leaf, intermediates: world.pool, parameters: parameters)
        #expect(
            paths.map(\.certificates) == [
                [world.leaf, world.issuing.certificate, world.old.certificate],
                [world.leaf, world.cross, world.new.certificate],
                [world.leaf, world.cross, world.bridge, world.old.certificate],
            ])
        let limited = try verifier.validPaths(
            of: world.leaf, intermediates: world.pool, parameters: parameters, limit: 1)
        #expect(limited.count == 1)
    }

    @Test("clients of either root are served, and an expired cross-sign is walked around")
    func rollOver() throws {
        let world = try RollOver()
        for root in [world.old, world.new] {
            let path = try ChainVerifier(roots: [root.certificate]).verify(
                world.leaf, intermediates: world.pool, at: Self.time, purpose: .serverAuth)
            #expect(path.last == root.certificate)
        }
        let late = TestAuthority.now + .days(200)
        let path = try ChainVerifier(roots: [world.new.certificate, world.old.certificate]).verify(
            world.leaf, intermediates: world.pool, at: late)
        #expect(path.last == world.old.certificate)
        let error = #expect(throws: ChainError.self) {
            try ChainVerifier(roots: [world.new.certificate]).verify(world.leaf, intermediates: world.pool, at: late)
        }
        #expect(error?.reason == .expired)
        #expect(error?.description.contains("CN=Issuing has expired: not after") == true, "\(error as Any)")
    }

    @Test("a revoked cross-sign closes one way and leaves the other")
    func revokedCross() throws {
        let world = try RollOver()
        let lists = [
            try world.new.list([RevocationListEntry(world.cross, .cessationOfOperation)]), try world.old.list([]),
            try world.issuing.list([]),
        ]
        var parameters = PathParameters(time: Self.time)
        parameters.revocation = .hard
        let both = ChainVerifier(roots: [world.new.certificate, world.old.certificate])
        let path = try both.validate(
            world.leaf, intermediates: world.pool, revocationLists: lists, parameters: parameters)
        #expect(path.certificates == [world.leaf, world.issuing.certificate, world.old.certificate])
        let error = #expect(throws: ChainError.self) {
            try ChainVerifier(roots: [world.new.certificate]).validate(
                world.leaf, intermediates: world.pool, revocationLists: lists, parameters: parameters)
        }
        #expect(error?.reason == .revoked)
        #expect(error?.detail?.hasPrefix("cessationOfOperation, since ") == true)
    }

    @Test(
        "soft passes over what no list covers and hard does not; both refuse what is revoked, and stale lists say nothing"
    )
    func modes() throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        func reason(
            _ mode: PathParameters.Revocation, _ lists: [CertificateRevocationList], at time: Timestamp = Self.time
        ) -> PathFault? {
            var parameters = PathParameters(time: time)
            parameters.revocation = mode
            do throws(ChainError) {
                _ = try ChainVerifier(roots: [root.certificate]).validate(
                    leaf, intermediates: [], revocationLists: lists, parameters: parameters)
                return nil
            } catch {
                return error.reason
            }
        }
        let revoking = try root.list([RevocationListEntry(leaf)])
        let forged = try TestAuthority.root().list([RevocationListEntry(leaf)])
        #expect(reason(.off, [revoking]) == nil)
        #expect(reason(.soft, [revoking]) == .revoked)
        #expect(reason(.hard, [revoking]) == .revoked)
        #expect(reason(.hard, [try root.list([])]) == nil)
        #expect(reason(.soft, []) == nil)
        #expect(reason(.hard, []) == .revocationUnknown)
        #expect(reason(.soft, [forged]) == nil, "a list that another key signed counts for nothing")
        #expect(reason(.hard, [forged]) == .revocationUnknown)
        #expect(reason(.hard, [revoking], at: TestAuthority.now + .days(8)) == .revocationUnknown)
        // Of two lists that are in force the newer one counts.
        let newer = try root.list(number: 8, [])
        #expect(reason(.hard, [revoking, newer].shuffled()) == nil)
    }

    @Test("a list counts under the root of its signer alone (§6.3.3 (f))")
    func listsShareTheRoot() throws {
        let world = try RollOver()
        // Signs lists under the name of the issuing authority, and is known to the old root only.
        let signer = try world.old.subordinate("Issuing") {
            $0.isCA = false
            $0.keyUsage = [.cRLSign]
        }
        let lists = [try signer.list([]), try world.old.list([]), try world.new.list([])]
        var parameters = PathParameters(time: Self.time)
        parameters.revocation = .hard
        let both = ChainVerifier(roots: [world.new.certificate, world.old.certificate])
        let pool = [world.issuing.certificate, world.cross, signer.certificate].shuffled()
        let paths = try both.validPaths(
            of: world.leaf, intermediates: pool, revocationLists: lists, parameters: parameters)
        #expect(paths.map(\.certificates) == [[world.leaf, world.issuing.certificate, world.old.certificate]])
    }

    @Test("SHA-1 signatures: fatal inside a path, nobody's business on a root")
    func weakAlgorithm() async throws {
        let openssl = try OpenSSL()
        try await openssl.succeed(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Legacy Root", "-sha1", "-days", "30000",
            "-addext", "basicConstraints=critical,CA:TRUE", "-set_serial", "4660", "-keyout", openssl.path("key"),
            "-out", openssl.path("root"))
        let certificate = try X509Certificate(pem: openssl.read("root"))
        #expect(certificate.signatureAlgorithm == nil)
        #expect(certificate.refusedAlgorithm?.contains("SHA-1 with RSA") == true)
        let root = TestAuthority(certificate: certificate, key: try PrivateKey(pem: openssl.read("key")))
        let now = certificate.notBefore + .hours(1)
        let leaf = try root.leaf { _ in }
        let sound = try ChainVerifier(roots: [certificate]).verify(
            leaf, intermediates: [], at: max(now, leaf.notBefore))
        #expect(sound.count == 2)
        let error = #expect(throws: ChainError.self) {
            try ChainVerifier(roots: [TestAuthority.root("Legacy Root").certificate]).verify(
                certificate, intermediates: [], at: now)
        }
        #expect(error?.reason == .weakAlgorithm)
    }

    @Test("constraints of the caller and of a trusted root hold like those of any authority")
    func initialConstraints() throws {
        let keys = try PathLimitTests.keys.get()
        let trees = RawCertificate.constraints(permitted: [RawCertificate.dns("example.com")], excluded: [])
        func reason(
            _ host: String, root change: (inout RawCertificate) -> Void = { _ in }, caller: NameConstraints? = nil,
            below: Bool = false
        ) throws -> PathFault? {
            var root = try RawCertificate("Root", isCA: true)
            change(&root)
            let anchor = try root.signed(for: keys[0], by: keys[0], issuer: root.subject)
            let middle = try RawCertificate("CA", isCA: true)
            let authority = try middle.signed(for: keys[1], by: keys[0], issuer: root.subject)
            var leaf = try RawCertificate("Leaf")
            leaf.names = [RawCertificate.dns(host)]
            let bottom = try leaf.signed(
                for: keys[2], by: below ? keys[1] : keys[0], issuer: below ? middle.subject : root.subject)
            return PathLimitTests.outcome(bottom, [authority], root: anchor) { $0.nameConstraints = caller }.reason
        }
        let caller = try NameConstraints(der: trees)
        #expect(try reason("www.example.com", caller: caller) == nil)
        #expect(try reason("www.example.org", caller: caller) == .nameConstraint)
        #expect(try reason("www.example.com", root: { $0.extensions = [(.nameConstraints, trees)] }) == nil)
        #expect(
            try reason("www.example.org", root: { $0.extensions = [(.nameConstraints, trees)] }) == .nameConstraint)
        #expect(try reason("www.example.com", root: { $0.pathLength = 0 }) == nil)
        #expect(try reason("www.example.com", root: { $0.pathLength = 0 }, below: true) == .pathLength)
    }

    /// What certctl refuses and openssl does not (ADR-0014 item 6).
    @Test(
        "names that could lead around name constraints are refused",
        arguments: [
            // A wildcard, one of whose names is excluded; and one that a permitted tree covers whole.
            ([RawCertificate.dns("*.example.com")], [], ["www.example.com"], true),
            ([RawCertificate.dns("*.example.com")], [".example.com"], [], false),
            ([RawCertificate.dns("*.example.com")], ["www.example.com"], [], true),
            // Names that cannot be judged: a host with a space, a URI without a host, one with an address.
            ([RawCertificate.dns("www example.com")], ["example.com"], [], true),
            ([RawCertificate.dns("www.example.com"), RawCertificate.uri("urn:x:y")], ["example.com"], [], false),
        ] as [([[UInt8]], [String], [String], Bool)])
    func strict(names: [[UInt8]], permitted: [String], excluded: [String], isRefused: Bool) throws {
        let keys = try PathLimitTests.keys.get()
        var root = try RawCertificate("Root", isCA: true)
        let trees = RawCertificate.constraints(
            permitted: permitted.map { RawCertificate.dns($0) }, excluded: excluded.map { RawCertificate.dns($0) })
        root.extensions = [(.nameConstraints, trees)]
        let anchor = try root.signed(for: keys[0], by: keys[0], issuer: root.subject)
        var leaf = try RawCertificate("Leaf")
        leaf.names = names
        let certificate = try leaf.signed(for: keys[1], by: keys[0], issuer: root.subject)
        let reason = PathLimitTests.outcome(certificate, [], root: anchor).reason
        #expect(reason == (isRefused ? .nameConstraint : nil))
        // The common name is held to what hosts are held to.
        leaf.subject = try DistinguishedName(commonName: "www.evil.example")
        let disguised = try leaf.signed(for: keys[1], by: keys[0], issuer: root.subject)
        let expected: PathFault? = isRefused || !permitted.isEmpty ? .nameConstraint : nil
        #expect(PathLimitTests.outcome(disguised, [], root: anchor).reason == expected)
    }
}
