import Domain
import PKI
import TestSupport
import Testing

@Suite("RFC 5280 §6: certification paths")
struct ChainVerifierTests {
    static func reason(_ body: () throws -> some Any) -> PathFault? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? ChainError)?.reason
        }
    }

    @Test("a path is found among shuffled and unrelated certificates, and openssl agrees")
    func path() async throws {
        let root = try TestAuthority.root()
        let upper = try root.subordinate("Upper")
        let lower = try upper.subordinate("Lower") { $0.pathLenConstraint = 0 }
        let stranger = try TestAuthority.root("Stranger")
        let leaf = try lower.leaf()
        let verifier = ChainVerifier(roots: [stranger.certificate, root.certificate])
        let pool = [stranger.certificate, upper.certificate, lower.certificate, upper.certificate]
        let path = try verifier.verify(
            leaf, intermediates: pool, at: TestAuthority.now + .days(1), purpose: .serverAuth)
        #expect(path == [leaf, lower.certificate, upper.certificate, root.certificate])
        #expect(ChainVerifier.order(pool + [root.certificate], above: leaf) == [lower.certificate, upper.certificate])
        #expect(
            ChainVerifier.order(pool + [root.certificate], above: leaf, includingRoot: true).last == root.certificate)

        let openssl = try OpenSSL()
        try await openssl.succeed(
            "verify", "-attime", "1780086400", "-x509_strict", "-purpose", "sslserver",
            "-CAfile", openssl.file("r", root.certificate.pem),
            "-untrusted", openssl.file("i", lower.certificate.pem + upper.certificate.pem),
            openssl.file("l", leaf.pem))
    }

    @Test("each rule refuses with its own reason")
    func refusals() throws {
        let root = try TestAuthority.root()
        let now = TestAuthority.now + .days(1)
        let verifier = ChainVerifier(roots: [root.certificate])
        let leaf = try root.leaf()
        func check(
            _ leaf: X509Certificate, _ pool: [X509Certificate] = [], at time: Timestamp = now, _ purpose: OID? = nil
        )
            -> PathFault?
        { Self.reason { try verifier.verify(leaf, intermediates: pool, at: time, purpose: purpose) } }

        #expect(check(leaf) == nil)
        #expect(check(leaf, at: now + .days(400)) == .expired)
        #expect(check(leaf, at: now - .days(2)) == .notYetValid)
        #expect(check(leaf, [], at: now, .clientAuth) == .wrongPurpose)
        #expect(check(try TestAuthority.root("Other").leaf()) == .untrusted)
        #expect(check(try TestAuthority.root("Root").leaf()) == .badSignature)

        let notAuthority = try root.subordinate("Plain") {
            $0.isCA = false; $0.extendedKeyUsages = [.serverAuth]
        }
        #expect(check(try notAuthority.leaf(), [notAuthority.certificate]) == .notAuthority)
        let noSign = try root.subordinate("NoSign") { $0.keyUsage = [.cRLSign] }
        #expect(check(try noSign.leaf(), [noSign.certificate]) == .notAuthority)
        let limited = try root.subordinate("Limited") { $0.pathLenConstraint = 0 }
        let below = try limited.subordinate("Below")
        #expect(check(try below.leaf(), [limited.certificate, below.certificate]) == .pathLength)
        let mailOnly = try root.subordinate("Mail") { $0.extendedKeyUsages = [.emailProtection] }
        #expect(check(try mailOnly.leaf(), [mailOnly.certificate], at: now, .serverAuth) == .wrongPurpose)
        let late = try root.subordinate("Late") { _ in }
        #expect(check(try late.leaf(), []) == .untrusted)
    }

    @Test("loops of cross-signed authorities end")
    func loops() throws {
        let first = try TestAuthority.root("First")
        let second = try TestAuthority.root("Second")
        func cross(_ issuer: TestAuthority, _ subject: TestAuthority, _ name: String) throws -> X509Certificate {
            try TestAuthority.sign(
                TestAuthority.template(name, key: subject.key, issuer: issuer, isCA: true), key: issuer.key)
        }
        let pool = [try cross(first, second, "Second"), try cross(second, first, "First")]
        let verifier = ChainVerifier(roots: [])
        #expect(
            Self.reason { try verifier.verify(first.leaf(), intermediates: pool, at: TestAuthority.now) } == .untrusted)
    }
}
