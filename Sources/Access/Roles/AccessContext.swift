package import Domain
import Encoding
package import Query
import Store

/// What the flows of identities, roles and keys need.
package struct AccessContext: Sendable {
    let database: any Database
    let authenticator: Authenticator
    let time: TimeSource
    let random: RandomSource
    let escalation: EscalationGuard
    let recorder: AccessRecorder
    let grantApprovals: GrantApprovals?
    let grantGate: GrantGate

    /// - `allowsAuditorOverlap`: Whether an auditor may also hold roles that change things.
    /// - `grantApprovals`: `nil` where no grant waits for an approval.
    package init(
        database: any Database,
        authenticator: Authenticator,
        time: TimeSource,
        random: RandomSource,
        allowsAuditorOverlap: Bool = false,
        grantApprovals: GrantApprovals? = nil
    ) {
        self.database = database
        self.authenticator = authenticator
        self.time = time
        self.random = random
        escalation = EscalationGuard(allowsAuditorOverlap: allowsAuditorOverlap)
        recorder = AccessRecorder(random: random)
        self.grantApprovals = grantApprovals
        grantGate = GrantGate(grantApprovals?.rule ?? .never)
    }

    /// Runs a change of who may do what as one transaction, and lets every replica forget what it remembered.
    ///
    /// What a guard refuses is audited as `auth.escalation_blocked`, apart from the change that did not happen.
    func change<Result: Sendable>(
        _ action: String,
        _ subject: String,
        by author: Authorship,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do {
            let result = try await database.act(body)
            authenticator.invalidate()
            return result
        } catch let error as ServiceError where error.code.isEscalation {
            let details: JSONObject = [
                "action": .string(action), "code": .string(error.code.rawValue), "missing": JSONValue(error.missing),
            ]
            try await database.act { [recorder] tx in
                try recorder.record(
                    "auth.escalation_blocked", "access", subject, outcome: .denied, details: details,
                    by: author.withoutIdempotency, in: tx
                )
            }
            throw error
        }
    }
}

extension Authorship {
    /// For events about a request that had no effect: its idempotency key stays unused.
    var withoutIdempotency: Authorship {
        let bare = origin.map {
            RequestOrigin(requestID: $0.requestID, clientAddress: $0.clientAddress, channel: $0.channel)
        }
        return Authorship(actor: actor, origin: bare, clearance: clearance)
    }
}
