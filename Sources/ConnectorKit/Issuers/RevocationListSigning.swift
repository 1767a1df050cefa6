package import PKI

/// An issuer whose key certctl holds, so that it signs its own revocation lists (RFC 5280 §5).
package protocol RevocationListSigning: Sendable {
    /// The certificate whose key signs the lists.
    var listIssuer: X509Certificate { get }

    /// The signature of a list, for the algorithm named in it.
    func signList(_ permit: consuming CRLSigningPermit) async throws(IssuerError) -> [UInt8]
}
