package import Domain
import Encoding
import Query
package import Store

// A whole CA is revoked by whoever signed it: its parent, and every other that gave it a further certificate
// (protocol-servers §6.1).
extension HierarchyFlow {
    /// What the revocation of a CA did, or would do.
    package struct Revocation: Sendable {
        /// As it is afterwards, or would be.
        package let node: IntermediateCA
        package let reason: RevocationReason
        /// CAs below it that have a certificate and have not ended.
        package let authorities: Int
        /// Identifiers of CAs below it that waited for a certificate; they are given up, with their keys.
        package let discarded: [AuthorityID]
        /// Certificates of it and of those below that are neither expired nor revoked for good.
        package let certificates: Int
        /// Certificates whose renewal became due.
        package let renewals: Int
        /// Orders without an outcome at it and at those below.
        package let orders: Int
        /// CAs of the tree that go on issuing.
        package let successors: Int
        /// On whose revocation lists its certificates are.
        package let listedBy: [AuthorityID]
        /// Names of those who signed for it with a key that is elsewhere, and have to revoke it there.
        package let elsewhere: [String]
    }

    /// Revokes every certificate of a CA, for good. Nothing is signed by it or below it from then on, and what was signed
    /// becomes due for renewal by others. CAs below it that are pending would never be certified, and are given up.
    ///
    /// Where whoever signed it has the key elsewhere, the revocation is on record all the same: after a compromise the key is
    /// refused everywhere.
    ///
    /// - `invalidityDate`: Since when its key is believed to be in other hands (RFC 5280 §5.3.2).
    /// - `isRehearsed`: Tells what would happen, and changes nothing.
    /// - Throws: 400 for a reason that is not final, or a date in the future; 409 for a CA that is pending, over or revoked already, or when the last
    ///   list of whoever signed it stands; 422 for a root.
    package func revoke(
        _ id: AuthorityID, _ reason: RevocationReason, since invalidityDate: Timestamp? = nil, note: String?,
        isRehearsed: Bool, by author: Authorship
    ) async throws -> Revocation {
        guard reason.endsAuthority else {
            throw Self.invalid("/reason", "not_final", "a CA is revoked for good, and for a reason of its own")
        }
        let (done, keysLeft) = try await context.write(rehearsing: isRehearsed) { [context, store] tx in
            if let invalidityDate, invalidityDate > tx.now {
                throw Self.invalid("/invalidity_date", "invalid_value", "must not lie in the future")
            }
            let seen = try RevocationPlan(of: id, by: author, self, in: tx)
            for issuer in seen.issuers { try store.beginChange(of: issuer, in: tx) }
            try store.lock(seen.authorities, in: tx)
            let plan = try RevocationPlan(of: id, by: author, self, in: tx)
            guard plan.issuers == seen.issuers, plan.authorities == seen.authorities else {
                throw ServiceError(
                    .invalidState,
                    "the CA \(plan.node.name) (\(id.text)), or one below it, was changed at the same time; try again")
            }
            let witness = try StateChange(of: .intermediateCAs, id.text, in: tx)
            let revoked = try store.revoke(id, reason, in: tx)
            for entry in plan.entries {
                if let further = entry.further { _ = try CACertificateStore().withdraw(further, reason, in: tx) }
                guard let signer = entry.signer else { continue }
                try list(
                    entry.serialNumber, until: entry.notAfter, spkiSHA256: revoked.spkiSHA256, on: signer, reason,
                    since: invalidityDate, by: author, in: tx)
            }
            var keysLeft: [IntermediateCA] = []
            for pending in plan.pending {
                let isKeyGone = try giveUp(pending, by: author, in: tx)
                if !isKeyGone { keysLeft.append(pending) }
            }
            let renewals = try plan.subtree.map { try store.hurryRenewals(of: $0.id, in: tx) }.reduce(0, +)
            let outcome = try plan.outcome(revoked, reason, renewals: renewals, in: tx)
            var details = Self.details(outcome, plan, note)
            details["invalidity_date"] = invalidityDate.map { .string($0.rfc3339) }
            try context.recorder.record(.nodeRevoked, id.text, details: details, change: witness, by: author, in: tx)
            return (outcome, keysLeft)
        }
        guard !isRehearsed else { return done }
        context.observers.hierarchyChanged(done.node.issuerID, .revoked)
        for pending in keysLeft { try await destroyKey(of: pending) }
        for _ in done.discarded { context.observers.hierarchyChanged(done.node.issuerID, .discarded) }
        return done
    }

