package import Domain
package import Store

/// Creates, changes and deletes owners.
package struct OwnerFlow: Sendable {
    private let context: LifecycleContext
    private let owners = OwnerStore()

    package init(_ context: LifecycleContext) { self.context = context }

    package func create(id: String?, _ draft: OwnerDraft, by author: Authorship) async throws -> Owner {
        var problems = FieldProblems()
        let chosen: OwnerID? = id.flatMap { problems.checkedID($0) }
        let fields = draft.checked(into: &problems)
        try problems.throwIfAny()
        return try await context.write { tx in
            let owner = try owners.insert(chosen ?? context.newID(), fields, in: tx)
            try context.recorder.record(
                .created(.owner), owner.id.text, change: .creation(of: .owners), by: author, in: tx)
            return owner
        }
    }

    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    package func update(
        _ id: OwnerID,
        name: FieldUpdate<String>,
        email: FieldUpdate<String>,
        teamID: FieldUpdate<String>,
        expecting version: Int?,
        by author: Authorship
    ) async throws -> Owner {
        try await context.write { tx in
            let stored = try owners.get(id, in: tx)
            let draft = OwnerDraft(
                name: name.applied(to: stored.name),
                email: email.applied(to: stored.email),
                teamID: teamID.applied(to: stored.teamID?.text ?? "")
            )
            var problems = FieldProblems()
            let fields = draft.checked(into: &problems)
            try problems.throwIfAny()
            let witness = try StateChange(of: .owners, id.text, in: tx)
            let owner = try owners.update(id, fields, expecting: version ?? stored.rowVersion, in: tx)
            try context.recorder.record(.updated(.owner), id.text, change: witness, by: author, in: tx)
            return owner
        }
    }

    /// - `reassigned`: An owner who first takes over every certificate of this one.
    package func delete(
        _ id: OwnerID,
        reassigningTo reassigned: OwnerID? = nil,
        expecting version: Int?,
        by author: Authorship
    ) async throws {
        try await context.write { tx in
            _ = try owners.get(id, in: tx)
            if let reassigned { _ = try owners.reassign(from: id, to: reassigned, in: tx) }
            let witness = try StateChange(of: .owners, id.text, in: tx)
            try owners.delete(id, expecting: version, in: tx)
            try context.recorder.record(.deleted(.owner), id.text, change: witness, by: author, in: tx)
        }
    }
}
