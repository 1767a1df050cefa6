package import Domain
import Encoding
import PKI
import Query
package import Store

/// What creating a certificate led to.
package struct CreatedCertificate: Sendable {
    package let certificate: Certificate
    /// The first issuance, when it was asked for.
    package let renewal: OpenedRenewal?
}

/// Creates, changes, archives and unarchives managed certificates, and attaches them to targets.
package struct CertificateFlow: Sendable {
    /// Targets of one certificate.
    private static let mostTargets = 1000

    private let context: LifecycleContext
    private let certificates = CertificateStore()
    private let planner = RenewalPlanner()
    private let renewals: RenewFlow
    private let outcomes: RenewalOutcome

    package init(_ context: LifecycleContext) {
        self.context = context
        renewals = RenewFlow(context)
        outcomes = RenewalOutcome(context)
    }

    package func create(_ draft: CertificateDraft, by author: Authorship) async throws -> CreatedCertificate {
        var problems = FieldProblems()
        let id: CertificateID = draft.id.flatMap { problems.checkedID($0) } ?? context.newID()
        let fields = Self.fields(of: draft, into: &problems)
        let targets = Self.targets(draft.targetIDs, into: &problems)
        if draft.status != .pending, draft.status != .active {
            problems.add("/status", "read_only", "a certificate is created as Pending or Active")
        }
        try problems.throwIfAny()
        guard let fields else { throw ServiceError(.internalError, "the checks of a certificate are incomplete") }
        try Self.require(fields, within: author.clearance)
        return try await context.write { tx in
            try certificates.insert(
                NewCertificate(
                    id: id,
                    fields: fields,
                    source: .api,
                    isDeclaredActive: draft.status == .active,
                    nextRenewalAt: nil
                ),
                in: tx
            )
            if !targets.isEmpty { try certificates.attach(targets, to: id, in: tx) }
            try planner.replan(id, in: tx)
            try context.recorder.record(
                .certificateCreated,
                id.text,
                details: ["common_name": .string(fields.commonName), "issuer_id": .string(fields.issuerID.text)],
                change: .creation(of: .certificates),
                by: author,
                in: tx
            )
            var opened: OpenedRenewal?
            if draft.issue {
                let stored = try certificates.lock(id, in: tx)
                opened = try renewals.open(stored, force: false, trigger: .api, by: author, in: tx)
            }
            return CreatedCertificate(certificate: try certificates.get(id, in: tx), renewal: opened)
        }
    }

    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    package func update(
        _ id: CertificateID,
        _ change: CertificateChange,
        expecting version: Int?,
        by author: Authorship
    ) async throws -> Certificate {
        try await context.write { tx in
            let stored = try certificates.lock(id, within: author.clearance, in: tx)
            guard stored.status != .archived else {
                throw ServiceError(.invalidState, "\(id.text) is archived; unarchive it to change it")
            }
            var problems = FieldProblems()
            let fields = Self.fields(of: change.applied(to: stored.fields), into: &problems)
            var targets: [TargetID]?
            if case .set(let ids) = change.targetIDs { targets = Self.targets(ids, into: &problems) }
            try problems.throwIfAny()
            guard let fields else { throw ServiceError(.internalError, "the checks of a certificate are incomplete") }
            let witness = try StateChange(of: .certificates, id.text, in: tx)
            try Self.require(fields, within: author.clearance)
            _ = try certificates.update(
                id,
                fields,
                nextRenewalAt: stored.nextRenewalAt,
                expecting: version ?? stored.rowVersion,
                in: tx
            )
            if let targets {
                let moved = try certificates.replaceTargets(of: id, with: targets, in: tx)
                try cancelWork(of: id, detached: moved.detached, in: tx)
            }
            if targets != nil || fields.renewalPolicyID != stored.fields.renewalPolicyID {
                try planner.replan(id, in: tx)
            }
            try context.recorder.record(.certificateUpdated, id.text, change: witness, by: author, in: tx)
            return try certificates.get(id, in: tx)
        }
    }

    // MARK: Targets

    /// Attaches a target; false when it was attached already.
    package func attach(_ target: TargetID, to id: CertificateID, by author: Authorship) async throws -> Bool {
        try await context.write { tx in
            _ = try requireLive(id, by: author, in: tx)
            let isNew = try !certificates.attach([target], to: id, in: tx).isEmpty
            guard isNew else { return false }
            try planner.replan(id, in: tx)
            try recordTargets(id, "attached", target, by: author, in: tx)
            return true
        }
    }

    /// Detaches a target and cancels what was open for it; false when it was not attached.
    package func detach(_ target: TargetID, from id: CertificateID, by author: Authorship) async throws -> Bool {
        try await context.write { tx in
            _ = try requireLive(id, by: author, in: tx)
            guard try certificates.detach(target, from: id, in: tx) else { return false }
            try cancelWork(of: id, detached: [target], in: tx)
            try planner.replan(id, in: tx)
            try recordTargets(id, "detached", target, by: author, in: tx)
            return true
        }
    }

    private func requireLive(
        _ id: CertificateID,
        by author: Authorship,
        in tx: any Transaction
    ) throws -> Certificate {
        let stored = try certificates.lock(id, within: author.clearance, in: tx)
        guard stored.status != .archived else {
            throw ServiceError(.invalidState, "\(id.text) is archived; unarchive it to change it")
        }
        return stored
    }

    private func recordTargets(
        _ id: CertificateID,
        _ verb: String,
        _ target: TargetID,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        try context.recorder.record(
            .certificateUpdated,
            id.text,
            details: [verb: .string(target.text)],
            by: author,
            in: tx
        )
    }

    private func cancelWork(of id: CertificateID, detached: [TargetID], in tx: any Transaction) throws {
        for target in detached {
            try JobStore().cancelOpen(.mapping(id, target), reason: "the target was detached", in: tx)
        }
    }

    // MARK: Archive

    /// C11: nothing is deleted; open jobs end, and the name is free again. Archiving twice changes nothing.
    package func archive(_ id: CertificateID, expecting version: Int?, by author: Authorship) async throws {
        try await context.write { tx in
            let stored = try certificates.lock(id, within: author.clearance, in: tx)
            if let version, version != stored.rowVersion {
                throw StoreError.stale(.certificate, id: id.text, current: stored.rowVersion)
            }
            guard stored.status != .archived else { return }
            try JobStore().cancelOpen(.certificate(id), reason: "the certificate was archived", in: tx)
            try ApprovalDesk(context).expireAbandoned(of: id, in: tx)
            let status = try stored.status.after(.archived)
            let witness = try StateChange(of: .certificates, id.text, in: tx)
            try certificates.transition(
                id,
                from: [stored.status],
                to: CertificateOutcome(status: status, nextRenewalAt: .never),
                in: tx
            )
            try context.recorder.record(.certificateArchived, id.text, change: witness, by: author, in: tx)
        }
    }

    /// C12: back to where its validity puts it; 409 when its name was taken meanwhile.
    package func unarchive(_ id: CertificateID, by author: Authorship) async throws -> Certificate {
        try await context.write { tx in
            let stored = try certificates.lock(id, within: author.clearance, in: tx)
            guard stored.status == .archived else {
                throw ServiceError(.invalidState, "\(id.text) is not archived")
            }
            guard try !isTaken(stored.fields.name, in: tx) else {
                throw StoreError.alreadyExists(.certificate, field: "name")
            }
            let status: CertificateStatus =
                stored.revokedAt != nil
                ? .revoked : try stored.status.after(.unarchived(outcomes.validity(of: stored, in: tx)))
            let witness = try StateChange(of: .certificates, id.text, in: tx)
            try certificates.transition(id, from: [.archived], to: CertificateOutcome(status: status), in: tx)
            try planner.replan(id, in: tx)
            try context.recorder.record(.certificateUnarchived, id.text, change: witness, by: author, in: tx)
            return try certificates.get(id, in: tx)
        }
    }

    private func isTaken(_ name: String, in tx: any Transaction) throws -> Bool {
        try tx.row(
            "SELECT 1 AS one FROM managed_certificates WHERE name = \(name) AND status <> 'Archived' LIMIT 1"
        ) != nil
    }

    // MARK: Checks

    /// Nobody puts a certificate, by its issuer and profile, where they could not reach it.
    static func require(_ fields: CertificateFields, within clearance: Clearance) throws(ServiceError) {
        let profile = fields.profileID.map { " and profile \($0.text)" } ?? ""
        try clearance.require(fields.scopes, "issuer \(fields.issuerID.text)\(profile)")
    }

    static func fields(of draft: CertificateDraft, into problems: inout FieldProblems) -> CertificateFields? {
        let names = CheckedNames(
            commonName: draft.commonName,
            subjectAltNames: draft.subjectAltNames,
            into: &problems
        )
        let owner: OwnerID? = problems.checkedReference(draft.ownerID, at: "/owner_id")
        let team: TeamID? = problems.checkedReference(draft.teamID, at: "/team_id")
        let issuer: IssuerID? = problems.checkedReference(draft.issuerID, at: "/issuer_id")
        let name = problems.checkedName(draft.name)
        let policy: RenewalPolicyID? = problems.checkedReference(draft.renewalPolicyID, at: "/renewal_policy_id")
        let profile: ProfileID? = draft.profileID.flatMap { text in
            text.isEmpty ? nil : problems.checkedID(text, at: "/certificate_profile_id")
        }
        problems.checkEnvironment(draft.environment)
        problems.checkTags(draft.tags)
        guard let names, let owner, let team, let issuer, let policy else { return nil }
        return CertificateFields(
            name: name,
            commonName: names.commonName,
            subjectAltNames: names.subjectAltNames.map(\.text),
            environment: draft.environment,
            ownerID: owner,
            teamID: team,
            issuerID: issuer,
            renewalPolicyID: policy,
            profileID: profile,
            tags: draft.tags
        )
    }

    static func targets(_ texts: [String], into problems: inout FieldProblems) -> [TargetID] {
        if texts.count > mostTargets { problems.add("/target_ids", "too_many", "at most \(mostTargets) targets") }
        var ids: [TargetID] = []
        for (index, text) in texts.prefix(mostTargets).enumerated() {
            guard let id: TargetID = problems.checkedReference(text, at: "/target_ids/\(index)") else { continue }
            ids.append(id)
        }
        return ids
    }
}

extension CertificateChange {
    /// What the client wants, taken together with what it left as it is.
    func applied(to stored: CertificateFields) -> CertificateDraft {
        var draft = CertificateDraft(
            name: name.applied(to: stored.name),
            commonName: commonName.applied(to: stored.commonName),
            subjectAltNames: subjectAltNames.applied(to: stored.subjectAltNames),
            ownerID: ownerID.applied(to: stored.ownerID.text),
            teamID: teamID.applied(to: stored.teamID.text),
            issuerID: issuerID.applied(to: stored.issuerID.text),
            renewalPolicyID: renewalPolicyID.applied(to: stored.renewalPolicyID.text)
        )
        draft.environment = environment.applied(to: stored.environment)
        draft.profileID = profileID.applied(to: stored.profileID?.text)
        draft.tags = tags.applied(to: stored.tags)
        return draft
    }
}
