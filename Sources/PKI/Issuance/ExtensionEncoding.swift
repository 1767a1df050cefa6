/// Extensions as certctl writes them; criticality per RFC 5280 §4.2.
enum ExtensionEncoding {
    /// `names` in the given order. Critical exactly when the subject is empty.
    static func subjectAltName(_ names: [SubjectAltName], isCritical: Bool) -> CertificateExtension {
        make(.subjectAltName, critical: isCritical, DERWriter.sequence(of: names.map(\.der)))
    }

    static func basicConstraints(isCA: Bool, pathLenConstraint: Int?) -> CertificateExtension {
        let length = isCA ? pathLenConstraint.map { DERWriter.integer($0) } ?? [] : []
        return make(
            .basicConstraints, critical: true, DERWriter.sequence(isCA ? DERWriter.boolean(true) : [], length))
    }

    static func keyUsage(_ usage: KeyUsage) -> CertificateExtension { make(.keyUsage, critical: true, usage.der) }

    /// RFC 3161 §2.3: critical when time stamping is the purpose.
    static func extendedKeyUsage(_ purposes: [OID], isCritical: Bool = false) -> CertificateExtension {
        make(
            .extendedKeyUsage, critical: isCritical || purposes == [.timeStamping],
            DERWriter.sequence(of: purposes.map { DERWriter.oid($0) }))
    }

    static func subjectKeyIdentifier(_ identifier: [UInt8]) -> CertificateExtension {
        make(.subjectKeyIdentifier, critical: false, DERWriter.octetString(identifier))
    }

    static func authorityKeyIdentifier(_ identifier: [UInt8]) -> CertificateExtension {
        make(.authorityKeyIdentifier, critical: false, DERWriter.sequence(DERWriter.implicit(0, identifier)))
    }

    static func crlDistributionPoints(_ urls: [String]) -> CertificateExtension {
        let points = urls.map { url in
            DERWriter.sequence(DERWriter.explicit(0, DERWriter.explicit(0, uri(url))))
        }
        return make(.crlDistributionPoints, critical: false, DERWriter.sequence(of: points))
    }

    static func authorityInfoAccess(ocsp: [String], caIssuers: [String]) -> CertificateExtension {
        let descriptions =
            ocsp.map { DERWriter.sequence(DERWriter.oid(.ocsp), uri($0)) }
            + caIssuers.map { DERWriter.sequence(DERWriter.oid(.caIssuers), uri($0)) }
        return make(.authorityInfoAccess, critical: false, DERWriter.sequence(of: descriptions))
    }

    static func certificatePolicies(_ policies: [OID]) -> CertificateExtension {
        make(
            .certificatePolicies, critical: false,
            DERWriter.sequence(of: policies.map { DERWriter.sequence(DERWriter.oid($0)) }))
    }

    /// Critical, as RFC 5280 §4.2.1.10 demands.
    static func nameConstraints(_ constraints: NameConstraints) -> CertificateExtension {
        make(.nameConstraints, critical: true, constraints.der)
    }

    /// RFC 7633: feature 5, `status_request`.
    static let mustStaple = make(.tlsFeature, critical: false, DERWriter.sequence(DERWriter.integer(5)))

    /// RFC 9608 §2: never critical.
    static let noRevAvail = make(.noRevAvail, critical: false, DERWriter.null)

    /// RFC 6960 §4.2.2.2.1.
    static let ocspNoCheck = make(.ocspNoCheck, critical: false, DERWriter.null)

    private static func uri(_ text: String) -> [UInt8] { DERWriter.implicit(6, Array(text.utf8)) }

    private static func make(_ oid: OID, critical: Bool, _ value: [UInt8]) -> CertificateExtension {
        CertificateExtension(oid: oid, isCritical: critical, value: value)
    }
}
