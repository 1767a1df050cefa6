import Encoding
import Query
import Store

/// The state of a row around a change, for its audit event.
struct StateChange {
    private let table: AuditedTable
    private let before: String?

    /// Of a row that is about to be made.
    static func creation(of table: AuditedTable) -> StateChange { StateChange(table: table, before: nil) }

    /// Of a row that is about to change or to go.
    init(of table: AuditedTable, _ id: String, in tx: any Transaction) throws {
        self.init(table: table, before: try StateDigest.of(table, id, in: tx))
    }

    private init(table: AuditedTable, before: String?) {
        self.table = table
        self.before = before
    }

    /// `details` with the digests of the row before and now; a digest is absent where there is no row.
    func adding(to details: JSONObject, _ id: String, in tx: any Transaction) throws -> JSONObject {
        var details = details
        details["before_digest"] = before.map { .string($0) }
        details["after_digest"] = try StateDigest.of(table, id, in: tx).map { .string($0) }
        return details
    }
}
