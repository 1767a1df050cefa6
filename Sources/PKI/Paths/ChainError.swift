package import Domain

/// Why no path was accepted, and at which certificate.
package struct ChainError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: PathFault
    /// Subject of the certificate at fault, else its first alternative name.
    package let subject: String
    /// What exactly is wrong with it, when the reason leaves that open.
    package let detail: String?

    init(_ reason: PathFault, _ certificate: X509Certificate, _ detail: String? = nil) {
        self.reason = reason
        let name = certificate.subject.description
        subject = name.isEmpty ? certificate.subjectAltNames.first?.description ?? "(empty subject)" : name
        self.detail = detail
    }

    package var description: String {
        let what =
            switch reason {
            case .expired: "has expired"
            case .untrusted: "does not lead to a trusted root"
            case .revoked: "is revoked"
            case .notYetValid: "is not valid yet"
            case .badSignature: "is not signed by the certificate above it"
            case .weakAlgorithm: "is signed with an algorithm that is not accepted"
            case .notAuthority: "is not a certificate authority that may sign certificates"
            case .nameConstraint: "has a name that a certificate authority above it forbids"
            case .pathLength: "exceeds a path length limit"
            case .policy: "is not valid under any acceptable certificate policy"
            case .wrongPurpose: "may not be used for this purpose"
            case .unknownCriticalExtension: "has a critical extension that is not understood"
            case .revocationUnknown: "cannot be checked for revocation"
            case .tooComplex: "has too many possible paths"
            }
        return "certificate \(subject) \(what)" + (detail.map { ": \($0)" } ?? "")
    }
}