    private static func details(_ outcome: Revocation, _ plan: RevocationPlan, _ note: String?) -> JSONObject {
        var details: JSONObject = [
            "issuer_id": .string(outcome.node.issuerID.text), "name": .string(outcome.node.name),
            "reason": .string(outcome.reason.rawValue), "spki_sha256": .string(outcome.node.spkiSHA256),
            "serial_numbers": JSONValue(plan.entries.map(\.serialNumber)),
            "authorities": JSONValue(outcome.authorities), "certificates": JSONValue(outcome.certificates),
            "renewals": JSONValue(outcome.renewals), "listed_by": JSONValue(outcome.listedBy.map(\.text)),
            "signed_elsewhere_by": JSONValue(outcome.elsewhere), "discarded": JSONValue(outcome.discarded.map(\.text)),
        ]
        details["note"] = note.map { .string($0) }
        return details
    }
}

/// What the revocation of a CA is about, as it is in a transaction.
private struct RevocationPlan {
    /// A certificate of the CA that is not over.
    struct Entry {
        let serialNumber: String
        let notAfter: Timestamp
        /// `nil` for the one in the row of the CA.
        let further: CACertificateID?
        /// Whose list it goes on; `nil` when that is signed elsewhere.
        let listing: IntermediateCA?
        /// Whoever signed it, if that is a CA of a tree.
        let signer: IntermediateCA?
        let signerName: String
    }

    let node: IntermediateCA
    /// The CA, then those below it that have certificates.
    let subtree: [IntermediateCA]
    /// Those below it that wait for theirs.
    let pending: [IntermediateCA]
    let entries: [Entry]
    /// Those whose trees change.
    let issuers: [IssuerID]
    /// Whatever is to be locked.
    let authorities: [AuthorityID]

    init(of id: AuthorityID, by author: Authorship, _ flow: HierarchyFlow, in tx: any Transaction) throws {
        let node = try flow.visible(id, author, in: tx)
        switch node.state {
        case .staged, .active, .retiring, .retired: break
        case .pending:
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(id.text)) is pending and has no certificate; delete it instead")
        case .revoked: throw ServiceError(.invalidState, "the CA \(node.name) (\(id.text)) is revoked already")
        }
        guard let parentID = node.parentID, let serial = node.serialNumber, let end = node.notAfter else {
            throw ServiceError(
                .unprocessable,
                "the CA \(node.name) (\(id.text)) is a root, which nobody can revoke: retire it, and have clients trust it no "
                    + "more")
        }
        let parent = try flow.visible(parentID, author, in: tx)
        var (entries, signers): ([Entry], [IntermediateCA]) = ([], [])
        func add(_ serial: String, _ end: Timestamp, _ further: CACertificate?, by signer: IntermediateCA?) throws {
            guard end > tx.now else { return }
            if let signer { signers.append(signer) }
            entries.append(
                Entry(
                    serialNumber: serial, notAfter: end, further: further?.id,
                    listing: try signer.flatMap { try HierarchyFlow.listing($0) },
                    signer: signer, signerName: signer?.subject ?? further?.issuerSubject ?? ""))
        }
        try add(serial, end, nil, by: parent)
        for further in try CACertificateStore().all(of: id, in: tx) where further.withdrawnAt == nil {
            let signer = try further.parentID.map { try flow.visible($0, author, in: tx) }
            try add(further.serialNumber, further.notAfter, further, by: signer)
        }
        guard !entries.isEmpty else {
            throw ServiceError(
                .invalidState, "the certificate of the CA \(node.name) (\(id.text)) ended at \(end.rfc3339)")
        }
        self.node = node
        self.entries = entries
        let below = try flow.store.subtree(of: id, in: tx)
        subtree = below.filter { $0.state != .pending }
        pending = below.filter { $0.state == .pending }
        issuers = Set([node.issuerID] + signers.map(\.issuerID)).sorted()
        authorities = Set(below.map(\.id) + signers.map(\.id)).sorted()
    }

    func outcome(
        _ node: IntermediateCA, _ reason: RevocationReason, renewals: Int, in tx: any Transaction
    ) throws -> HierarchyFlow.Revocation {
        let store = IntermediateCAStore()
        let drains = try subtree.map { try store.drain(of: $0.id, in: tx) }
        let lost = Set(subtree.map(\.id))
        return HierarchyFlow.Revocation(
            node: node, reason: reason, authorities: subtree.dropFirst().count { !$0.state.isFinal },
            discarded: pending.map(\.id), certificates: drains.map(\.leaves).reduce(0, +), renewals: renewals,
            orders: drains.map(\.orders).reduce(0, +),
            successors: try store.issuing(for: node.issuerID, in: tx).count { !lost.contains($0.id) },
            listedBy: Set(entries.compactMap(\.listing?.id)).sorted(),
            elsewhere: Set(entries.filter { $0.listing == nil }.map(\.signerName)).sorted())
    }
}

extension RevocationReason {
    /// Whether a CA can be revoked for it.
    fileprivate var endsAuthority: Bool {
        switch self {
        case .unspecified, .keyCompromise, .caCompromise, .affiliationChanged, .superseded, .cessationOfOperation,
            .privilegeWithdrawn:
            true
        case .certificateHold, .removeFromCRL, .aaCompromise: false
        }
    }
}
