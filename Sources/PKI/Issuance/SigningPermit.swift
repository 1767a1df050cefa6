import Domain

/// A serial number that is durably on record, so that a crash can never lead to a second use of it.
///
/// The label of the initializer is the contract: whoever writes `alreadyRecorded` has committed the serial, in
/// the transaction that also holds the intent to issue, before this value exists (ADR: serial before signature).
package struct RecordedSerial: Sendable {
    package let serialNumber: SerialNumber

    package init(alreadyRecorded serialNumber: SerialNumber) { self.serialNumber = serialNumber }
}

/// Proof that these octets passed the linter and that their serial is on record. Spent by signing, once.
package struct SigningPermit: ~Copyable, Sendable {
    package let tbs: TBSCertificate

    fileprivate init(tbs: TBSCertificate) { self.tbs = tbs }
}

extension SigningPermit: SigningAuthorisation {
    package consuming func order() -> SigningOrder {
        SigningOrder(
            purpose: tbs.isAuthority ? .ca : .leaf, message: tbs.der, algorithm: tbs.signatureAlgorithm)
    }
}

extension Linter {
    /// The only way to a permit: no finding of severity `error`, and the recorded serial is the encoded one.
    ///
    /// `issuer` is `nil` for a self-signed certificate, which is then its own issuer.
    package func admit(
        _ tbs: TBSCertificate, serial: RecordedSerial, issuer: X509Certificate?
    ) throws(LintFailure) -> SigningPermit {
        guard tbs.serialNumber == serial.serialNumber else {
            throw LintFailure(findings: [
                LintFinding(rule: .serialNumber, severity: .error, message: "is not the serial on record")
            ])
        }
        let errors = findings(in: tbs, issuer: issuer).filter { $0.severity == .error }
        guard errors.isEmpty else { throw LintFailure(findings: errors) }
        return SigningPermit(tbs: tbs)
    }
}
