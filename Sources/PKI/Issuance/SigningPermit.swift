/// A serial number that is durably on record, so that a crash can never lead to a second use of it.
///
/// The label of the initializer is the contract: whoever writes `alreadyRecorded` has committed the serial, in
/// the transaction that also holds the intent to issue, before this value exists (ADR: serial before signature).
package struct RecordedSerial: Sendable {
    package let serialNumber: SerialNumber

    package init(alreadyRecorded serialNumber: SerialNumber) { self.serialNumber = serialNumber }
}

/// Proof that these octets passed the linter and that their serial is on record. Spent by signing, once.
package struct SigningPermit: ~Copyable {
    package let tbs: TBSCertificate

    fileprivate init(tbs: TBSCertificate) { self.tbs = tbs }
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

/// A key that signs certificates. Implementations decide where they compute; callers must be able to suspend.
///
/// The call may be repeated after a failure only with a new permit. Cancellation may abandon the wait for a
/// remote device; the signature is then discarded.
package protocol Signer: Sendable {
    var publicKey: SubjectPublicKey { get }

    /// The signature over the octets of the permit, for the algorithm named in them.
    func sign(_ permit: consuming SigningPermit) async throws(SignerError) -> [UInt8]
}

/// Why a signature was not made (issuers §5.1).
package enum SignerError: Error, Hashable, Sendable, CustomStringConvertible {
    case keyNotFound(String)
    case permission(String)
    /// Worth a retry later.
    case transient(String)
    case unsupported(String)

    package var description: String {
        switch self {
        case .keyNotFound(let reason): "signing key not found: \(reason)"
        case .permission(let reason): "signing key may not be used: \(reason)"
        case .transient(let reason): "signing failed for now: \(reason)"
        case .unsupported(let reason): "signing is not possible: \(reason)"
        }
    }
}
