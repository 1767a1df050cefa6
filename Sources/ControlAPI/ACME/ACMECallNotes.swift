import Domain
import Lifecycle
import Store
import Synchronization
import Telemetry

/// What a request to the ACME server turned out to be about, for its access line (operations §11).
final class ACMECallNotes: Sendable {
    private struct Facts {
        var profile: ProfileID?
        var actor: Actor?
        var order: ACMEOrderID?
        var certificate: CertificateID?
        var serial: String?
    }

    private let facts = Mutex(Facts())

    func note(profile: ProfileID) { facts.withLock { $0.profile = profile } }

    /// Who signed the request: an account is noted once that is verified, and no sooner.
    func note(account: ACMEAccountID) { facts.withLock { $0.actor = ACMEActor.account(account) } }

    /// The order that the client names, which need not be there, and need not be its own.
    func note(order: ACMEOrderID) { facts.withLock { $0.order = order } }

    func note(_ order: ACMEOrder) {
        facts.withLock { facts in
            facts.order = order.id
            facts.certificate = order.certificateID
        }
    }

    /// What was downloaded: its serial number, in lower-case hexadecimal.
    func note(serial: String) { facts.withLock { $0.serial = serial } }

    /// What was revoked.
    ///
    /// - `byItsKey`: Whether the holder of its key did that, who need not have an account.
    func note(revoked version: CertificateVersion, byItsKey: Bool) {
        facts.withLock { facts in
            facts.certificate = version.certificateID
            facts.serial = version.serialNumber
            if byItsKey { facts.actor = ACMEActor.certificateKey(version.serialNumber) }
        }
    }

    var fields: [LogField] {
        let facts = facts.withLock { $0 }
        var fields: [LogField] = []
        if let actor = facts.actor {
            fields += [LogField("actor_id", actor.id), LogField("actor_type", actor.type.rawValue)]
        }
        if let profile = facts.profile { fields.append(.profile(profile)) }
        if let order = facts.order { fields.append(.acmeOrder(order)) }
        if let certificate = facts.certificate { fields.append(.certificate(certificate)) }
        if let serial = facts.serial { fields.append(LogField("serial", serial)) }
        return fields
    }
}
