import Domain
import TestSupport
import Testing

@testable import PKI

/// Certificates that are signed properly and say anything at all: decoders pass, and validation must survive what they let
/// through.
@Suite("protocol-servers §7: validation survives 2 000 hierarchies of arbitrary extensions")
struct ValidationFuzzTests {
    static let executions = 2000

    @Test("extensions of NIST PKITS, mutated and recombined under keys of ours")
    func validation() throws {
        let donors = try TestVectors.files(in: "pkits/certs", extension: "crt").sorted { $0.key < $1.key }
            .compactMap { try? X509Certificate(der: $0.value) }
        let values = Dictionary(grouping: donors.flatMap(\.extensions.all), by: \.oid).mapValues { $0.map(\.value) }
        let kinds: [OID] = [
            .nameConstraints, .certificatePolicies, .policyMappings, .policyConstraints, .inhibitAnyPolicy,
            .subjectAltName, .crlDistributionPoints,
        ]
        let keys = try (0..<4).map { _ in try PrivateKey.generate(.ecdsaP256) }
        let lists = try TestVectors.files(in: "pkits/crls", extension: "crl").sorted { $0.key < $1.key }
            .compactMap { try? CertificateRevocationList(der: $0.value) }
        var generator = SeededGenerator(seed: FuzzRun.seed(of: 9))
        var mutator = Mutator(seed: FuzzRun.seed(of: 10))
        var reasons: Set<PathFault> = []
        var accepted = 0
        for _ in 0..<Self.executions {
            var certificates: [X509Certificate] = []
            var issuer = try RawCertificate("Root", isCA: true)
            issuer.subject = donors.randomElement(using: &generator)?.subject ?? issuer.subject
            certificates.append(try issuer.signed(for: keys[0], by: keys[0], issuer: issuer.subject))
            for level in 1...3 {
                var next = try RawCertificate("Level \(level)", isCA: level < 3)
                // Names of the suite, so that its constraints and its lists have something to say.
                next.subject = donors.randomElement(using: &generator)?.subject ?? next.subject
                for kind in kinds where Int.random(in: 0..<3, using: &generator) == 0 {
                    guard let value = values[kind]?.randomElement(using: &generator) else { continue }
                    let isMutated = Int.random(in: 0..<3, using: &generator) == 0
                    next.extensions.append((kind, isMutated ? mutator.mutate(value, donors: [value]) : value))
                }
                // What cannot be read is another test's business.
                guard
                    let certificate = try? next.signed(for: keys[level], by: keys[level - 1], issuer: issuer.subject)
                else { break }
                certificates.append(certificate)
                issuer = next
            }
            guard certificates.count == 4 else { continue }
            var parameters = PathParameters(time: TestAuthority.now + .days(1))
            parameters.revocation = [.off, .soft, .hard].randomElement(using: &generator) ?? .off
            parameters.requiresExplicitPolicy = Bool.random(using: &generator)
            do throws(ChainError) {
                _ = try ChainVerifier(roots: [certificates[0]]).validate(
                    certificates[3], intermediates: Array(certificates[1...2]), revocationLists: lists,
                    parameters: parameters)
                accepted += 1
            } catch {
                reasons.insert(error.reason)
                #expect(!error.description.isEmpty)
            }
        }
        #expect(accepted > 10)
        #expect(reasons.isSuperset(of: [.nameConstraint, .policy, .revocationUnknown]), "\(reasons)")
    }
}
