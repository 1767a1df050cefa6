package import Domain
import Encoding
import Store

/// What a proof of control is looked for by.
package struct ACMEAttempt: Hashable, Sendable {
    package let type: ACMEChallengeType
    /// Without `*.`.
    package let name: ACMEName
    package let isWildcard: Bool
    package let token: String
    /// Of the key of the account (RFC 7638).
    package let thumbprint: String
    /// The account as the client calls it.
    package let accountURL: String

    init(_ job: ACMEValidationJob) {
        type = job.challenge.type
        name = job.identifier
        isWildcard = job.isWildcard
        token = job.challenge.token
        thumbprint = job.thumbprint
        accountURL = job.challenge.accountURL ?? ""
    }
}

/// Why an attempt found no proof.
package struct ACMEFault: Error, Hashable, Sendable {
    package let kind: ACMEProblem.Kind
    /// For the client.
    package let detail: String
    /// Whether another attempt may find one.
    package let isTransient: Bool
    /// What it consists of, when several looked.
    package let parts: [Part]

    package struct Part: Hashable, Sendable {
        package let kind: ACMEProblem.Kind
        /// For the client.
        package let detail: String

        init(_ kind: ACMEProblem.Kind, _ detail: String) {
            self.kind = kind
            self.detail = detail
        }
    }

    package init(_ kind: ACMEProblem.Kind, _ detail: String, isTransient: Bool, parts: [Part] = []) {
        self.kind = kind
        self.detail = detail
        self.isTransient = isTransient
        self.parts = parts
    }

    /// The fault itself, and what it consists of.
    var all: [Part] { [Part(kind, detail)] + parts }

    /// What an account did not prove is forbidden, not unauthenticated.
    var problem: ACMEProblem { ACMEProblem(kind, detail, status: kind == .unauthorized ? 403 : nil) }
}

/// Looks once for a proof, and takes no longer than the given time.
package typealias ACMEValidator = @Sendable (ACMEAttempt, Duration) async throws(ACMEFault) -> Void

/// What CAA records are asked about.
package struct ACMECAAQuestion: Hashable, Sendable {
    /// Without `*.`.
    package let name: ACMEName
    package let isWildcard: Bool
    /// How control of the name was proved; `nil` when it was not.
    package let method: ACMEChallengeType?
    package let accountID: ACMEAccountID
    package let profileID: ProfileID
}

/// Throws when CAA records forbid the certificate, or can't be known. Takes no longer than
/// ``ACMEValidationPool/longestCAACheck``.
package typealias ACMECAACheck = @Sendable (ACMECAAQuestion) async throws(ACMEFault) -> Void

/// When a challenge is tried again (protocol-servers §2.8; RFC 8555 §8.2).
enum ACMERetrySchedule {
    /// After the answer.
    static let offsets: [Duration] = [.zero, .seconds(2), .seconds(5), .seconds(10), .seconds(20)]
    private static let shortestPause = Duration.seconds(1)

    /// The time of the next attempt after `attempts`; `nil` when there is none, because it would begin after the
    /// `window` that an answer opens.
    static func next(
        after attempts: Int, answeredAt: Timestamp, now: Timestamp, within window: Duration
    ) -> Timestamp? {
        guard attempts < offsets.count else { return nil }
        let next = max(answeredAt + offsets[attempts], now + shortestPause)
        return next < answeredAt + window ? next : nil
    }
}

/// How an attempt came out, for metrics.
package enum ACMEValidationResult: String, Sendable, CaseIterable {
    case valid, invalid, retried
}
