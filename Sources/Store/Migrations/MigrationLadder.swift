import CAssets
import FoundationEssentials
package import Query

/// The migrations of one engine in the order in which they are applied.
package struct MigrationLadder: Hashable, Sendable {
    package let engine: Engine
    package let migrations: [Migration]

    package var newest: String? { migrations.last?.version }

    /// The ladder that is part of this program.
    package static func embedded(for engine: Engine) throws(MigrationError) -> MigrationLadder {
        let table =
            switch engine {
            case .sqlite: cassets_migrations_sqlite()
            case .postgres: cassets_migrations_postgres()
            }
        var files: [String: String] = [:]
        for index in 0..<table.count {
            let file = table.files[index]
            files[String(cString: file.name)] = String(
                decoding: UnsafeBufferPointer(start: file.bytes, count: file.length),
                as: UTF8.self
            )
        }
        return try MigrationLadder(engine: engine, files: files)
    }

    /// The ladder in `directory`, for development; `directory/<engine>` when that exists.
    package static func directory(_ path: String, for engine: Engine) throws(MigrationError) -> MigrationLadder {
        let nested = path + "/" + engine.rawValue
        let place = FileManager.default.fileExists(atPath: nested) ? nested : path
        var files: [String: String] = [:]
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: place) where name.hasSuffix(".sql") {
                files[name] = try String(contentsOfFile: place + "/" + name, encoding: .utf8)
            }
        } catch {
            throw MigrationError(
                .ladder,
                subject: place,
                what: "the migrations cannot be read",
                remedy: "Check CERTCTL_DATABASE_MIGRATIONS_PATH, or leave it out to use the built-in ones."
            )
        }
        return try MigrationLadder(engine: engine, files: files)
    }

    /// Orders files by name and refuses gaps, duplicates and stray files.
    package init(engine: Engine, files: [String: String]) throws(MigrationError) {
        self.engine = engine
        var migrations: [Migration] = []
        for name in files.keys.sorted() where !name.hasSuffix(".down.sql") {
            guard let text = files[name], let file = MigrationFileName(name) else { throw Self.misnamed(name) }
            guard file.number == migrations.count + 1 else {
                throw MigrationError(
                    .ladder,
                    subject: name,
                    what: "the migrations have a gap or a duplicate before this file (expected number "
                        + "\(migrations.count + 1))",
                    remedy: "Number the files 000001, 000002 … without gaps."
                )
            }
            migrations.append(
                Migration(
                    version: file.stem,
                    up: text,
                    down: files[file.stem + ".down.sql"],
                    isTransactional: file.isTransactional
                )
            )
        }
        let stems = Set(migrations.map(\.version))
        for name in files.keys.sorted() where name.hasSuffix(".down.sql") {
            guard stems.contains(String(name.dropLast(".down.sql".count))) else { throw Self.misnamed(name) }
        }
        self.migrations = migrations
    }

    private static func misnamed(_ name: String) -> MigrationError {
        MigrationError(
            .ladder,
            subject: name,
            what: "this file does not belong to a migration",
            remedy: "Name the files NNNNNN_lower_snake_name.up.sql, .notx.up.sql and .down.sql."
        )
    }
}

/// `NNNNNN_lower_snake_name.up.sql` or `.notx.up.sql`, taken apart.
private struct MigrationFileName {
    let stem: String
    let number: Int
    let isTransactional: Bool

    init?(_ name: String) {
        guard name.hasSuffix(".up.sql") else { return nil }
        let base = name.dropLast(".up.sql".count)
        isTransactional = !base.hasSuffix(".notx")
        stem = String(isTransactional ? base : base.dropLast(".notx".count))
        let digits = stem.prefix(6)
        let rest = stem.dropFirst(6).utf8
        guard digits.utf8.count == 6, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
            rest.first == 0x5F, rest.count > 1,
            rest.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        self.number = number
    }
}
