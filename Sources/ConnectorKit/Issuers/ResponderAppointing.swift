package import PKI

/// An issuer whose CA key certctl holds, so that it can appoint who answers for it over OCSP (RFC 6960 §4.2.2.2).
package protocol ResponderAppointing: IssuerConnector {
    /// Which driver holds the key of the authority, and under what reference; `nil` for a key in this process.
    var authorityKey: (driver: String, ref: String)? { get }

    /// The certificate of a responder's key. Its serial number is on record before.
    func appointResponder(
        _ key: SubjectPublicKey, serial: RecordedSerial, validity: Duration
    ) async throws(IssuerError) -> X509Certificate
}
