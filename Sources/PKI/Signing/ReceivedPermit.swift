/// Leave to sign octets that another process sent, because they are what it says they are.
///
/// Whoever asks a signing process is whom the key is kept from. So the purpose of a signature is read from the octets, and a
/// claim that does not fit them is refused: the key that may sign leaves makes no authority, whoever took the server over.
package struct ReceivedPermit: ~Copyable, Sendable {
    /// What was read, for the rules of the key.
    package let structure: ReceivedStructure
    private let purpose: SigningPurpose
    private let message: [UInt8]
    private let algorithm: SignatureAlgorithm

    /// - `message`: The encoded structure without its signature.
    /// - Throws: When it is no structure of that kind, has anything in it that is not understood, or names another
    ///   algorithm.
    package init(
        _ message: [UInt8], for purpose: SigningPurpose, algorithm: SignatureAlgorithm
    ) throws(ReceivedStructureError) {
        switch purpose {
        case .leaf, .ca:
            let certificate = try ReceivedStructure.certificate(message, algorithm)
            let found = Self.kind(of: certificate)
            guard found == purpose else {
                throw ReceivedStructureError(
                    found == .ca ? "are the certificate of an authority" : "are no certificate of an authority")
            }
            structure = .certificate(certificate)
        case .crl:
            do throws(DERError) { structure = .list(try ReceivedStructure.list(message, algorithm)) } catch {
                throw ReceivedStructureError("are no revocation list: \(error.reason)")
            }
        case .ocsp:
            do throws(DERError) { structure = .answer(try ReceivedStructure.answer(message)) } catch {
                throw ReceivedStructureError("are no OCSP answer: \(error.reason)")
            }
        case .request:
            do throws(CSRError) {
                _ = try CertificationRequest(
                    der: DERWriter.sequence(message, algorithm.der, DERWriter.bitString([0])))
            } catch { throw ReceivedStructureError("are no certification request: \(error)") }
            structure = .request
        case .test:
            guard message.count == SigningOrder.testPrefix.count + SigningOrder.testNonceLength,
                message.starts(with: SigningOrder.testPrefix)
            else { throw ReceivedStructureError("are no test of a key") }
            structure = .test
        }
        self.purpose = purpose
        self.message = message
        self.algorithm = algorithm
    }

    private static func kind(of certificate: X509Certificate) -> SigningPurpose {
        let usage = certificate.extensions.keyUsage
        let signs = usage.map { $0.contains(.keyCertSign) || $0.contains(.cRLSign) } ?? false
        return certificate.extensions.basicConstraints?.isCA == true || signs ? .ca : .leaf
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
