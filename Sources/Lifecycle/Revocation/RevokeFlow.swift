import ConnectorKit
package import Domain
import Encoding
import IssuerConnectors
import Query
import Store

/// Revokes certificates and ends holds (specification, domain §4.2, issuers §2.9).
///
/// One transaction changes everything that depends on the status: certificate, revocations, jobs, approvals, audit,
/// events and what observers keep. Certificates are locked before the counters of their authorities, each in order.
package struct RevokeFlow: Sendable {
    private let context: LifecycleContext
    private let observers: [RevocationObserver]
    private let selector: RevocationSelector
    private let store = RevocationStore()
    private let certificates = CertificateStore()

    /// - `reasons`: For which reasons issuers of a type revoke, `nil` when this build does not know; without it, what the
    /// connectors of this build say.
    package init(
        _ context: LifecycleContext, observers: [RevocationObserver] = [],
        reasons: (@Sendable (IssuerType) -> Set<RevocationReason>?)? = nil
    ) {
        self.context = context
        self.observers = observers
        selector = RevocationSelector(
            reasons: reasons ?? { type in (try? IssuerCatalog.capabilities(of: type))?.revocationReasons })
    }

    // MARK: Revoking

    /// Revokes; `removeFromCRL` ends a hold instead.
    ///
    /// Throws 404 for what is not there or out of reach, and 409 when nothing is left to revoke.
    package func revoke(
        _ target: RevocationTarget, _ order: RevocationOrder, by author: Authorship
    ) async throws -> RevocationResult {
        if order.reason == .removeFromCRL {
            guard order.invalidityDate == nil else {
                throw Self.invalid("/invalidity_date", "the release of a hold has no invalidity date")
            }
            return try await release(target, by: author)
        }
        return try await context.write { tx in
            if let date = order.invalidityDate, date > tx.now {
                throw Self.invalid("/invalidity_date", "must not lie in the future")
            }
            let subjects = try selector.subjects(of: target, order.reason, within: author.clearance, in: tx)
            try requireListed(subjects, in: tx)
            return try revoke(subjects, order, by: author, in: tx)
        }
    }

    /// Revokes several certificates in the transaction of the caller, each as by itself; what became of each. All of them
    /// are locked before the first counter of an authority.
    ///
    /// - `selection`: Which versions of each.
    func revoke(
        _ ids: [CertificateID], _ selection: RevocationTarget.Selection, _ order: RevocationOrder,
        by author: Authorship, in tx: any Transaction
    ) throws -> [OperationItem] {
        var items: [OperationItem] = []
        var subjects: [RevocationSubject] = []
        for id in ids.sorted() {
            do {
                let found = try selector.subjects(
                    of: .certificate(id, selection), order.reason, within: author.clearance, in: tx)
                try requireListed(found, in: tx)
                subjects += found
            } catch StoreError.notFound {
                items.append(OperationItem(id.text, .failed, "not_found"))
            } catch let error as ServiceError where error.code == .invalidState {
                items.append(OperationItem(id.text, .skipped, error.detail))
            } catch let error as ServiceError where error.code == .unprocessable {
                items.append(OperationItem(id.text, .failed, error.detail))
            }
        }
        let changed = try apply(order, to: subjects, by: author, in: tx)
        for subject in subjects {
            guard let id = subject.certificate?.id else { continue }
            let isChanged = changed.contains(where: subject.names)
            items.append(
                OperationItem(id.text, isChanged ? .succeeded : .skipped, isChanged ? nil : "it is revoked already"))
        }
        return items
    }

    private func revoke(
        _ subjects: [RevocationSubject], _ order: RevocationOrder, by author: Authorship, in tx: any Transaction
    ) throws -> RevocationResult {
        let changed = try apply(order, to: subjects, by: author, in: tx)
        guard !changed.isEmpty else {
            throw ServiceError(.invalidState, "nothing is left to revoke: it is revoked already")
        }
        return RevocationResult(revocations: changed, certificates: subjects.compactMap(\.certificate?.id))
    }

    /// Those that changed, in the order of their numbers.
    private func apply(
        _ order: RevocationOrder, to subjects: [RevocationSubject], by author: Authorship, in tx: any Transaction
    ) throws -> [Revocation] {
        let wanted = subjects.flatMap(\.serials).sorted {
            ($0.authorityID, $0.serialNumber) < ($1.authorityID, $1.serialNumber)
        }
        var changed: [Revocation] = []
        for serial in wanted {
            let (revocation, isNew) = try store.revoke(
                serial.revocation(context.newID(), order, by: author.actor), in: tx)
            if isNew { changed.append(revocation) }
        }
        for subject in subjects {
            let own = changed.filter(subject.names)
            guard !own.isEmpty else { continue }
            if let certificate = subject.certificate {
                try settle(certificate, revoked: own, order, by: author, in: tx)
            } else {
                try recordUnknown(own, .serialRevoked, by: author, in: tx)
            }
        }
        try announce(changed, in: tx)
        return changed
    }

    /// C10: a certificate none of whose current versions is good any more is revoked; its work ends.
    private func settle(
        _ certificate: Certificate, revoked: [Revocation], _ order: RevocationOrder, by author: Authorship,
        in tx: any Transaction
    ) throws {
        let id = certificate.id
        let current = try VersionStore().current(of: id, in: tx)
        let witness = try StateChange(of: .certificates, id.text, in: tx)
        if try isOver(current, in: tx) {
            try JobStore().cancelOpen(.certificate(id), reason: "the certificate was revoked", in: tx)
            try ApprovalDesk(context).expireAbandoned(of: id, in: tx)
            let touchesCurrent = current.contains { version in revoked.contains { $0.names(version) } }
            if touchesCurrent || certificate.revokedAt == nil {
                var status = certificate.status
                if status != .revoked, status != .archived { status = try status.after(.revoked) }
                var outcome = CertificateOutcome(status: status, nextRenewalAt: .never)
                outcome.revocation = .revoked(order.reason, at: certificate.revokedAt ?? tx.now)
                try move(certificate, to: outcome, in: tx)
            }
        } else {
            try JobStore().cancelOpen(
                .deployments(of: revoked.compactMap(\.versionID)), reason: "the version was revoked", in: tx)
        }
        var details = Self.details(revoked)
        if let operation = order.operation { details["operation_id"] = .string(operation.text) }
        try context.recorder.record(
            .certificateRevoked, id.text, details: details, change: witness, by: author, in: tx)
    }

    // MARK: Releasing

    /// C13: ends holds (RFC 5280 §5.3.1, `removeFromCRL`). Throws 409 when nothing is on hold.
    package func release(_ target: RevocationTarget, by author: Authorship) async throws -> RevocationResult {
        try await context.write { tx in
            let subjects = try selector.held(target, within: author.clearance, in: tx)
            try requireListed(subjects, in: tx)
            var released: [Revocation] = []
            for subject in subjects {
                for serial in subject.serials {
                    released.append(
                        try store.release(
                            issuer: serial.issuerID, serial.authorityID, serial: serial.serialNumber,
                            notifyAt: serial.notifyAt, in: tx))
                }
                let own = released.filter(subject.names)
                if let certificate = subject.certificate {
                    try settle(certificate, released: own, by: author, in: tx)
                } else {
                    try recordUnknown(own, .serialReleased, by: author, in: tx)
                }
            }
            try announce(released, in: tx)
            return RevocationResult(revocations: released, certificates: subjects.compactMap(\.certificate?.id))
        }
    }

    private func settle(
        _ certificate: Certificate, released: [Revocation], by author: Authorship, in tx: any Transaction
    ) throws {
        let id = certificate.id
        let current = try VersionStore().current(of: id, in: tx)
        let witness = try StateChange(of: .certificates, id.text, in: tx)
        if certificate.revocationReason == .certificateHold, try !isOver(current, in: tx) {
            let isRevoked = certificate.status == .revoked
            let validity = try RenewalOutcome(context).validity(of: certificate, in: tx)
            var outcome = CertificateOutcome(
                status: isRevoked ? try certificate.status.after(.holdReleased(validity)) : certificate.status)
            outcome.revocation = .released
            try move(certificate, to: outcome, in: tx)
            if isRevoked { _ = try RenewalPlanner().replan(id, in: tx) }
        }
        try context.recorder.record(
            .holdReleased, id.text, details: Self.details(released), change: witness, by: author, in: tx)
    }

    // MARK: Both

    /// A CA that was ended by force has signed its last list, and nobody would hear of another revocation. One that is to be ended
    /// meanwhile waits for this one.
    ///
    /// - Throws: 409 that names the CA.
    private func requireListed(_ subjects: [RevocationSubject], in tx: any Transaction) throws {
        let serials = subjects.flatMap(\.serials).filter { $0.notAfter > tx.now }
        let authorities = IntermediateCAStore()
        for authority in Set(serials.map(\.authorityID)).sorted() {
            try authorities.lockStanding(authority, in: tx)
            guard let node = try authorities.find(authority, in: tx), node.state == .retired else { continue }
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)), which signed it, has ended, and its last list stands; revoke the CA: "
                    + "certctl intermediates revoke \(node.id.text)")
        }
    }

    /// Whether no current version of a certificate is good any more.
    private func isOver(_ current: [CertificateVersion], in tx: any Transaction) throws -> Bool {
        try current.allSatisfy { version in
            guard !version.isIssuedElsewhere else { return false }
            return try store.inForce(
                authority: version.authorityID, issuer: version.issuerID, serial: version.serialNumber, in: tx) != nil
        }
    }

    private func move(_ certificate: Certificate, to outcome: CertificateOutcome, in tx: any Transaction) throws {
        let moved = try certificates.transition(certificate.id, from: [certificate.status], to: outcome, in: tx)
        guard moved != nil else {
            throw ServiceError(.transient, "\(certificate.id.text) changed at the same moment; repeat the request")
        }
    }

    private func announce(_ changed: [Revocation], in tx: any Transaction) throws {
        for revocation in changed {
            for observer in observers { try observer.changed(revocation, tx) }
        }
    }

    private func recordUnknown(
        _ changed: [Revocation], _ action: RecordedAction, by author: Authorship, in tx: any Transaction
    ) throws {
        for revocation in changed {
            try context.recorder.record(
                action, revocation.id.text, details: Self.details([revocation]), by: author, in: tx)
        }
    }

    private static func details(_ changed: [Revocation]) -> JSONObject {
        var details: JSONObject = ["serials": JSONValue(changed.map(\.serialNumber))]
        guard let first = changed.first else { return details }
        details["issuer_id"] = .string(first.issuerID.text)
        details["reason"] = .string(first.reason.rawValue)
        if let date = first.invalidityDate { details["invalidity_date"] = .string(date.rfc3339) }
        return details
    }

    private static func invalid(_ pointer: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: "invalid_value", detail: detail)])
    }
}

extension Revocation {
    fileprivate func names(_ version: CertificateVersion) -> Bool {
        issuerID == version.issuerID && authorityID == version.authorityID && serialNumber == version.serialNumber
    }
}
