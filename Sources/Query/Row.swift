package import Domain
import Synchronization

/// One row of a result. Reading coerces what SQLite stores as integers to booleans and times.
package struct Row: Sendable {
    /// Column names, all different, shared by all rows of a result.
    package final class Columns: Sendable {
        package let names: [String]
        /// Behind the column that was read last: readers mostly go through a row in the order of the statement, so the scan
        /// begins where they are. A race costs a longer scan, nothing else.
        private let next = Atomic(0)

        package init(_ names: [String]) {
            assert(Set(names).count == names.count, "a statement yields two columns of one name: \(names)")
            self.names = names
        }

        /// A scan: building a table for each result costs more than it saves.
        package func position(of name: String) -> Int? {
            let start = next.load(ordering: .relaxed)
            guard
                let found = names[start...].firstIndex(of: name) ?? names[..<start].firstIndex(of: name)
            else { return nil }
            next.store(found + 1, ordering: .relaxed)
            return found
        }
    }

    package let columns: Columns
    package let values: [Value]

    package init(columns: Columns, values: [Value]) {
        self.columns = columns
        self.values = values
    }

    /// The value of a column; a missing column is a mistake of ours and reported as such.
    package func value(_ column: String) throws(DatabaseError) -> Value {
        guard let position = columns.position(of: column) else { throw Self.mismatch(column, "no such column") }
        return values[position]
    }

    package func text(_ column: String) throws(DatabaseError) -> String {
        guard let text = try optionalText(column) else { throw Self.mismatch(column, "is null") }
        return text
    }

    package func optionalText(_ column: String) throws(DatabaseError) -> String? {
        switch try value(column) {
        case .null: nil
        case .text(let text), .json(let text): text
        case .integer, .real, .bytes, .bool, .time: throw Self.mismatch(column, "is not text")
        }
    }

    package func int(_ column: String) throws(DatabaseError) -> Int {
        guard let number = try optionalInt(column) else { throw Self.mismatch(column, "is null") }
        return number
    }

    package func optionalInt(_ column: String) throws(DatabaseError) -> Int? {
        switch try value(column) {
        case .null: nil
        case .integer(let number): Int(number)
        case .bool(let flag): flag ? 1 : 0
        case .text, .json, .real, .bytes, .time: throw Self.mismatch(column, "is not an integer")
        }
    }

    package func bool(_ column: String) throws(DatabaseError) -> Bool {
        switch try value(column) {
        case .bool(let flag): flag
        case .integer(let number): number != 0
        case .null, .text, .json, .real, .bytes, .time: throw Self.mismatch(column, "is not a boolean")
        }
    }

    package func time(_ column: String) throws(DatabaseError) -> Timestamp {
        guard let time = try optionalTime(column) else { throw Self.mismatch(column, "is null") }
        return time
    }

    package func optionalTime(_ column: String) throws(DatabaseError) -> Timestamp? {
        switch try value(column) {
        case .null: nil
        case .time(let time): time
        case .integer(let microseconds): Timestamp(microsecondsSinceEpoch: microseconds)
        case .text, .json, .real, .bytes, .bool: throw Self.mismatch(column, "is not a time")
        }
    }

    package func bytes(_ column: String) throws(DatabaseError) -> [UInt8] {
        guard let octets = try optionalBytes(column) else { throw Self.mismatch(column, "is null") }
        return octets
    }

    package func optionalBytes(_ column: String) throws(DatabaseError) -> [UInt8]? {
        switch try value(column) {
        case .null: nil
        case .bytes(let octets): octets
        case .text, .json, .integer, .real, .bool, .time: throw Self.mismatch(column, "is not binary")
        }
    }

    package func id<Kind: EntityKind>(_ column: String) throws(DatabaseError) -> EntityID<Kind> {
        EntityID(stored: try text(column))
    }

    package func optionalID<Kind: EntityKind>(_ column: String) throws(DatabaseError) -> EntityID<Kind>? {
        guard let text = try optionalText(column) else { return nil }
        return EntityID(stored: text)
    }

    /// A value of a closed set; an unknown one is an error, never coerced.
    package func value<Wrapped: RawRepresentable>(
        _ column: String,
        as type: Wrapped.Type = Wrapped.self
    ) throws(DatabaseError) -> Wrapped where Wrapped.RawValue == String {
        let text = try text(column)
        guard let value = Wrapped(rawValue: text) else { throw Self.mismatch(column, "has an unknown value") }
        return value
    }

    package func optionalValue<Wrapped: RawRepresentable>(
        _ column: String,
        as type: Wrapped.Type = Wrapped.self
    ) throws(DatabaseError) -> Wrapped? where Wrapped.RawValue == String {
        guard let text = try optionalText(column) else { return nil }
        guard let value = Wrapped(rawValue: text) else { throw Self.mismatch(column, "has an unknown value") }
        return value
    }

    private static func mismatch(_ column: String, _ what: String) -> DatabaseError {
        DatabaseError(kind: .statement, sqlState: "certctl", message: "column \(column) \(what)")
    }
}
