import Domain
import TestSupport
import Testing

@testable import PKI

/// Hierarchies out of a seed, judged by certctl and by `openssl verify`, which must come to the same answer.
@Suite("RFC 5280 §6: openssl verify agrees on generated hierarchies")
struct PathDifferentialTests {
    /// Five keys for all hierarchies: what is random is what the certificates say.
    static let keys = Result { try (0..<5).map { _ in try PrivateKey.generate(.ecdsaP256) } }
    static let perTheme = 80

    enum Theme: String, CaseIterable, Sendable {
        case names, pathLength, policies
    }

    /// Leaf first, root last, and how policies are to be looked at.
    struct Hierarchy {
        var certificates: [X509Certificate] = []
        var parameters = PathParameters(time: TestAuthority.now + .days(1))
        var arguments: [String] = []
    }

    @Test("agreement in 80 hierarchies of each kind", arguments: Theme.allCases)
    func agreement(theme: Theme) async throws {
        let openssl = try OpenSSL()
        var generator = SeededGenerator(seed: 5280)
        var accepted = 0
        for index in 0..<Self.perTheme {
            let hierarchy = try Self.make(theme, &generator)
            guard let leaf = hierarchy.certificates.first, let root = hierarchy.certificates.last else { continue }
            let pool = Array(hierarchy.certificates.dropFirst().dropLast())
            let ours = Result<ValidatedPath, ChainError> { () throws(ChainError) in
                try ChainVerifier(roots: [root]).validate(
                    leaf, intermediates: pool.shuffled(), parameters: hierarchy.parameters)
            }
            let arguments =
                ["verify", "-attime", String(hierarchy.parameters.time.secondsSinceEpoch)] + hierarchy.arguments
                + [
                    "-CAfile", try openssl.file("root", root.pem), "-untrusted",
                    try openssl.file("pool", pool.map(\.pem).joined()), try openssl.file("leaf", leaf.pem),
                ]
            let theirs = try await openssl.run(arguments)
            let verdict = (try? ours.get()) != nil
            if verdict { accepted += 1 }
            #expect(
                verdict == (theirs.status == 0),
                """
                \(theme) \(index) \(hierarchy.arguments): \(ours.map(\.userPolicies)), openssl: \(theirs.errors)
                \(hierarchy.certificates.map(\.pem).joined())
                """)
        }
        #expect((Self.perTheme / 10..<Self.perTheme * 9 / 10).contains(accepted), "\(accepted) accepted: one-sided")
    }

    static func make(_ theme: Theme, _ generator: inout SeededGenerator) throws -> Hierarchy {
        let keys = try keys.get()
        let count = Int.random(in: theme == .names ? 1...2 : 2...3, using: &generator)
        var hierarchy = Hierarchy()
        var issuer = try RawCertificate("Root", isCA: true)
        hierarchy.certificates = [try issuer.signed(for: keys[0], by: keys[0], issuer: issuer.subject)]
        for level in 1...count + 1 {
            // A self-issued authority now and then: most rules leave it out of account.
            let isSelfIssued = level > 1 && level <= count && Int.random(in: 0..<4, using: &generator) == 0
            var next = try RawCertificate(level <= count ? "CA \(level)" : "Leaf", isCA: level <= count)
            if isSelfIssued { next.subject = issuer.subject }
            switch theme {
            case .names: try constrain(&next, &generator)
            case .pathLength:
                if next.isCA, Int.random(in: 0..<4, using: &generator) > 0 {
                    next.pathLength = Int.random(in: 0...1, using: &generator)
                }
            case .policies: addPolicies(&next, &generator)
            }
            let certificate = try next.signed(for: keys[level], by: keys[level - 1], issuer: issuer.subject)
            hierarchy.certificates.insert(certificate, at: 0)
            issuer = next
        }
        if theme == .policies { choosePolicies(&hierarchy, &generator) }
        return hierarchy
    }

    // MARK: Names

    private static let hosts = ["a.example", "b.a.example", "c.b.a.example", "ba.example", "other.test"]

    private static func constrain(_ next: inout RawCertificate, _ generator: inout SeededGenerator) throws {
        let host = hosts[Int.random(in: hosts.indices, using: &generator)]
        let address = [10, UInt8.random(in: 0...1, using: &generator), 0, UInt8.random(in: 0...1, using: &generator)]
        let unit = try DistinguishedName([(.organizationName, "Test"), (.organizationalUnitName, host)])
        let form = Int.random(in: 0..<5, using: &generator)
        guard next.isCA else {
            let names = [
                RawCertificate.dns(host), RawCertificate.mail("user@\(host)"), RawCertificate.uri("https://\(host)/x"),
                RawCertificate.ip(address), RawCertificate.directory(unit),
            ]
            next.names = [names[form], names[Int.random(in: names.indices, using: &generator)]]
            return
        }
        let dot = Bool.random(using: &generator) ? "." : ""
        let parent = try DistinguishedName([(.organizationName, Bool.random(using: &generator) ? "test" : "Else")])
        let mailboxes = ["user@\(host)", host, ".\(host)"]
        let trees = [
            RawCertificate.dns(dot + host), RawCertificate.mail(mailboxes[Int.random(in: 0..<3, using: &generator)]),
            RawCertificate.uri(dot + host), RawCertificate.ip(address + [255, 255, 255 * (address[3] & 1), 0]),
            // The subjects of the hierarchy lie below O=Test.
            RawCertificate.directory(Bool.random(using: &generator) ? unit : parent),
        ]
        let isPermitted = Bool.random(using: &generator)
        let other = trees[Int.random(in: 0..<4, using: &generator)]
        let permitted = isPermitted ? [trees[form], other] : []
        let excluded = isPermitted && Bool.random(using: &generator) ? [] : [other]
        next.extensions.append(
            (.nameConstraints, RawCertificate.constraints(permitted: permitted, excluded: isPermitted ? [] : excluded)))
    }

    // MARK: Policies

    private static func policy(_ number: Int) -> OID { OID(1, 3, 6, 1, 4, 1, 99_999, UInt64(number)) }

    private static func addPolicies(_ next: inout RawCertificate, _ generator: inout SeededGenerator) {
        func pick() -> OID { policy(Int.random(in: 1...3, using: &generator)) }
        var own: Set<OID> = []
        for _ in 0..<Int.random(in: 1...3, using: &generator) { own.insert(pick()) }
        if Int.random(in: 0..<3, using: &generator) == 0 { own.insert(.anyPolicy) }
        if Int.random(in: 0..<8, using: &generator) > 0 {
            let sorted = own.sorted { $0.description < $1.description }
            next.extensions.append((.certificatePolicies, RawCertificate.policies(sorted)))
        }
        guard next.isCA else { return }
        if Int.random(in: 0..<3, using: &generator) == 0 {
            let mappings = [(pick(), pick()), (pick(), pick())]
            next.extensions.append((.policyMappings, RawCertificate.mappings(mappings)))
        }
        if Int.random(in: 0..<3, using: &generator) == 0 {
            let (explicit, mapping) = (
                UInt8.random(in: 0...2, using: &generator), UInt8.random(in: 0...2, using: &generator)
            )
            let value = RawCertificate.policyConstraints(
                explicit: explicit, mapping: Bool.random(using: &generator) ? mapping : nil)
            next.extensions.append((.policyConstraints, value))
        }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            let skip = Int.random(in: 0...1, using: &generator)
            next.extensions.append((.inhibitAnyPolicy, DERWriter.integer(skip)))
        }
    }

    private static func choosePolicies(_ hierarchy: inout Hierarchy, _ generator: inout SeededGenerator) {
        hierarchy.arguments = ["-policy_check"]
        if Bool.random(using: &generator) {
            let chosen = policy(Int.random(in: 1...3, using: &generator))
            hierarchy.parameters.initialPolicies = [chosen]
            hierarchy.arguments += ["-policy", chosen.description]
        } else {
            // Without any, openssl means no policy where RFC 5280 means any.
            hierarchy.arguments += ["-policy", "anyPolicy"]
        }
        if Bool.random(using: &generator) {
            hierarchy.parameters.requiresExplicitPolicy = true
            hierarchy.arguments.append("-explicit_policy")
        }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            hierarchy.parameters.inhibitsPolicyMapping = true
            hierarchy.arguments.append("-inhibit_map")
        }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            hierarchy.parameters.inhibitsAnyPolicy = true
            hierarchy.arguments.append("-inhibit_any")
        }
    }
}
