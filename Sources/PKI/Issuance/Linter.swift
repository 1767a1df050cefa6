import Domain

package enum LintSeverity: String, Sendable {
    case ignore, warning, error
}

/// What the linter looks at, one case per rule of RFC 5280 (or the document named).
package enum LintRule: String, Sendable, CaseIterable {
    case encoding = "encoding"
    case serialNumber = "serial_number"
    case issuerName = "issuer_name"
    case signatureAlgorithm = "signature_algorithm"
    case validityEncoding = "validity_encoding"
    case validityOrder = "validity_order"
    case validityWithinIssuer = "validity_within_issuer"
    case basicConstraints = "basic_constraints"
    case keyUsage = "key_usage"
    case keyUsageForKeyType = "key_usage_for_key_type"
    case extendedKeyUsage = "extended_key_usage"
    case subjectAltName = "subject_alt_name"
    case subjectAltNameCriticality = "subject_alt_name_criticality"
    case commonNameAmongNames = "common_name_among_names"
    case subjectKeyIdentifier = "subject_key_identifier"
    case authorityKeyIdentifier = "authority_key_identifier"
    case unexpectedExtension = "unexpected_extension"
    case locations = "locations"
    case nameConstraints = "name_constraints"
    case keyReuse = "key_reuse"
    /// A responder of OCSP is that and nothing else, and only it bears ocsp-nocheck (RFC 6960 §4.2.2.2).
    case ocspResponder = "ocsp_responder"
    /// Must-staple without an OCSP address: the web server finds nobody to ask for the staple.
    case mustStapleWithoutResponder = "must_staple_without_responder"
}

package struct LintFinding: Hashable, Sendable, CustomStringConvertible {
    package let rule: LintRule
    package let severity: LintSeverity
    package let message: String

    package var description: String { "\(rule.rawValue): \(message)" }
}

/// A certificate that was not signed because it would break the rules.
package struct LintFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let findings: [LintFinding]

    package var description: String {
        "certificate not signed: " + findings.map(\.description).joined(separator: "; ")
    }
}

/// Checks a certificate before it is signed, on the encoded octets as a relying party will read them.
package struct Linter: Sendable {
    /// Severities that differ from the default: `error`, but `warning` for ``LintRule/mustStapleWithoutResponder``.
    private let severities: [LintRule: LintSeverity]

    package init(severities: [LintRule: LintSeverity] = [:]) {
        self.severities = [.mustStapleWithoutResponder: .warning].merging(severities) { _, chosen in chosen }
    }

    /// Everything found that is not ignored, in the order of the rules.
    package func findings(in tbs: TBSCertificate, issuer: X509Certificate?) -> [LintFinding] {
        let certificate: X509Certificate
        do {
            certificate = try X509Certificate(der: tbs.certificateDER(signature: [0]))
        } catch {
            return [LintFinding(rule: .encoding, severity: .error, message: error.description)]
        }
        let inspection = LintInspection(certificate: certificate, issuer: issuer ?? certificate)
        return LintRule.allCases.compactMap { rule in
            let severity = severities[rule] ?? .error
            guard severity != .ignore, let message = inspection.problem(with: rule) else { return nil }
            return LintFinding(rule: rule, severity: severity, message: message)
        }
    }
}
