import Domain
import Encoding
import PKI

/// What a key of a signer may be used for: `<name>.policy.json` beside `<name>.key`, written by the signer and changed by its
/// operator.
struct KeyPolicy: Hashable, Sendable {
    let purposes: SigningPurposes
    /// `nil`: as many as come.
    let signaturesPerMinute: Int?
    /// Of which a certificate has to fit one whole. `nil`: certificates of this kind are not limited.
    var leafProfiles: [CertificateProfile]?
    var authorityProfiles: [CertificateProfile]?
    /// How long a list, or an answer, may be relied on.
    var listLimit: ValidityLimit?
    var answerLimit: ValidityLimit?

    static let mostPerMinute = 1_000_000
    /// That of a key without a policy: an authority, which signs certificates and lists.
    static let unwritten = KeyPolicy(purposes: .authority, signaturesPerMinute: nil)

    init(purposes: SigningPurposes, signaturesPerMinute: Int?) {
        self.purposes = purposes
        self.signaturesPerMinute = signaturesPerMinute
    }

    /// The first rule that a structure breaks; `nil` when all allow it.
    func violation(by structure: ReceivedStructure, for purpose: SigningPurpose, at now: Timestamp) -> RuleViolation? {
        switch structure {
        case .certificate(let certificate):
            return violation(
                by: certificate, of: purpose == .ca ? authorityProfiles : leafProfiles, purpose, at: now)
        case .list(let updates): return Self.violation(by: updates, of: listLimit, at: now)
        case .answer(let updates): return Self.violation(by: updates, of: answerLimit, at: now)
        case .request, .test: return nil
        }
    }

    private func violation(
        by certificate: X509Certificate, of profiles: [CertificateProfile]?, _ purpose: SigningPurpose,
        at now: Timestamp
    ) -> RuleViolation? {
        guard let profiles else { return nil }
        var found: [(profile: String, violation: RuleViolation)] = []
        for profile in profiles {
            guard let violation = profile.violation(by: certificate, at: now) else { return nil }
            found.append((profile.name, violation))
        }
        switch found.count {
        case 0: return RuleViolation(.profiles, "it has none for \(purpose.rawValue)")
        case 1:
            return RuleViolation(found[0].violation.rule, "profile \(found[0].profile): \(found[0].violation.reason)")
        default:
            let all = found.map { "\($0.profile) (\($0.violation.rule.rawValue)): \($0.violation.reason)" }
            return RuleViolation(.profiles, "it fits none of them: \(all.joined(separator: "; "))")
        }
    }

    private static func violation(
        by updates: ReceivedUpdates, of limit: ValidityLimit?, at now: Timestamp
    ) -> RuleViolation? {
        // nextUpdate is the first moment at which it no longer counts.
        limit?.violation(from: updates.this, to: updates.next - .seconds(1), at: now)
            .map { RuleViolation(.maxValidity, $0) }
    }

    /// As a new key gets it.
    var text: String {
        var object: JSONObject = ["purposes": JSONValue(purposes.names)]
        if let signaturesPerMinute { object["max_signatures_per_minute"] = JSONValue(signaturesPerMinute) }
        return JSONValue.object(object).canonicalText + "\n"
    }
}

/// What is wrong with a policy, as the end of the sentence "the policy …".
struct KeyPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
