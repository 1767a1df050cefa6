import Crypto
import Domain
import Encoding
import Query

/// One list as a query: its columns, its source, its conditions and its order.
package struct Listing {
    /// Where counting stops in ``TotalMode/estimate``.
    package static let estimateLimit = 10_000

    let columns: SQL
    let source: SQL
    let conditions: [SQL]
    /// The sort key; never null, so that every row has a place.
    let key: SQL
    let id: SQL
    let sortName: String
    let isDescending: Bool
    let filterDigest: String

    /// - `filter`: the filter as a value; its description identifies it in cursors.
    init<Filter, Sort: ListSort>(
        _ request: ListRequest<Filter, Sort>,
        columns: SQL,
        source: SQL,
        conditions: [SQL],
        key: SQL,
        id: SQL
    ) {
        self.columns = columns
        self.source = source
        self.conditions = conditions
        self.key = key
        self.id = id
        sortName = request.sort.rawValue
        isDescending = request.isDescending
        let digest = SHA256.hash(data: Array(String(describing: request.filter).utf8))
        filterDigest = Hex.encode(Array(digest.prefix(8)))
    }

    /// Runs the list and, when asked for, its count.
    func page<Element: Sendable>(
        _ selector: PageSelector,
        total: TotalMode,
        in tx: any Transaction,
        _ decode: (Row) throws -> Element
    ) throws -> Page<Element> {
        let count = try self.count(total, in: tx)
        switch selector {
        case .offset(let page, let perPage):
            let rows = try tx.rows(
                select(extra: nil) + " LIMIT \(perPage) OFFSET \((max(page, 1) - 1) * perPage)"
            )
            return Page(rows: try rows.map(decode), nextCursor: nil, total: count)
        case .keyset(let position, let limit):
            let rows = try tx.rows(select(extra: try after(position)) + " LIMIT \(limit + 1)")
            let shown = rows.prefix(limit)
            let next = rows.count > limit ? try shown.last.map(self.position(of:)) : nil
            return Page(rows: try shown.map(decode), nextCursor: next, total: count)
        }
    }

    private func select(extra: SQL?) -> SQL {
        let direction: SQL = isDescending ? " DESC" : ""
        return "SELECT \(fragment: columns), \(fragment: key) AS keyset_key, \(fragment: id) AS keyset_id "
            + "FROM \(fragment: source)" + filter(extra)
            + " ORDER BY \(fragment: key)\(fragment: direction), \(fragment: id)\(fragment: direction)"
    }

    private func filter(_ extra: SQL?) -> SQL {
        let all = extra.map { conditions + [$0] } ?? conditions
        return all.isEmpty ? "" : " WHERE " + SQL.joined(all, by: " AND ")
    }

    private func after(_ position: KeysetPosition?) throws(CursorMismatch) -> SQL? {
        guard let position else { return nil }
        guard position.sort == sortName, position.isDescending == isDescending else {
            throw CursorMismatch(reason: "order")
        }
        guard position.filterDigest == filterDigest else { throw CursorMismatch(reason: "filter") }
        let comparison: SQL = isDescending ? "<" : ">"
        return "(\(fragment: key), \(fragment: id)) \(fragment: comparison) (\(position.key), \(position.id))"
    }

    private func position(of row: Row) throws -> KeysetPosition {
        KeysetPosition(
            sort: sortName,
            isDescending: isDescending,
            key: try row.value("keyset_key"),
            id: try row.text("keyset_id"),
            filterDigest: filterDigest
        )
    }

    private func count(_ mode: TotalMode, in tx: any Transaction) throws -> Int? {
        let statement: SQL
        switch mode {
        case .none: return nil
        case .exact: statement = "SELECT COUNT(*) AS n FROM \(fragment: source)" + filter(nil)
        case .estimate:
            statement =
                "SELECT COUNT(*) AS n FROM (SELECT 1 FROM \(fragment: source)" + filter(nil)
                + " LIMIT \(Self.estimateLimit)) counted"
        }
        return try tx.row(statement)?.int("n") ?? 0
    }
}
