import Query
import Store

/// The migration files inside this program, for the lint.
package struct ShippedMigration: Sendable {
    /// `sqlite` or `postgres`.
    package let engine: String
    package let fileName: String
    package let text: String

    /// Both ladders, up and down files.
    package static func all() throws -> [ShippedMigration] {
        try Engine.allCases.flatMap { engine in
            try MigrationLadder.embedded(for: engine).migrations.flatMap { migration in
                let up = ShippedMigration(engine: engine.rawValue, fileName: migration.fileName, text: migration.up)
                let down = migration.down.map {
                    ShippedMigration(engine: engine.rawValue, fileName: migration.version + ".down.sql", text: $0)
                }
                return [up] + (down.map { [$0] } ?? [])
            }
        }
    }
}
