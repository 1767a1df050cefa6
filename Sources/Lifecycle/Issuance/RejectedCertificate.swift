import ConnectorKit
import Domain
import Encoding
import PKI
import Query
import Store

/// A certificate that an issuer handed out and that is not what was ordered: nobody gets it, and whoever trusts the issuer
/// should not trust it either (specification, issuers §2.8).
struct RejectedCertificate: Sendable {
    let issued: IssuedCertificate
    let intent: IssuanceIntent
    let faults: [String]

    /// The evidence: with the order, and in the audit trail.
    func keep(_ context: LifecycleContext, in tx: any Transaction) throws {
        let leaf = issued.leaf.pem
        let upstream = issued.upstream.map {
            NewVersion.UpstreamName(
                id: $0.reference, reference: (try? JSONValue(parsing: $0.state)) ?? .object([:]))
        }
        try OrderStore().keepRejected(leaf, upstream, of: intent.order, in: tx)
        try context.recorder.record(
            .issuanceResultRejected, intent.subject.certificate.id.text,
            details: [
                "order_id": .string(intent.order.text), "faults": JSONValue(faults), "certificate_pem": .string(leaf),
            ],
            by: intent.author, in: tx)
    }

    /// Revokes it as superseded when the issuer is configured so: an authority of ours lists it, any other is told.
    ///
    /// What is somebody's certificate already stays good: an issuer that answered with an old one has not issued another.
    func revoke(_ context: LifecycleContext, in tx: any Transaction) throws {
        let (leaf, subject) = (issued.leaf, intent.subject)
        let serial = leaf.serialNumber.hex
        guard subject.revokesMismatches, leaf.notAfter > tx.now, try !isKnown(serial, in: tx) else { return }
        var new = NewRevocation(
            id: context.newID(), issuerID: subject.issuerID,
            authorityID: intent.authority ?? AuthorityID(soleOf: subject.issuerID), serialNumber: serial,
            notAfter: leaf.notAfter, reason: .superseded, revokedBy: Authorship.system.actor.id)
        new.spkiSHA256 = leaf.subjectPublicKey.spkiSHA256
        new.orderID = intent.order
        new.notifyAt = subject.issuerType == .genericCA ? nil : tx.now
        let (revocation, isNew) = try RevocationStore().revoke(new, in: tx)
        guard isNew else { return }
        try context.recorder.record(
            .serialRevoked, revocation.id.text,
            details: [
                "serials": [.string(serial)], "issuer_id": .string(subject.issuerID.text),
                "reason": .string(revocation.reason.rawValue), "order_id": .string(intent.order.text),
                "certificate_id": .string(subject.certificate.id.text),
            ],
            by: .system, in: tx)
    }

    private func isKnown(_ serial: String, in tx: any Transaction) throws -> Bool {
        let issuer = intent.subject.issuerID
        if try VersionStore().find(issuer: issuer, serial: serial, in: tx) != nil { return true }
        if try VersionStore().find(fingerprint: issued.leaf.fingerprintSHA256, in: tx) != nil { return true }
        if try IntermediateCAStore().find(issuer: issuer, serial: serial, in: tx) != nil { return true }
        return try AdoptedCertificateStore().all(issuer: issuer, serial: serial, in: tx)
            .contains { $0.authorityID == intent.authority }
    }
}

/// The issuer gave a serial number a second time (RFC 5280 §4.1.2.2): list and OCSP could not tell the two apart.
struct RepeatedSerial: Error {
    let fault: String

    /// Throws when a version of the issuer has the number already.
    static func check(_ leaf: X509Certificate, of issuer: IssuerID, in tx: any Transaction) throws {
        guard let known = try VersionStore().find(issuer: issuer, serial: leaf.serialNumber.hex, in: tx) else { return }
        throw RepeatedSerial(
            fault: "the serial number \(leaf.serialNumber) was given before, to \(known.certificateID.text) "
                + "(version \(known.id.text))")
    }
}
