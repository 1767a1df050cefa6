/// Leave to sign octets that another process sent, because they are what it says they are.
///
/// Whoever asks a signing process is whom the key is kept from. So the purpose of a signature is read from the octets, and a
/// claim that does not fit them is refused: the key that may sign leaves makes no authority, whoever took the server over.
package struct ReceivedPermit: ~Copyable, Sendable {
    private let purpose: SigningPurpose
    private let message: [UInt8]
    private let algorithm: SignatureAlgorithm

    /// - `message`: The encoded structure without its signature.
    /// - Throws: When it is no structure of that kind, or names another algorithm.
    package init(
        _ message: [UInt8], for purpose: SigningPurpose, algorithm: SignatureAlgorithm
    ) throws(ReceivedStructureError) {
        let found: SigningPurpose
        switch purpose {
        case .leaf, .ca: found = try Self.kindOfCertificate(message, algorithm)
        case .crl:
            do throws(DERError) { try Self.checkList(message, algorithm) } catch {
                throw ReceivedStructureError("are no revocation list: \(error.reason)")
            }
            found = .crl
        case .ocsp:
            do throws(DERError) { try Self.checkAnswer(message) } catch {
                throw ReceivedStructureError("are no OCSP answer: \(error.reason)")
            }
            found = .ocsp
        case .request:
            do throws(CSRError) {
                _ = try CertificationRequest(
                    der: DERWriter.sequence(message, algorithm.der, DERWriter.bitString([0])))
            } catch { throw ReceivedStructureError("are no certification request: \(error)") }
            found = .request
        case .test:
            guard message.count == SigningOrder.testPrefix.count + SigningOrder.testNonceLength,
                message.starts(with: SigningOrder.testPrefix)
            else { throw ReceivedStructureError("are no test of a key") }
            found = .test
        }
        guard found == purpose else {
            throw ReceivedStructureError(
                found == .ca ? "are the certificate of an authority" : "are no certificate of an authority")
        }
        self.purpose = purpose
        self.message = message
        self.algorithm = algorithm
    }

    /// Read with all that certificates of this product are read with, and a signature that nobody looks at.
    private static func kindOfCertificate(
        _ message: [UInt8], _ algorithm: SignatureAlgorithm
    ) throws(ReceivedStructureError) -> SigningPurpose {
        let certificate: X509Certificate
        do throws(CertificateError) {
            certificate = try X509Certificate(
                der: DERWriter.sequence(message, algorithm.der, DERWriter.bitString([0])))
        } catch {
            throw ReceivedStructureError("are no certificate: \(error)")
        }
        guard certificate.version == 3 else {
            // Some rely on certificates of version 1 as on authorities, whatever they are.
            throw ReceivedStructureError(
                "are a certificate of version \(certificate.version), which cannot say what it is")
        }
        let usage = certificate.extensions.keyUsage
        let signs = usage.map { $0.contains(.keyCertSign) || $0.contains(.cRLSign) } ?? false
        return certificate.extensions.basicConstraints?.isCA == true || signs ? .ca : .leaf
    }

    /// The head of a `TBSCertList` (RFC 5280 §5.1.2), over a sound structure.
    private static func checkList(_ message: [UInt8], _ algorithm: SignatureAlgorithm) throws(DERError) {
        let limits = DERLimits(
            depth: DERLimits.standard.depth, elements: CertificateRevocationList.maximumSize / 2)
        var fields = try DERNode(parsing: message[...], limits: limits).sequence("tbsCertList", limit: 7)
        guard try fields.next().smallInteger("version") == 1 else { throw DERError("version is not 2") }
        guard try fields.next().encoded.elementsEqual(algorithm.der) else {
            throw DERError("another signature algorithm is named in it")
        }
        _ = try DistinguishedName(fields.next())
        _ = try DERTime.parse(fields.next())
    }

    /// The head of `ResponseData` (RFC 6960 §4.2.1) of version 1, which DER leaves out.
    private static func checkAnswer(_ message: [UInt8]) throws(DERError) {
        var fields = try DERNode(parsing: message[...]).sequence("response data", limit: 4)
        let responder = try fields.next()
        guard responder.hasContextTag(1) || responder.hasContextTag(2) else {
            throw DERError("the responder is not named first")
        }
        guard try fields.next().has(.generalizedTime) else { throw DERError("producedAt must be a GeneralizedTime") }
        guard try fields.next().has(.sequence) else { throw DERError("responses must be a SEQUENCE") }
    }
}

extension ReceivedPermit: SigningAuthorisation {
    package consuming func order() -> SigningOrder {
        SigningOrder(purpose: purpose, message: message, algorithm: algorithm)
    }
}

/// Why octets are not signed, as the end of the sentence "the octets …".
package struct ReceivedStructureError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

extension SigningOrder {
    /// What a test signature is over: this and random octets.
    static let testPrefix = Array("certctl test of a signing key\n".utf8)
    static let testNonceLength = 32
}

extension SignatureAlgorithm {
    /// The `AlgorithmIdentifier` (RFC 5280 §4.1.1.2).
    package var identifierDER: [UInt8] { der }

    /// - Throws: For one that is not accepted.
    package init(identifierDER: [UInt8]) throws(DERError) {
        try self.init(DERNode(parsing: identifierDER[...]))
    }
}
