/// A SignedData that holds certificates and signs nothing (RFC 5652 §5, protocol-servers §9.2).
package enum CertificatesOnly {
    /// In the given order: relying parties look at the first one first.
    package static func encode(_ certificates: [X509Certificate]) -> [UInt8] {
        let signedData = DERWriter.sequence(
            DERWriter.integer(1), DERWriter.set(of: []), DERWriter.sequence(DERWriter.oid(.cmsData)),
            DERWriter.element(0xA0, parts: certificates.map(\.der)), DERWriter.set(of: []))
        return DERWriter.sequence(DERWriter.oid(.cmsSignedData), DERWriter.explicit(0, signedData))
    }

    /// The certificates of a SignedData in BER or DER, in their order there; signatures are not looked at.
    ///
    /// Certificates of other kinds than X.509 are passed over.
    package static func decode(_ octets: [UInt8]) throws(KeyStoreError) -> [X509Certificate] {
        try readingKeyStore {
            let der = try BER.der(from: octets[...])
            var info = try DERNode(parsing: der[...]).sequence("message", limit: 2)
            let type = try info.next().oid("message type")
            guard type == .cmsSignedData else {
                throw KeyStoreError.unsupported("a message that is not SignedData (\(type.nameForMessages))")
            }
            var fields = try info.next().explicit("SignedData").sequence("SignedData", limit: 6)
            _ = try fields.next().smallInteger("version")
            _ = try fields.next().set("digest algorithms")
            _ = try fields.next().sequence("content")
            guard let set = fields.next(ifContextTag: 0) else { return [] }
            var certificates: [X509Certificate] = []
            for node in try set.elements("certificates", limit: KeyStoreContent.maximumEntries)
            where node.has(.sequence) {
                certificates.append(try X509Certificate(der: Array(node.encoded)))
            }
            return certificates
        }
    }
}
