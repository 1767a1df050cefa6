package import Domain
package import Store

/// Creates, changes and deletes teams.
package struct TeamFlow: Sendable {
    private let context: LifecycleContext
    private let teams = TeamStore()

    package init(_ context: LifecycleContext) { self.context = context }

    package func create(id: String?, _ fields: TeamFields, by author: Authorship) async throws -> Team {
        var problems = FieldProblems()
        let chosen: TeamID? = id.flatMap { problems.checkedID($0) }
        let checked = Self.checked(fields, into: &problems)
        try problems.throwIfAny()
        return try await context.write { tx in
            let team = try teams.insert(chosen ?? context.newID(), checked, in: tx)
            try context.recorder.record(
                .created(.team), team.id.text, change: .creation(of: .teams), by: author, in: tx)
            return team
        }
    }

    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    package func update(
        _ id: TeamID,
        name: FieldUpdate<String>,
        description: FieldUpdate<String>,
        expecting version: Int?,
        by author: Authorship
    ) async throws -> Team {
        try await context.write { tx in
            let stored = try teams.get(id, in: tx)
            var problems = FieldProblems()
            let fields = Self.checked(
                TeamFields(
                    name: name.applied(to: stored.name),
                    description: description.applied(to: stored.description)
                ),
                into: &problems
            )
            try problems.throwIfAny()
            let witness = try StateChange(of: .teams, id.text, in: tx)
            let team = try teams.update(id, fields, expecting: version ?? stored.rowVersion, in: tx)
            try context.recorder.record(.updated(.team), id.text, change: witness, by: author, in: tx)
            return team
        }
    }

    /// - `reassigned`: A team that first takes over every owner and certificate of this one.
    package func delete(
        _ id: TeamID,
        reassigningTo reassigned: TeamID? = nil,
        expecting version: Int?,
        by author: Authorship
    ) async throws {
        try await context.write { tx in
            _ = try teams.get(id, in: tx)
            if let reassigned { _ = try teams.reassign(from: id, to: reassigned, in: tx) }
            let witness = try StateChange(of: .teams, id.text, in: tx)
            try teams.delete(id, expecting: version, in: tx)
            try context.recorder.record(.deleted(.team), id.text, change: witness, by: author, in: tx)
        }
    }

    private static func checked(_ fields: TeamFields, into problems: inout FieldProblems) -> TeamFields {
        var checked = fields
        checked.name = problems.checkedName(fields.name)
        problems.checkLength(fields.description, at: "/description", limit: 4096)
        return checked
    }
}
