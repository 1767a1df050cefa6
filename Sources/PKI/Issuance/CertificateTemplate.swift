package import Domain

/// Everything that goes into a certificate, decided; ``tbsCertificate()`` only encodes it.
package struct CertificateTemplate: Sendable {
    package let serialNumber: SerialNumber
    package let issuer: DistinguishedName
    package let subject: DistinguishedName
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let subjectPublicKey: SubjectPublicKey
    /// The algorithm of the issuer's key.
    package let signatureAlgorithm: SignatureAlgorithm

    package var isCA = false
    package var pathLenConstraint: Int?
    package var keyUsage: KeyUsage = []
    package var extendedKeyUsages: [OID] = []
    /// Time stamping is critical whatever this says.
    package var isExtendedKeyUsageCritical = false
    /// Written in canonical order, without duplicates.
    package var subjectAltNames: [SubjectAltName] = []
    /// `nil` for the identifier computed from the key.
    package var subjectKeyIdentifier: [UInt8]?
    /// The subject key identifier of the issuer; `nil` leaves the extension out (self-signed roots).
    package var authorityKeyIdentifier: [UInt8]?
    package var crlDistributionPoints: [String] = []
    /// Where the delta list to the complete one is.
    package var freshestCRL: [String] = []
    package var ocspURLs: [String] = []
    package var caIssuersURLs: [String] = []
    package var policies: [OID] = []
    /// What the authority may certify; of authorities alone.
    package var nameConstraints: NameConstraints?
    package var mustStaple = false
    /// Nothing tells whether it is revoked (RFC 9608); then there are no addresses of lists and responders either.
    package var hasNoRevocation = false
    /// Nobody asks about the certificate of an OCSP responder (RFC 6960 §4.2.2.2.1).
    package var isNotChecked = false

    package init(
        serialNumber: SerialNumber, issuer: DistinguishedName, subject: DistinguishedName,
        validity: (notBefore: Timestamp, notAfter: Timestamp), subjectPublicKey: SubjectPublicKey,
        signatureAlgorithm: SignatureAlgorithm
    ) {
        self.serialNumber = serialNumber
        self.issuer = issuer
        self.subject = subject
        notBefore = validity.notBefore
        notAfter = validity.notAfter
        self.subjectPublicKey = subjectPublicKey
        self.signatureAlgorithm = signatureAlgorithm
    }

    /// The `TBSCertificate` of RFC 5280 §4.1.
    package func tbsCertificate() -> TBSCertificate {
        let der = DERWriter.sequence(
            DERWriter.explicit(0, DERWriter.integer(2)),
            DERWriter.integer(magnitude: serialNumber.magnitude),
            signatureAlgorithm.der,
            issuer.der,
            DERWriter.sequence(DERTime.encode(notBefore), DERTime.encode(notAfter)),
            subject.der,
            subjectPublicKey.spkiDER,
            DERWriter.explicit(3, DERWriter.sequence(of: extensions.map(\.der))))
        return TBSCertificate(
            der: der, signatureAlgorithm: signatureAlgorithm, serialNumber: serialNumber, isAuthority: isCA)
    }

    /// In an order that never varies, so that equal templates give equal octets.
    private var extensions: [CertificateExtension] {
        var list = [ExtensionEncoding.basicConstraints(isCA: isCA, pathLenConstraint: pathLenConstraint)]
        if !keyUsage.isEmpty { list.append(ExtensionEncoding.keyUsage(keyUsage)) }
        if !extendedKeyUsages.isEmpty {
            list.append(
                ExtensionEncoding.extendedKeyUsage(extendedKeyUsages, isCritical: isExtendedKeyUsageCritical))
        }
        list.append(ExtensionEncoding.subjectKeyIdentifier(subjectKeyIdentifier ?? subjectPublicKey.keyIdentifier))
        if let authorityKeyIdentifier {
            list.append(ExtensionEncoding.authorityKeyIdentifier(authorityKeyIdentifier))
        }
        let names = SubjectAltName.canonicalOrder(subjectAltNames)
        if !names.isEmpty { list.append(ExtensionEncoding.subjectAltName(names, isCritical: subject.isEmpty)) }
        if !crlDistributionPoints.isEmpty {
            list.append(ExtensionEncoding.crlDistributionPoints(crlDistributionPoints))
        }
        if !freshestCRL.isEmpty {
            let points = ExtensionEncoding.crlDistributionPoints(freshestCRL).value
            list.append(CertificateExtension(oid: .freshestCRL, isCritical: false, value: points))
        }
        if !ocspURLs.isEmpty || !caIssuersURLs.isEmpty {
            list.append(ExtensionEncoding.authorityInfoAccess(ocsp: ocspURLs, caIssuers: caIssuersURLs))
        }
        if !policies.isEmpty { list.append(ExtensionEncoding.certificatePolicies(policies)) }
        if let nameConstraints { list.append(ExtensionEncoding.nameConstraints(nameConstraints)) }
        if mustStaple { list.append(ExtensionEncoding.mustStaple) }
        if hasNoRevocation { list.append(ExtensionEncoding.noRevAvail) }
        if isNotChecked { list.append(ExtensionEncoding.ocspNoCheck) }
        return list
    }
}

/// An encoded certificate that lacks its signature.
package struct TBSCertificate: Sendable {
    package let der: [UInt8]
    package let signatureAlgorithm: SignatureAlgorithm
    package let serialNumber: SerialNumber
    /// Whether it makes its subject an authority.
    package let isAuthority: Bool

    /// The complete certificate.
    package func certificateDER(signature: [UInt8]) -> [UInt8] {
        DERWriter.sequence(der, signatureAlgorithm.der, DERWriter.bitString(signature))
    }
}
