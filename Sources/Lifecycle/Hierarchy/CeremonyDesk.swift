import AuditProof
package import Domain
import Encoding
import PKI
import Query
import Store

/// A ceremony that may go on: nobody has to agree, or somebody did, to exactly this.
struct AdmittedCeremony: Sendable {
    let terms: CeremonyTerms
    /// What it uses up; `nil` where nobody has to agree.
    let approval: Approval?

    fileprivate init(_ terms: CeremonyTerms, approval: Approval? = nil) {
        self.terms = terms
        self.approval = approval
    }
}

/// Nothing was done: a second person has to agree first. Once that is given, the same request goes through, once.
package struct CeremonyHeld: Error, Hashable, Sendable, CustomStringConvertible {
    package let approvalID: ApprovalID

    package var description: String { "the ceremony waits for the approval \(approvalID.text)" }
}

/// Asks for the agreement of a second person before a CA is made, taken in or ended, and keeps what was done, signed
/// (protocol-servers §6.2).
///
/// An approval is bound to the digest of everything that decides what becomes of the CA, and serves once: its row is
/// used up in the transaction that makes the change.
package struct CeremonyDesk: Sendable {
    private enum Verdict: Sendable { case admitted(AdmittedCeremony), held(ApprovalID) }

    private let context: LifecycleContext
    private let rule: @Sendable () -> SecondPersonRule
    private let keeper: CheckpointKeeper
    private let approvals = ApprovalStore()
    private let store = CeremonyStore()

    /// - `rule`: `CERTCTL_APPROVAL_CA_CEREMONY`.
    package init(
        _ context: LifecycleContext, keeper: CheckpointKeeper, rule: @escaping @Sendable () -> SecondPersonRule
    ) {
        self.context = context
        self.keeper = keeper
        self.rule = rule
    }

    // MARK: Before

    /// Leave for what `terms` say. Whatever can be found wrong with them is to be found before: nobody is asked about what
    /// cannot be done.
    ///
    /// - `isGrave`: Somebody else has to agree whatever the setting says.
    /// - Throws: ``CeremonyHeld`` when somebody else has to agree first.
    func admit(
        _ terms: CeremonyTerms, isGrave: Bool = false, by author: Authorship
    ) async throws -> AdmittedCeremony {
        let rule = isGrave ? SecondPersonRule.always : rule()
        guard try await context.read({ tx in try isRequired(rule, in: tx) }) else { return AdmittedCeremony(terms) }
        switch try await context.write({ tx in try verdict(on: terms, by: author, in: tx) }) {
        case .admitted(let ceremony): return ceremony
        case .held(let id): throw CeremonyHeld(approvalID: id)
        }
    }

    private func isRequired(_ rule: SecondPersonRule, in tx: any Transaction) throws -> Bool {
        switch rule {
        case .never: false
        case .always: true
        case .automatic: try GrantStore().approvingAdministrators(in: tx) >= 2
        }
    }

    private func verdict(on terms: CeremonyTerms, by author: Authorship, in tx: any Transaction) throws -> Verdict {
        let desk = ApprovalDesk(context)
        let subject = ApprovalSubject.ceremony(terms)
        if let last = try approvals.latest(.ceremony, digest: subject.digest, in: tx) {
            let isOver = last.expiresAt.map { tx.now >= $0 } ?? true
            switch last.state {
            case .pending where isOver: _ = try desk.expire(last, note: "nobody decided in time", in: tx)
            case .pending: return .held(last.id)
            // Found by its digest; there is a subject when the payload is the one that the digest was made of. PostgreSQL gives
            // members back in another order, so the terms themselves are not compared.
            case .approved where !isOver && last.subject != nil:
                if try store.find(approval: last.id, in: tx) == nil {
                    return .admitted(AdmittedCeremony(terms, approval: last))
                }
            case .approved, .rejected, .expired: break
            }
        }
        // While approvals are bypassed the request goes on, and is marked as done by what it does in the end.
        let asker =
            context.timing.bypassesApprovals
            ? Authorship(actor: author.actor, origin: author.origin?.bare, clearance: author.clearance) : author
        let filed = try desk.requestCeremony(terms, by: asker, in: tx)
        return filed.state == .approved ? .admitted(AdmittedCeremony(terms, approval: filed)) : .held(filed.id)
    }

    // MARK: With the change

    /// Uses the approval up and keeps the record, in the transaction of the change.
    ///
    /// - Throws: 409 `stale_approval` when the approval served for something else meanwhile.
    func conclude(
        _ ceremony: AdmittedCeremony, on node: IntermediateCA, by author: Authorship, in tx: any Transaction
    ) throws {
        let id: CeremonyID = context.newID()
        let silent = Authorship(actor: author.actor, origin: nil, clearance: .system)
        let (key, logID, isNew) = try keeper.signingKey(in: tx)
        if isNew {
            try context.recorder.record(
                .auditKeyCreated, key.publicKey.id, details: ["log_id": .string(logID)], by: .system, in: tx)
        }
        let record = CeremonyRecord(Self.record(id, ceremony, on: node, by: author.actor, log: logID, at: tx.now))
        do {
            try store.insert(
                Ceremony(
                    id: id, ceremony.terms, on: node.id, approval: ceremony.approval?.id, record: record.text,
                    keyID: key.publicKey.id, signature: try record.signature(by: key), at: tx.now), in: tx)
        } catch let error as StoreError {
            guard let approval = ceremony.approval, case .alreadyExists = error else { throw error }
            throw ApprovalGate.stale(approval.id, "it served already, and an approval serves once")
        }
        var details: JSONObject = [
            "ca_id": .string(node.id.text), "issuer_id": .string(node.issuerID.text),
            "operation": .string(ceremony.terms.operation.rawValue),
            "record_sha256": .string(record.digest), "key_id": .string(key.publicKey.id),
        ]
        details["approval_id"] = ceremony.approval.map { .string($0.id.text) }
        try context.recorder.record(.ceremony, id.text, details: details, by: silent, in: tx)
    }

    private static func record(
        _ id: CeremonyID, _ ceremony: AdmittedCeremony, on node: IntermediateCA, by actor: Actor, log: String,
        at now: Timestamp
    ) -> JSONObject {
        var record: JSONObject = [
            "type": "certctl-ca-ceremony", "version": 1, "id": .string(id.text), "log_id": .string(log),
            "time": .string(now.rfc3339), "operation": .string(ceremony.terms.operation.rawValue),
            "issuer_id": .string(node.issuerID.text), "ca_id": .string(node.id.text),
            "parameters": .object(ceremony.terms.parameters), "performed_by": .object(person(actor)),
            "ca": .object(authority(node)),
        ]
        if let approval = ceremony.approval { record["approval"] = .object(agreement(approval)) }
        return record
    }

    private static func person(_ actor: Actor) -> JSONObject {
        ["id": .string(actor.id), "type": .string(actor.type.rawValue)]
    }

    private static func authority(_ node: IntermediateCA) -> JSONObject {
        var authority: JSONObject = [
            "name": .string(node.name), "subject": .string(node.subject), "state": .string(node.state.rawValue),
            "key_algorithm": .string(node.keyAlgorithm), "spki_sha256": .string(node.spkiSHA256),
        ]
        authority["parent_ca_id"] = node.parentID.map { .string($0.text) }
        authority["serial_number"] = node.serialNumber.map { .string($0) }
        authority["certificate_sha256"] = node.certPEM.flatMap { try? X509Certificate(pem: $0) }
            .map { .string($0.fingerprintSHA256) }
        authority["not_before"] = node.notBefore.map { .string($0.rfc3339) }
        authority["not_after"] = node.notAfter.map { .string($0.rfc3339) }
        authority["key_driver"] = node.keyDriver.map { .string($0) }
        authority["key_ref"] = node.keyReference.map { .string($0) }
        return authority
    }

    private static func agreement(_ approval: Approval) -> JSONObject {
        var approver: JSONObject = ["id": .string(approval.decidedBy ?? "")]
        approver["type"] = approval.decidedByType.map { .string($0.rawValue) }
        approver["time"] = approval.decidedAt.map { .string($0.rfc3339) }
        approver["note"] = approval.note.map { .string($0) }
        return [
            "id": .string(approval.id.text), "requested_by": .object(person(approval.requestedBy)),
            "requested_at": .string(approval.createdAt.rfc3339),
            "payload_digest": .string(approval.payloadDigest ?? ""), "approvers": .array([.object(approver)]),
        ]
    }
}
