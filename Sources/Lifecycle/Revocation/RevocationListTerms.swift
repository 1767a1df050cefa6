import Domain
import Encoding
package import Store

/// How long the lists of an authority are good and how often they are made anew, where that is not what the settings say
/// (protocol-servers §5.2): by the CA, else by its issuer.
package struct RevocationListTerms: Hashable, Sendable {
    package let validity: Duration?
    package let interval: Duration?

    package init(of issuer: Issuer, _ node: IntermediateCA?) {
        func configured(_ name: String, _ bounds: ClosedRange<Int>) -> Int? {
            let seconds = issuer.config.objectValue?[name]?.integerValue.map { Int($0) }
            return seconds.flatMap { bounds.contains($0) ? $0 : nil }
        }
        let validity = node?.listValiditySeconds ?? configured("crl_validity_seconds", RevocationListBounds.validities)
        let interval = node?.listIntervalSeconds ?? configured("crl_interval_seconds", RevocationListBounds.intervals)
        self.validity = validity.map { .seconds($0) }
        self.interval = interval.map { .seconds($0) }
    }

    /// What is wrong with terms that somebody gives; 0 of an issuer's says nothing.
    static func check(validity: Int?, interval: Int?, _ problems: inout FieldProblems) {
        if let validity { problems.checkRange(validity, at: "/crl_validity_seconds", RevocationListBounds.validities) }
        if let interval { problems.checkRange(interval, at: "/crl_interval_seconds", RevocationListBounds.intervals) }
        guard let validity, let interval, validity < 2 * interval else { return }
        problems.add(
            "/crl_validity_seconds", "conflict",
            "is less than twice crl_interval_seconds: a list could end before the next is there")
    }
}

extension RevocationListPlan {
    /// The plan for an authority. Whatever was said of each, a list is replaced when half of its validity is over.
    func following(_ terms: RevocationListTerms) -> RevocationListPlan {
        var plan = self
        plan.validity = terms.validity ?? validity
        plan.interval = min(terms.interval ?? interval, plan.validity / 2)
        return plan
    }
}
