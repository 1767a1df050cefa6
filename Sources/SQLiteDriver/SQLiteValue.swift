import Domain
import GRDBSQLite
import Query

/// How values enter and leave SQLite: times as integer microseconds, JSON as text, booleans as 0 and 1.
enum SQLiteValue {
    /// Tells SQLite to copy what it is given.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    static func bind(_ value: Value, to statement: OpaquePointer, at index: CInt) -> CInt {
        switch value {
        case .null: sqlite3_bind_null(statement, index)
        case .integer(let number): sqlite3_bind_int64(statement, index, number)
        case .bool(let flag): sqlite3_bind_int64(statement, index, flag ? 1 : 0)
        case .time(let time): sqlite3_bind_int64(statement, index, time.microsecondsSinceEpoch)
        case .real(let number): sqlite3_bind_double(statement, index, number)
        case .text(let text), .json(let text): bind(text, to: statement, at: index)
        case .bytes(let octets): bind(octets, to: statement, at: index)
        }
    }

    static func column(_ index: CInt, of statement: OpaquePointer) -> Value {
        switch sqlite3_column_type(statement, index) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, index))
        case SQLITE_FLOAT: .real(sqlite3_column_double(statement, index))
        case SQLITE_TEXT: .text(text(index, of: statement))
        case SQLITE_BLOB: .bytes(octets(index, of: statement))
        default: .null
        }
    }

    private static func bind(_ text: String, to statement: OpaquePointer, at index: CInt) -> CInt {
        var text = text
        return text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                sqlite3_bind_text64(
                    statement,
                    index,
                    characters.baseAddress,
                    UInt64(characters.count),
                    transient,
                    UInt8(SQLITE_UTF8)
                )
            }
        }
    }

    private static func bind(_ octets: [UInt8], to statement: OpaquePointer, at index: CInt) -> CInt {
        // A null pointer would bind NULL instead of an empty blob.
        guard !octets.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
        return octets.withUnsafeBytes { buffer in
            sqlite3_bind_blob64(statement, index, buffer.baseAddress, UInt64(buffer.count), transient)
        }
    }

    private static func text(_ index: CInt, of statement: OpaquePointer) -> String {
        guard let start = sqlite3_column_text(statement, index) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, index))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    private static func octets(_ index: CInt, of statement: OpaquePointer) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, index) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, index))))
    }
}
