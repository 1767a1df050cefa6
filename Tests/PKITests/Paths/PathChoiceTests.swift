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
        ) -> ChainError.Reason? {
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
}
