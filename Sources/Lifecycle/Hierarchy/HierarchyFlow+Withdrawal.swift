package import Domain
import Encoding
import Query
package import Store

// A further certificate of a CA ends before its time: one by another parent that clients should trust no more, or the one
// before a renewal.
extension HierarchyFlow {
    /// A further certificate that was withdrawn.
    package struct Withdrawal: Sendable {
        package let certificate: CACertificate
        /// On whose revocation list it is; `nil` when whoever signed it has the key elsewhere.
        package let listedBy: AuthorityID?
    }

    /// Takes a further certificate out of the chains of what is issued from now on. One that was signed here is revoked by
    /// whoever signed it, in the same transaction.
    ///
    /// - Throws: 404 for a certificate that is not of the CA; 409 when it is withdrawn or over, or when the last list of whoever
    ///   signed it stands; 422 for a reason that is not about the certificate alone.
    package func withdraw(
        _ certificateID: CACertificateID, of id: AuthorityID, _ reason: RevocationReason, note: String?,
        by author: Authorship
    ) async throws -> Withdrawal {
        try Self.check(reason)
        let done = try await context.write { [context, store] tx in
            let node = try visible(id, author, in: tx)
            let certificates = CACertificateStore()
            let known = try certificates.get(certificateID, of: id, in: tx)
            let parent = try known.parentID.map { try visible($0, author, in: tx) }
            for issuer in Set([node.issuerID, parent?.issuerID].compactMap { $0 }).sorted() {
                try store.beginChange(of: issuer, in: tx)
            }
            guard known.notAfter > tx.now else {
                throw ServiceError(.invalidState, "the certificate ended at \(known.notAfter.rfc3339)")
            }
            let listing = try parent.flatMap { try Self.listing(try store.lock($0.id, in: tx)) }
            guard let withdrawn = try certificates.withdraw(certificateID, reason, in: tx) else {
                throw ServiceError(.invalidState, "the certificate \(certificateID.text) is withdrawn already")
            }
            if let listing {
                try list(
                    known.serialNumber, until: known.notAfter, spkiSHA256: node.spkiSHA256, on: listing, reason,
                    by: author,
                    in: tx)
            }
            var details: JSONObject = [
                "certificate_id": .string(certificateID.text), "issuer": .string(known.issuerSubject),
                "serial_number": .string(known.serialNumber), "reason": .string(reason.rawValue),
            ]
            details["parent_ca_id"] = known.parentID.map { .string($0.text) }
            details["listed_by"] = listing.map { .string($0.id.text) }
            details["note"] = note.map { .string($0) }
            try context.recorder.record(.crossWithdrawn, id.text, details: details, by: author, in: tx)
            return (node.issuerID, Withdrawal(certificate: withdrawn, listedBy: listing?.id))
        }
        context.observers.hierarchyChanged(done.0, .withdrawn)
        return done.1
    }

    /// Puts a certificate of a CA on the list of whoever signed it, and into its answers; on record alone where the key of that
    /// one is elsewhere.
    func list(
        _ serialNumber: String, until notAfter: Timestamp, spkiSHA256: String, on parent: IntermediateCA,
        _ reason: RevocationReason, since invalidityDate: Timestamp? = nil, by author: Authorship,
        in tx: any Transaction
    ) throws {
        var revocation = NewRevocation(
            id: context.newID(), issuerID: parent.issuerID, authorityID: parent.id, serialNumber: serialNumber,
            notAfter: notAfter, reason: reason, revokedBy: author.actor.id)
        revocation.isCA = true
        revocation.spkiSHA256 = spkiSHA256
        revocation.invalidityDate = invalidityDate
        let (revoked, isNew) = try RevocationStore().revoke(revocation, in: tx)
        if isNew { for observer in revocationObservers { try observer.changed(revoked, tx) } }
    }

    /// Whoever signed a certificate, when its lists are made here.
    static func listing(_ parent: IntermediateCA) throws(ServiceError) -> IntermediateCA? {
        guard parent.keyReference != nil else { return nil }
        guard parent.state.keepsRevocations, parent.hasKey else {
            throw ServiceError(
                .invalidState,
                "the CA \(parent.name) (\(parent.id.text)), which signed it, is \(parent.state.rawValue): its last list stands"
            )
        }
        return parent
    }

    private static func check(_ reason: RevocationReason) throws(ServiceError) {
        switch reason {
        case .unspecified, .affiliationChanged, .superseded, .cessationOfOperation, .privilegeWithdrawn: return
        case .certificateHold, .removeFromCRL:
            throw invalid("/reason", "not_final", "a certificate of a CA is withdrawn for good")
        case .keyCompromise, .caCompromise, .aaCompromise:
            throw ServiceError(
                .unprocessable,
                "\(reason.rawValue) is about the key, which all certificates of the CA share: revoke the CA as a whole, with "
                    + "certctl intermediates revoke")
        }
    }
}
