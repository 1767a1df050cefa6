import Domain
import PKI

/// One kind of certificate that a key may sign, by the operator of the signer. Whatever it leaves out is not limited.
struct CertificateProfile: Hashable, Sendable {
    let name: String
    /// From the first to the last moment of validity; also how far ahead of the signer's clock the end may be.
    var longestValidity: Duration?
    /// The names that a certificate may have; those that an authority may certify, which its certificate has to say.
    var names: NameConstraints?
    /// The purposes that may be written into it. One that says none is for all of them, and is refused.
    var purposes: Set<OID>?
    /// Of authorities: the most authorities that may follow.
    var longestPath: Int?

    init(name: String) { self.name = name }

    /// The first rule that a certificate breaks; `nil` when it fits.
    func violation(by certificate: X509Certificate, at now: Timestamp) -> RuleViolation? {
        if let longestValidity {
            let limit = ValidityLimit(longest: longestValidity)
            if let reason = limit.violation(from: certificate.notBefore, to: certificate.notAfter, at: now) {
                return RuleViolation(.maxValidity, reason)
            }
        }
        if let names {
            let found =
                isAuthority(certificate)
                ? names.closedViolation(byAuthority: certificate) : names.closedViolation(by: certificate)
            if let found { return RuleViolation(.names, "it may not name: \(found)") }
        }
        if let purposes {
            let written = certificate.extendedKeyUsages
            guard !written.isEmpty else {
                return RuleViolation(.extendedKeyUsages, "it names no purpose, so it would be for all of them")
            }
            if let strange = written.first(where: { !purposes.contains($0) }) {
                return RuleViolation(.extendedKeyUsages, "the purpose \(Self.name(of: strange)) is not allowed")
            }
        }
        if let longestPath {
            let length = certificate.extensions.basicConstraints?.pathLenConstraint
            guard let length, length <= longestPath else {
                let said = length.map { "the path length \($0)" } ?? "no path length"
                return RuleViolation(.maxPathLength, "it has \(said), and \(longestPath) is the most")
            }
        }
        return nil
    }

    private func isAuthority(_ certificate: X509Certificate) -> Bool {
        certificate.isCA || certificate.keyUsage?.contains(.keyCertSign) == true
    }

    private static func name(of purpose: OID) -> String {
        ExtendedKeyUsage(oid: purpose)?.rawValue ?? purpose.description
    }
}

/// How long something may be relied on.
///
/// The end is held to the signer's clock too: otherwise whoever controls the server has things signed now that begin years
/// from now, when it has long lost control.
struct ValidityLimit: Hashable, Sendable {
    let longest: Duration

    /// How far the clocks of server and signer may differ.
    static let tolerance = Duration.minutes(5)

    /// `nil` when it is within the limit. The last second counts as valid (RFC 5280 §4.1.2.5).
    func violation(from start: Timestamp, to end: Timestamp, at now: Timestamp) -> String? {
        let period = end - start + .seconds(1)
        guard period <= longest else {
            return "it lasts \(Self.text(period)), and \(Self.text(longest)) are the most"
        }
        guard end <= now + longest + Self.tolerance else {
            return "it ends at \(end.rfc3339), which is more than \(Self.text(longest)) after the signer's clock"
        }
        return nil
    }

    static func text(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        return seconds.isMultiple(of: 86_400) ? "\(seconds / 86_400)d" : "\(seconds)s"
    }
}

/// A rule that something breaks, and how.
struct RuleViolation: Hashable, Sendable {
    let rule: SigningRule
    let reason: String

    init(_ rule: SigningRule, _ reason: String) {
        self.rule = rule
        self.reason = reason
    }
}
