import Domain
import Query
import Store

extension SchemaTool {
    /// A line for each table: rows, and what it takes on disk with its indexes.
    func tableLines() async throws -> [String] {
        try await open.database.read { try TableFigures.all(in: $0) }.map { table in
            let rows = table.rows.map { "\(open.database.engine == .postgres ? "about " : "")\($0) rows" }
            return "table       \(table.name)  \(rows ?? "rows not counted yet")  \(Self.size(table.octets))"
        }
    }

    func tableRows() async throws -> [String: Int] {
        let tables = try await open.database.read { try TableFigures.all(in: $0) }
        return Dictionary(uniqueKeysWithValues: tables.map { ($0.name, $0.rows ?? 0) })
    }

    /// Backfills that are not finished, and those that pending migrations will begin.
    func unfinishedBackfillLines(after plan: MigrationPlan) async throws -> [String] {
        let pending = Set(plan.steps.map(\.migration.version))
        let begun = try await open.database.read { try BackfillStore().progress(in: $0) }
        let unfinished = begun.filter { $0.progress.state != .finished }.map(\.backfill)
        let rows = try await tableRows()
        return (unfinished + Backfill.all.filter { pending.contains($0.migration) }).map {
            "backfill    \($0.name)  \($0.summary), of about \(rows[$0.table] ?? 0) rows, after the start"
        }
    }

    /// Agents that are too old or too new for this release (operations §17.1).
    func agentLines() async throws -> [String] {
        let hasAgents = try await tableRows()["agents"] != nil
        let strangers = try await open.database.read { tx in
            hasAgents ? try AgentStore.releases(in: tx).filter { !Self.supports(agent: $0.version) } : []
        }
        guard !strangers.isEmpty else { return ["agents      none is too old"] }
        return strangers.map { "agent       \($0.name)  runs \($0.version); upgrade it" }
    }

    /// The release of the server and two minor releases before it.
    static func supports(agent version: String, server: String = Version.number) -> Bool {
        guard let agent = Self.release(version), let own = Self.release(server) else { return true }
        return agent.major == own.major && agent.minor >= own.minor - 2
    }

    private static func release(_ version: String) -> (major: Int, minor: Int)? {
        let numbers = version.drop { $0 == "v" }.split(separator: ".").prefix(2).map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        return (major, minor)
    }

    private static func size(_ octets: Int) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        var size = Double(octets) / 1024
        var unit = 0
        while size >= 1024, unit + 1 < units.count {
            size /= 1024
            unit += 1
        }
        return "\((size * 10).rounded() / 10) \(units[unit])"
    }
}
