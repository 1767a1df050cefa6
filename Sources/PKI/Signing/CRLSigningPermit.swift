/// Proof that these octets are a `TBSCertList` that was checked, with a number on record. Spent by signing, once.
package struct CRLSigningPermit: ~Copyable, Sendable {
    /// The encoded `TBSCertList`.
    package let tbs: [UInt8]
    package let signatureAlgorithm: SignatureAlgorithm

    /// Only the code that builds certificate lists, in this module, makes one.
    init(tbs: [UInt8], signatureAlgorithm: SignatureAlgorithm) {
        self.tbs = tbs
        self.signatureAlgorithm = signatureAlgorithm
    }
}

extension CRLSigningPermit: SigningAuthorisation {
    package consuming func order() -> SigningOrder {
        SigningOrder(purpose: .crl, message: tbs, algorithm: signatureAlgorithm)
    }
}
