import Domain
import EmbeddedCA
import PKI
import TestSupport
import Testing

@testable import ExternalSigner

@Suite("security §10.5: structures that somebody tampered with")
struct SignerMutationTests {
    @Test("whatever is signed of a damaged certificate keeps every rule", arguments: 0..<24 as Range<UInt64>)
    func certificates(seed: UInt64) throws {
        var input = SeededInput(seed)
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        let policy = try KeyPolicy(parsing: Array(HostileServer.policy.utf8))
        let whole = try Self.leaf(key).tbsCertificate().der
        for _ in 0..<400 {
            let octets = input.damaged(whole, most: 3)
            guard let permit = try? ReceivedPermit(octets, for: .leaf, algorithm: key.signatureAlgorithm),
                policy.violation(by: permit.structure, for: .leaf, at: HostileServer.now) == nil
            else { continue }
            // Read anew by what reads certificates of others, with a signature around it.
            let message = permit.order().message
            #expect(message == octets)
            let certificate = try X509Certificate(der: Self.sealed(message, key))
            #expect(!certificate.isCA && certificate.version == 3)
            #expect(certificate.notAfter - certificate.notBefore < .days(90))
            #expect(certificate.notAfter < HostileServer.now + .days(90) + .minutes(6))
            #expect(!certificate.extendedKeyUsages.isEmpty)
            #expect(Set(certificate.extendedKeyUsages).isSubset(of: [.serverAuth, .clientAuth]))
            for name in certificate.subjectAltNames {
                #expect(
                    name.text == "corp.example" || name.text.hasSuffix(".corp.example") || name.text.hasPrefix("10."),
                    "\(name)")
            }
            #expect(certificate.extensions.unknownCritical.isEmpty)
        }
        // A bit of the serial number is nobody's rule: the way through is not shut for everything.
        var other = whole
        other[15] ^= 1
        let permit = try ReceivedPermit(other, for: .leaf, algorithm: key.signatureAlgorithm)
        #expect(policy.violation(by: permit.structure, for: .leaf, at: HostileServer.now) == nil)
        _ = permit.order()
    }

    @Test("a damaged list or answer is refused or is one that ends in time", arguments: 0..<12 as Range<UInt64>)
    func updates(seed: UInt64) throws {
        var input = SeededInput(seed)
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        let now = Timestamp(secondsSinceEpoch: HostileServer.now.secondsSinceEpoch)
        let limit = ValidityLimit(longest: .days(8))
        var list = RevocationListTemplate(
            issuer: try DistinguishedName(commonName: "Root"), updates: (now, now + .days(7)), number: CRLNumber(7),
            signatureAlgorithm: key.signatureAlgorithm, authorityKeyIdentifier: [1, 2, 3])
        list.entries = (0..<5).map { _ in
            RevocationListEntry(serialNumber: .random(.system), revocationDate: now, reason: .keyCompromise)
        }
        let octets = try list.tbsCertList().der
        for _ in 0..<300 {
            let damaged = input.damaged(octets, most: 2)
            guard let permit = try? ReceivedPermit(damaged, for: .crl, algorithm: key.signatureAlgorithm),
                case .list(let updates) = permit.structure,
                limit.violation(from: updates.this, to: updates.next, at: now) == nil
            else { continue }
            let read = try CertificateRevocationList(der: Self.sealed(permit.order().message, key))
            #expect(read.nextUpdate.map { $0 <= now + .days(9) } == true && read.unknownCritical.isEmpty)
        }
    }

    /// What the parser has to refuse although every octet of it is sound DER.
    @Test("sound structures with something in them that is not understood are refused, each for its reason")
    func strange() throws {
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        let whole = try Self.leaf(key).tbsCertificate().der
        func reason(_ octets: [UInt8], _ purpose: SigningPurpose = .leaf) -> String {
            do throws(ReceivedStructureError) {
                _ = try ReceivedPermit(octets, for: purpose, algorithm: key.signatureAlgorithm).order()
                return "signed"
            } catch { return error.description }
        }
        #expect(reason(whole) == "signed")
        // The identifier of basicConstraints becomes one that nobody knows; likewise that of keyUsage.
        #expect(reason(Self.replacing([0x55, 0x1D, 0x13], [0x55, 0x1D, 0x7F], whole)).contains("2.5.29.127"))
        #expect(reason(Self.replacing([0x55, 0x1D, 0x0F], [0x55, 0x1D, 0x7E], whole)).contains("2.5.29.126"))
        // A name of another kind where a host was: registeredID, x400Address.
        let host: [UInt8] = [0x82, 16] + Array("www.corp.example".utf8)
        #expect(reason(Self.replacing(host, [0x88] + host.dropFirst(), whole)).contains("not understood"))
        // A host with a NUL, by which some would stop reading.
        let cut: [UInt8] = [0x82, 16] + Array("bank.test\0xample".utf8)
        #expect(reason(Self.replacing(host, cut, whole)).contains("not understood"))
        // The version becomes 2: then nothing says that it is no authority.
        #expect(reason(Self.replacing([0xA0, 3, 2, 1, 2], [0xA0, 3, 2, 1, 1], whole)).contains("are"))
        #expect(reason(whole + [0]) != "signed")
        #expect(reason(whole, .ca).contains("no certificate of an authority"))
        for purpose in [SigningPurpose.crl, .ocsp, .request, .test] {
            #expect(reason(whole, purpose) != "signed", "\(purpose)")
        }
    }

    private static func leaf(_ key: SubjectPublicKey) throws -> CertificateTemplate {
        let start = Timestamp(secondsSinceEpoch: HostileServer.now.secondsSinceEpoch)
        var template = CertificateTemplate(
            serialNumber: .random(.system), issuer: try DistinguishedName(commonName: "Root"), subject: .empty,
            validity: (start, start + .days(90) - .seconds(1)), subjectPublicKey: key,
            signatureAlgorithm: key.signatureAlgorithm)
        template.subjectAltNames = [try SubjectAltName(classifying: "www.corp.example")]
        template.extendedKeyUsages = [.serverAuth]
        template.keyUsage = [.digitalSignature]
        return template
    }

    private static func replacing(_ part: [UInt8], _ new: [UInt8], _ octets: [UInt8]) -> [UInt8] {
        guard let place = octets.firstRange(of: part) else { return [] }
        return Array(octets[..<place.lowerBound]) + new + Array(octets[place.upperBound...])
    }

    /// A certificate or list around what is signed, by its own encoder: nothing of the parser under test.
    private static func sealed(_ message: [UInt8], _ key: SubjectPublicKey) -> [UInt8] {
        let content = message + key.signatureAlgorithm.identifierDER + [0x03, 0x02, 0x00, 0x00]
        let length: [UInt8] =
            content.count < 256
            ? [0x81, UInt8(content.count)] : [0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)]
        return [0x30] + length + content
    }
}
