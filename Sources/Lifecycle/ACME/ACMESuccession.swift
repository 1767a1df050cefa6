import Domain
import Encoding
import PKI
import Query
import Store

/// Ends managed certificates whose last version was replaced (RFC 9773 §5) by a version of another managed certificate, which happens
/// while something else is under way for the old one: nobody is to wait for its renewal, or to be told of its end
/// (protocol-servers §2.12).
///
/// They are archived. What clients hold of them stays valid.
struct ACMESuccession: Sendable {
    let recorder: Recorder
    private let certificates = CertificateStore()
    private let orders = ACMEOrderStore()

    init(recorder: Recorder) { self.recorder = recorder }

    /// What the order took the place of has ended, unless something is under way for it.
    func fulfilled(_ order: ACMEOrder, by author: Authorship, in tx: any Transaction) throws {
        guard let name = order.replaces.flatMap(ACMECertificateName.init),
            let version = try ACMERenewalFlow.version(name, in: tx), version.certificateID != order.certificateID
        else { return }
        try end(version.certificateID, at: version.id, after: order, by: author, in: tx)
    }

    /// Nothing came of an order, and it may be the one that the end of its certificate waited for.
    func failed(_ order: ACMEOrder, by author: Authorship, in tx: any Transaction) throws {
        guard let id = order.certificateID, let version = try certificates.find(id, in: tx)?.currentVersionID,
            let detail = try VersionStore().find(version, in: tx),
            let leaf = try X509Certificate.bundle(pem: detail.pemChain).first,
            let name = ACMECertificateName.text(of: leaf),
            try orders.statuses(replacing: name, by: order.accountID, in: tx).contains(.valid)
        else { return }
        try end(id, at: version, after: order, by: author, in: tx)
    }

    private func end(
        _ id: CertificateID, at version: VersionID, after order: ACMEOrder, by author: Authorship,
        in tx: any Transaction
    ) throws {
        let known = try certificates.lock(id, in: tx)
        // A certificate with targets belongs to its agents, and one with a newer version lives on.
        guard known.source == .acme, known.currentVersionID == version,
            ![.revoked, .archived, .renewalInProgress].contains(known.status),
            try !orders.isBusy(id, besides: order.id, in: tx),
            try !IssuanceRecords.subject(id, in: tx).hasTargets
        else { return }
        let status = try known.status.after(.archived)
        let witness = try StateChange(of: .certificates, id.text, in: tx)
        _ = try certificates.transition(
            id, from: [known.status], to: CertificateOutcome(status: status, nextRenewalAt: .never), in: tx)
        try recorder.record(
            .certificateArchived, id.text, details: ["order_id": .string(order.id.text)], change: witness, by: author,
            in: tx)
    }
}

extension ACMECertificateName {
    /// How a client names this certificate; `nil` when the certificate does not name its authority's key.
    static func text(of leaf: X509Certificate) -> String? {
        guard let key = leaf.extensions.authorityKeyIdentifier else { return nil }
        let serial = leaf.serialNumber.magnitude
        let octets = serial.first.map { $0 >= 0x80 } == true ? [0] + serial : serial
        return "\(Base64URL.encode(key)).\(Base64URL.encode(octets))"
    }
}
