/// A SignedData that holds certificates and signs nothing (RFC 5652 §5, protocol-servers §9.2).
package enum CertificatesOnly {
    /// In the given order: relying parties look at the first one first.
    package static func encode(_ certificates: [X509Certificate]) -> [UInt8] {
        let signedData = DERWriter.sequence(
            DERWriter.integer(1), DERWriter.set(of: []), DERWriter.sequence(DERWriter.oid(.cmsData)),
            DERWriter.element(0xA0, parts: certificates.map(\.der)), DERWriter.set(of: []))
        return DERWriter.sequence(DERWriter.oid(.cmsSignedData), DERWriter.explicit(0, signedData))
    }
}

extension OID {
    fileprivate static let cmsData = OID(1, 2, 840, 113549, 1, 7, 1)
    fileprivate static let cmsSignedData = OID(1, 2, 840, 113549, 1, 7, 2)
}
