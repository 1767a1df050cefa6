import Domain
import TestSupport
import Testing

@testable import PKI

/// Each pool is made to take forever; the answer must come anyway. Signatures in a debug build take about 0.3 ms each.
@Suite("protocol-servers §7: hostile certificates cost a bounded effort")
struct PathLimitTests {
    static let keys = Result { try (0..<12).map { _ in try PrivateKey.generate(.ecdsaP256) } }
    static let time = TestAuthority.now + .days(1)

    static func outcome(
        _ leaf: X509Certificate, _ pool: [X509Certificate], root: X509Certificate,
        change: (inout PathParameters) -> Void = { _ in }
    ) -> (reason: PathFault?, duration: Duration) {
        var parameters = PathParameters(time: time)
        change(&parameters)
        let (reason, time) = withProcessorTime { () -> PathFault? in
            do throws(ChainError) {
                _ = try ChainVerifier(roots: [root]).validate(leaf, intermediates: pool, parameters: parameters)
                return nil
            } catch {
                return error.reason
            }
        }
        return (reason, time)
    }

    @Test("a mesh of authorities that all certify each other")
    func mesh() throws {
        let keys = try Self.keys.get()
        let authorities = try (0..<10).map { try RawCertificate("CA \($0)", isCA: true) }
        var pool: [X509Certificate] = []
        for (subject, authority) in authorities.enumerated() {
            for issuer in authorities.indices where issuer != subject {
                pool.append(
                    try authority.signed(for: keys[subject], by: keys[issuer], issuer: authorities[issuer].subject))
            }
        }
        let leaf = try RawCertificate("Leaf").signed(for: keys[10], by: keys[0], issuer: authorities[0].subject)
        let root = try RawCertificate("Root", isCA: true)
        let anchor = try root.signed(for: keys[11], by: keys[11], issuer: root.subject)
        let (reason, duration) = Self.outcome(leaf, pool, root: anchor)
        #expect(reason == .tooComplex)
        #expect(duration < .seconds(10))
        // The same mesh with a way out has an answer, since roots are tried first.
        let exit = try authorities[0].signed(for: keys[0], by: keys[11], issuer: root.subject)
        #expect(Self.outcome(leaf, pool + [exit], root: anchor).reason == nil)
    }

    @Test("a thousand authorities of one name with keys that do not fit")
    func namesakes() throws {
        let keys = try Self.keys.get()
        let authority = try RawCertificate("CA", isCA: true)
        let root = try RawCertificate("Root", isCA: true)
        let anchor = try root.signed(for: keys[11], by: keys[11], issuer: root.subject)
        let pool = try (0..<250).map { index in
            try authority.signed(
                for: PrivateKey.generate(.ecdsaP256), by: keys[11], issuer: root.subject, serial: UInt8(index))
        }
        let leaf = try RawCertificate("Leaf").signed(for: keys[1], by: keys[2], issuer: authority.subject)
        #expect(Self.outcome(leaf, pool, root: anchor).reason == .tooComplex)
        let crowd = Array(repeating: pool, count: 5).joined()
        #expect(Self.outcome(leaf, Array(crowd), root: anchor).reason == .tooComplex)
    }

    @Test("names times name constraints")
    func nameConstraints() throws {
        let keys = try Self.keys.get()
        let root = try RawCertificate("Root", isCA: true)
        let anchor = try root.signed(for: keys[0], by: keys[0], issuer: root.subject)
        var authority = try RawCertificate("CA", isCA: true)
        let trees = (0..<256).map { RawCertificate.dns("tree\($0).example") }
        authority.extensions = [(.nameConstraints, RawCertificate.constraints(permitted: trees, excluded: []))]
        let upper = try authority.signed(for: keys[1], by: keys[0], issuer: root.subject)
        var leaf = try RawCertificate("Leaf")
        leaf.names = (0..<1000).map { RawCertificate.dns("host\($0).tree255.example") }
        let crowded = try leaf.signed(for: keys[2], by: keys[1], issuer: authority.subject)
        let (reason, duration) = Self.outcome(crowded, [upper], root: anchor)
        #expect(reason == .tooComplex)
        #expect(duration < .seconds(5))
        leaf.names = Array(leaf.names.prefix(20))
        let modest = try leaf.signed(for: keys[2], by: keys[1], issuer: authority.subject)
        #expect(Self.outcome(modest, [upper], root: anchor).reason == nil)
    }

    /// RFC 9618 §1.1: the tree of RFC 5280 would have 8^8 leaves here.
    @Test("policies that all map to each other")
    func policies() throws {
        let keys = try Self.keys.get()
        let policies = (1...8).map { OID(1, 3, 6, 1, 4, 1, 99_999, UInt64($0)) }
        var pool: [X509Certificate] = []
        var issuer = try RawCertificate("Root", isCA: true)
        let anchor = try issuer.signed(for: keys[0], by: keys[0], issuer: issuer.subject)
        for level in 1...8 {
            var authority = try RawCertificate("CA \(level)", isCA: true)
            let mappings = policies.flatMap { from in policies.map { (from, $0) } }
            authority.extensions = [
                (.certificatePolicies, RawCertificate.policies(policies)),
                (.policyMappings, RawCertificate.mappings(mappings)),
            ]
            pool.append(try authority.signed(for: keys[level], by: keys[level - 1], issuer: issuer.subject))
            issuer = authority
        }
        var leaf = try RawCertificate("Leaf")
        leaf.extensions = [(.certificatePolicies, RawCertificate.policies(policies))]
        let bottom = try leaf.signed(for: keys[9], by: keys[8], issuer: issuer.subject)
        let (reason, duration) = Self.outcome(bottom, pool, root: anchor) {
            $0.requiresExplicitPolicy = true
            $0.initialPolicies = [policies[0]]
        }
        #expect(reason == nil)
        #expect(duration < .seconds(2))
        // One authority more, and the path is longer than is looked at.
        let (long, _) = Self.outcome(bottom, pool, root: anchor) { $0.limits.depth = 9 }
        #expect(long == .untrusted)
    }

    @Test("lists whose signers need each other's lists")
    func circularLists() throws {
        let root = try TestAuthority.root()
        let first = try root.subordinate("Same Name")
        let second = try root.subordinate("Same Name")
        let leaf = try first.leaf()
        let (reason, duration) = withProcessorTime { () -> PathFault? in
            var parameters = PathParameters(time: Self.time)
            parameters.revocation = .hard
            do throws(ChainError) {
                _ = try ChainVerifier(roots: [root.certificate]).validate(
                    leaf, intermediates: [first.certificate, second.certificate],
                    revocationLists: [(try? first.list([])), (try? second.list([]))].compactMap(\.self),
                    parameters: parameters)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason == .revocationUnknown)
        #expect(duration < .seconds(5))
    }
}
