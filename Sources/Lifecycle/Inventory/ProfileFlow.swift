package import Domain
import Encoding
import PKI
import Query
package import Store

/// What a change of a profile led to.
package enum ProfileOutcome: Sendable {
    case applied(Profile)
    case deleted
    /// Somebody else has to agree first.
    case pending(Approval)
}

/// Creates, changes and deletes certificate profiles.
///
/// A profile that asks for approvals, before or after the change, changes only when a second person agrees: whoever
/// could switch the approvals off alone would not need them.
package struct ProfileFlow: Sendable {
    private let context: LifecycleContext
    private let profiles = ProfileStore()
    private let gate = ApprovalGate()
    private let desk: ApprovalDesk

    package init(_ context: LifecycleContext) {
        self.context = context
        desk = ApprovalDesk(context)
    }

    /// What the server certifies for nobody.
    package var algorithms: AlgorithmPolicy { context.algorithms }
    /// Whether certificates name an OCSP responder of this server.
    package var isReachable: Bool { context.isReachable }

    /// What about the members works and is rarely meant.
    ///
    /// - `algorithms`: What the server certifies for nobody.
    /// - `isReachable`: Whether certificates name an OCSP responder of this server.
    package static func warnings(
        _ fields: ProfileFields, under algorithms: AlgorithmPolicy = AlgorithmPolicy(), isReachable: Bool = true
    ) -> [String] {
        ProfileCheck.warnings(fields, under: algorithms, isReachable: isReachable)
    }

    package func create(id: String?, _ fields: ProfileFields, by author: Authorship) async throws -> ProfileOutcome {
        var problems = FieldProblems()
        let chosen: ProfileID? = id.flatMap { problems.checkedID($0) }
        let checked = ProfileCheck.checked(fields, allowing: context.algorithms, into: &problems)
        try problems.throwIfAny()
        return try await context.write { tx in
            let id = chosen ?? context.newID()
            guard let permit = gate.permit(changing: nil, to: checked) else {
                guard try profiles.find(id, in: tx) == nil else {
                    throw StoreError.alreadyExists(.profile, field: "id")
                }
                return try request(.create(checked), of: id, base: nil, by: author, in: tx)
            }
            return .applied(try insert(id, checked, under: permit, by: author, in: tx))
        }
    }

    /// Applies `change` to what is stored.
    ///
    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    package func update(
        _ id: ProfileID,
        expecting version: Int?,
        by author: Authorship,
        _ change: @escaping @Sendable (inout ProfileFields) -> Void
    ) async throws -> ProfileOutcome {
        try await context.write { tx in
            let stored = try profiles.get(id, in: tx)
            var fields = stored.fields
            change(&fields)
            var problems = FieldProblems()
            let checked = ProfileCheck.checked(fields, allowing: context.algorithms, into: &problems)
            try problems.throwIfAny()
            guard let permit = gate.permit(changing: stored.fields, to: checked) else {
                try requireVersion(version, of: stored)
                return try request(
                    .update(checked, base: stored.rowVersion), of: id, base: stored.updatedAt, by: author, in: tx)
            }
            return .applied(
                try update(id, checked, from: version ?? stored.rowVersion, under: permit, by: author, in: tx))
        }
    }

    package func delete(_ id: ProfileID, expecting version: Int?, by author: Authorship) async throws -> ProfileOutcome
    {
        try await context.write { tx in
            let stored = try profiles.get(id, in: tx)
            guard let permit = gate.permit(changing: stored.fields, to: nil) else {
                try requireVersion(version, of: stored)
                return try request(
                    .delete(base: stored.rowVersion), of: id, base: stored.updatedAt, by: author, in: tx)
            }
            try delete(id, from: version, under: permit, by: author, in: tx)
            return .deleted
        }
    }

    // MARK: Approvals

    private func requireVersion(_ version: Int?, of stored: Profile) throws {
        guard version ?? stored.rowVersion == stored.rowVersion else {
            throw StoreError.stale(.profile, id: stored.id.text, current: stored.rowVersion)
        }
    }

    private func request(
        _ change: ProfileEditTerms.Change, of id: ProfileID, base: Timestamp?, by author: Authorship,
        in tx: any Transaction
    ) throws -> ProfileOutcome {
        if let waiting = try ApprovalStore().pendingEdit(of: id, in: tx) {
            throw ServiceError(
                .alreadyExists,
                "a change of the profile \(id.text) waits for a decision already: \(waiting.id.text)"
            )
        }
        let terms = ProfileEditTerms(change, of: id)
        let approval = try desk.requestEdit(terms, base: base, by: author, in: tx)
        try context.recorder.record(
            .profileEditRequest, id.text,
            details: ["approval_id": .string(approval.id.text), "operation": .string(terms.operation)], by: author,
            in: tx)
        guard approval.state == .approved, let request = try ApprovalStore().approved(approval.id, in: tx) else {
            return .pending(approval)
        }
        guard let profile = try apply(request, by: author, in: tx) else { return .deleted }
        return .applied(profile)
    }

    /// Carries out an edit that was approved; the profile, unless it was deleted. Throws 409 `stale_approval` when the
    /// profile is not the one that the edit was made against.
    @discardableResult
    func apply(
        _ request: borrowing ApprovedRequest, by author: Authorship, in tx: any Transaction
    ) throws -> Profile? {
        guard case .profileEdit(let terms) = request.subject else {
            throw ApprovalGate.stale(request.id, "it is about something else")
        }
        let permit = gate.permit(request)
        let stored = try profiles.find(terms.profileID, in: tx)
        let profile: Profile?
        switch terms.change {
        case .create(let fields):
            guard stored == nil else { throw ApprovalGate.stale(request.id, "the profile exists by now") }
            profile = try insert(terms.profileID, try checked(fields), under: permit, by: author, in: tx)
        case .update(let fields, let base):
            try Self.require(base, stored, request.id)
            profile = try update(
                terms.profileID, try checked(fields), from: base, under: permit, by: author, in: tx)
        case .delete(let base):
            try Self.require(base, stored, request.id)
            try delete(terms.profileID, from: base, under: permit, by: author, in: tx)
            profile = nil
        }
        try context.recorder.record(
            .profileEditApplied, terms.profileID.text,
            details: [
                "approval_id": .string(request.id.text), "operation": .string(terms.operation),
                "requested_by": .string(request.requestedBy.id),
            ],
            by: author, in: tx)
        return profile
    }

    private static func require(_ base: Int, _ stored: Profile?, _ id: ApprovalID) throws(ServiceError) {
        guard stored?.rowVersion == base else {
            throw ApprovalGate.stale(id, "the profile changed since the edit was asked for")
        }
    }

    /// The rules may have changed since the request.
    private func checked(_ fields: ProfileFields) throws -> ProfileFields {
        var problems = FieldProblems()
        let checked = ProfileCheck.checked(fields, allowing: context.algorithms, into: &problems)
        try problems.throwIfAny()
        return checked
    }

    // MARK: Changes, each under a permit

    private func insert(
        _ id: ProfileID, _ fields: ProfileFields, under permit: consuming ProfileEditPermit, by author: Authorship,
        in tx: any Transaction
    ) throws -> Profile {
        try ChosenAuthority.check(fields, replacing: nil, in: tx)
        let profile = try profiles.insert(id, fields, in: tx)
        try context.recorder.record(
            .created(.profile), profile.id.text, details: Self.details(permit), change: .creation(of: .profiles),
            by: author, in: tx)
        return profile
    }

    private func update(
        _ id: ProfileID, _ fields: ProfileFields, from version: Int, under permit: consuming ProfileEditPermit,
        by author: Authorship, in tx: any Transaction
    ) throws -> Profile {
        try ChosenAuthority.check(fields, replacing: try profiles.find(id, in: tx)?.fields, in: tx)
        let witness = try StateChange(of: .profiles, id.text, in: tx)
        let profile = try profiles.update(id, fields, expecting: version, in: tx)
        try context.recorder.record(
            .updated(.profile), id.text, details: Self.details(permit), change: witness, by: author, in: tx)
        return profile
    }

    private func delete(
        _ id: ProfileID, from version: Int?, under permit: consuming ProfileEditPermit, by author: Authorship,
        in tx: any Transaction
    ) throws {
        let witness = try StateChange(of: .profiles, id.text, in: tx)
        try profiles.delete(id, expecting: version, in: tx)
        try context.removeGrants(in: .profile(id), by: author, in: tx)
        try context.recorder.record(
            .deleted(.profile), id.text, details: Self.details(permit), change: witness, by: author, in: tx)
    }

    private static func details(_ permit: borrowing ProfileEditPermit) -> JSONObject {
        permit.approval.map { ["approval_id": .string($0.text)] } ?? [:]
    }
}
