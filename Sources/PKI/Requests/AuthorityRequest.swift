/// What an authority asks of another, whose key is elsewhere (RFC 2986): the certificate that it wants, as a wish.
package struct AuthorityRequest: Sendable {
    private let subject: DistinguishedName
    private let subjectPublicKey: SubjectPublicKey
    /// How many authorities may follow below; `nil` for any number.
    package var pathLength: Int?
    package var nameConstraints: NameConstraints?
    package var extendedKeyUsages: [OID] = []
    package var policies: [OID] = []
    /// `nil` for the identifier computed from the key.
    package var subjectKeyIdentifier: [UInt8]?

    package init(subject: DistinguishedName, subjectPublicKey: SubjectPublicKey) {
        self.subject = subject
        self.subjectPublicKey = subjectPublicKey
    }

    /// The request, signed by the key that it is for.
    package func signed(by signer: any Signer) async throws(SignerError) -> CertificationRequest {
        let algorithm = subjectPublicKey.signatureAlgorithm
        let info = DERWriter.sequence(
            DERWriter.integer(0), subject.der, subjectPublicKey.spkiDER,
            DERWriter.explicit(0, CertificationRequestBuilder.attribute(extensions)))
        let signature = try await signer.sign(RequestSigningPermit(info: info, signatureAlgorithm: algorithm))
        do throws(CSRError) {
            let request = try CertificationRequest(
                der: DERWriter.sequence(info, algorithm.der, DERWriter.bitString(signature)))
            try request.verifySignature()
            return request
        } catch {
            throw .wrongSignature("the request that was just signed is not sound: \(error)")
        }
    }

    private var extensions: [CertificateExtension] {
        var list = [
            ExtensionEncoding.basicConstraints(isCA: true, pathLenConstraint: pathLength),
            ExtensionEncoding.keyUsage([.keyCertSign, .cRLSign]),
        ]
        if !extendedKeyUsages.isEmpty { list.append(ExtensionEncoding.extendedKeyUsage(extendedKeyUsages)) }
        list.append(ExtensionEncoding.subjectKeyIdentifier(subjectKeyIdentifier ?? subjectPublicKey.keyIdentifier))
        if !policies.isEmpty { list.append(ExtensionEncoding.certificatePolicies(policies)) }
        if let nameConstraints { list.append(ExtensionEncoding.nameConstraints(nameConstraints)) }
        return list
    }
}

/// Leave to sign a `CertificationRequestInfo` of an authority. Spent by signing, once.
struct RequestSigningPermit: ~Copyable, Sendable {
    let info: [UInt8]
    let signatureAlgorithm: SignatureAlgorithm
}

extension RequestSigningPermit: SigningAuthorisation {
    consuming func order() -> SigningOrder {
        SigningOrder(purpose: .request, message: info, algorithm: signatureAlgorithm)
    }
}
