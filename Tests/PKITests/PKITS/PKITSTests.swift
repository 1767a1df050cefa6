import Domain
import Foundation
import PKI
import TestSupport
import Testing

/// Every test of the suite, each with all its certificates and all its lists to choose from: the paths are found, not
/// given, among hundreds of certificates of which many are broken on purpose.
@Suite("NIST PKITS: certification paths, policies, names and revocation")
struct PKITSTests {
    /// What the suite publishes, as far as it can be read.
    struct Material: Sendable {
        let endEntities: [String: X509Certificate]
        let authorities: [X509Certificate]
        let root: X509Certificate
        let lists: [CertificateRevocationList]
        /// Names of the files that certctl refuses to read, with its reasons.
        let unreadable: [String: String]
    }

    /// Of the order in which certificates and lists are given: the result must not depend on it. A failure tells it, and
    /// `CERTCTL_PKITS_SEED` repeats it.
    static let seed =
        ProcessInfo.processInfo.environment["CERTCTL_PKITS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...999_999)

    /// Within the validity of the suite, 2010 to 2030.
    static let time = Timestamp(secondsSinceEpoch: 1_577_836_800)

    static let material = Result {
        var endEntities: [String: X509Certificate] = [:]
        var authorities: [X509Certificate] = []
        var unreadable: [String: String] = [:]
        for (name, octets) in try inOrder(of: "pkits/certs", "crt") {
            let certificate: X509Certificate
            do {
                certificate = try X509Certificate(der: octets)
            } catch {
                unreadable[name] = "\(error)"
                continue
            }
            if name.hasSuffix("EE") { endEntities[String(name.dropLast(2))] = certificate }
            if name != rootName { authorities.append(certificate) }
        }
        let rootOctets = try TestVectors.files(in: "pkits/certs", extension: "crt")[rootName] ?? []
        var lists: [CertificateRevocationList] = []
        for (name, octets) in try inOrder(of: "pkits/crls", "crl") {
            do { lists.append(try CertificateRevocationList(der: octets)) } catch { unreadable[name] = "\(error)" }
        }
        var generator = SeededGenerator(seed: seed)
        return Material(
            endEntities: endEntities, authorities: authorities.shuffled(using: &generator),
            root: try X509Certificate(der: rootOctets),
            lists: lists.shuffled(using: &generator), unreadable: unreadable)
    }

    /// The files of a folder by their names, so that a seed gives the same order on every machine.
    private static func inOrder(of folder: String, _ ending: String) throws -> [(name: String, octets: [UInt8])] {
        try TestVectors.files(in: folder, extension: ending).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static let rootName = "TrustAnchorRootCertificate"

    @Test("each test has the result of the document", arguments: PKITSCase.all)
    func result(test: PKITSCase) throws {
        let material = try Self.material.get()
        let order = "repeat with CERTCTL_PKITS_SEED=\(Self.seed)"
        guard let leaf = material.endEntities[test.certificate] else {
            switch test.outcome {
            case .unreadable, .refused(despite: .dsa): return
            case .valid, .invalid, .refused: Issue.record("\(test.certificate) cannot be read")
            }
            return
        }
        var parameters = PathParameters(time: Self.time)
        parameters.revocation = .hard
        parameters.initialPolicies = test.policies.map { Set($0.map { OID.test($0) }) }
        parameters.requiresExplicitPolicy = test.requiresExplicitPolicy
        parameters.inhibitsPolicyMapping = test.inhibitsMapping
        parameters.inhibitsAnyPolicy = test.inhibitsAny
        do throws(ChainError) {
            let path = try ChainVerifier(roots: [material.root]).validate(
                leaf, intermediates: material.authorities, revocationLists: material.lists, parameters: parameters)
            guard case .valid = test.outcome else {
                Issue.record("accepted: \(path.certificates.map(\.subject)) (\(order))")
                return
            }
            if let expected = test.authorityPolicies { #expect(path.authorityPolicies == expected, "\(order)") }
            if let expected = test.userPolicies { #expect(path.userPolicies == expected, "\(order)") }
        } catch {
            switch test.outcome {
            case .valid: Issue.record("refused: \(error) (\(order))")
            case .invalid(let reason): #expect(error.reason == reason, "\(error) (\(order))")
            case .unreadable: Issue.record("readable, and refused because \(error) (\(order))")
            case .refused: #expect(error.reason == .revocationUnknown, "\(error) (\(order))")
            }
        }
    }

    @Test("only DSA keys, a negative serial number and signatures of broken octets cannot be read")
    func unreadable() throws {
        let expected = [
            "DSACACert": "DSA (1.2.840.10040.4.1) is not accepted",
            "DSAParametersInheritedCACert": "DSA (1.2.840.10040.4.1) is not accepted",
            "ValidDSASignaturesTest4EE": "DSA (1.2.840.10040.4.1) is not accepted",
            "ValidDSAParameterInheritanceTest5EE": "DSA (1.2.840.10040.4.1) is not accepted",
            "InvalidDSASignatureTest6EE": "signature must be a BIT STRING of whole octets",
            "BadSignedCACert": "signature must be a BIT STRING of whole octets",
            "BadCRLSignatureCACRL": "signature must be a BIT STRING of whole octets",
            "InvalidNegativeSerialNumberTest15EE": "serial number must be positive",
        ]
        let refused = try Self.material.get().unreadable
        #expect(Set(refused.keys) == Set(expected.keys), "\(refused)")
        for (name, reason) in refused { #expect(reason.contains(expected[name] ?? "nothing"), "\(name)") }
    }

    @Test("the table holds each end-entity certificate of the suite")
    func complete() throws {
        let files = try TestVectors.files(in: "pkits/certs", extension: "crt").keys
        let published = Set(files.filter { $0.hasSuffix("EE") }.map { String($0.dropLast(2)) })
        #expect(Set(PKITSCase.all.map(\.certificate)) == published)
        #expect(published.count == 223)
        #expect(Set(PKITSCase.all.map(\.number)).count == PKITSCase.all.count)
    }
}
