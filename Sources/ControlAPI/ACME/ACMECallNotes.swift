import Domain
import Lifecycle
import Store
import Synchronization
import Telemetry

/// What a request to the ACME server turned out to be about, for its access line (operations §11).
final class ACMECallNotes: Sendable {
    private struct Facts {
        var profile: ProfileID?
        var account: ACMEAccountID?
        var order: ACMEOrderID?
        var certificate: CertificateID?
    }

    private let facts = Mutex(Facts())

    func note(profile: ProfileID) { facts.withLock { $0.profile = profile } }

    /// Who signed the request: an account is noted once that is verified, and no sooner.
    func note(account: ACMEAccountID) { facts.withLock { $0.account = account } }

    /// The order that the client names, which need not be there, and need not be its own.
    func note(order: ACMEOrderID) { facts.withLock { $0.order = order } }

    func note(_ order: ACMEOrder) {
        facts.withLock { facts in
            facts.order = order.id
            facts.certificate = order.certificateID
        }
    }

    var fields: [LogField] {
        let facts = facts.withLock { $0 }
        var fields: [LogField] = []
        if let account = facts.account {
            let actor = ACMEActor.account(account)
            fields += [LogField("actor_id", actor.id), LogField("actor_type", actor.type.rawValue)]
        }
        if let profile = facts.profile { fields.append(.profile(profile)) }
        if let order = facts.order { fields.append(.acmeOrder(order)) }
        if let certificate = facts.certificate { fields.append(.certificate(certificate)) }
        return fields
    }
}
