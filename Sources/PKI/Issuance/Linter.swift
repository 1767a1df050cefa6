package import Domain

/// A certificate that was not signed because it would break the rules.
package struct LintFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let findings: [LintFinding]

    package var description: String {
        "certificate not signed: " + findings.map(\.description).joined(separator: "; ")
    }
}

/// Checks a certificate before it is signed, on the encoded octets as a relying party will read them; and what other
/// authorities issued, of which nothing can be refused any more.
package struct Linter: Sendable {
    package let severities: LintSeverities
    /// What nothing is signed for, nor with.
    package let algorithms: AlgorithmPolicy

    package init(
        _ severities: LintSeverities = LintSeverities(), algorithms: AlgorithmPolicy = AlgorithmPolicy()
    ) {
        self.severities = severities
        self.algorithms = algorithms
    }

    /// Everything found that is not switched off, in the order of the rules.
    ///
    /// - `issuer`: `nil` for a self-signed certificate, which is then its own issuer.
    package func findings(in tbs: TBSCertificate, issuer: X509Certificate?) -> [LintFinding] {
        do {
            let certificate = try X509Certificate(der: tbs.certificateDER(signature: [0]))
            return findings(
                LintInspection(
                    certificate: certificate, issuer: issuer ?? certificate, isOurs: true, algorithms: algorithms))
        } catch {
            return [LintFinding(rule: .encoding, severity: .error, message: error.description)]
        }
    }

    /// The same for a certificate that is there.
    ///
    /// - `issuer`: `nil` when it is not known: what only shows beside it is not looked for.
    /// - `isOurs`: Whether an authority of this server signed it.
    package func findings(
        in certificate: X509Certificate, issuer: X509Certificate?, isOurs: Bool
    ) -> [LintFinding] {
        findings(
            LintInspection(certificate: certificate, issuer: issuer, isOurs: isOurs, algorithms: algorithms))
    }

    private func findings(_ inspection: LintInspection) -> [LintFinding] {
        LintRule.allCases.compactMap { rule in
            let severity = severities[rule]
            guard severity != .off, let message = inspection.problem(with: rule) else { return nil }
            return LintFinding(rule: rule, severity: severity, message: message)
        }
    }
}
