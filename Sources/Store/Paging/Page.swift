/// The rows of one page, with what leads to the next one.
package struct Page<Element: Sendable>: Sendable {
    package let rows: [Element]
    /// Where the next page starts; `nil` at the end, and in offset mode.
    package let nextCursor: KeysetPosition?
    /// How many rows match; `nil` when the caller did not ask.
    package let total: Int?

    package init(rows: [Element], nextCursor: KeysetPosition?, total: Int?) {
        self.rows = rows
        self.nextCursor = nextCursor
        self.total = total
    }

    package func map<Other: Sendable>(_ transform: (Element) throws -> Other) rethrows -> Page<Other> {
        Page<Other>(rows: try rows.map(transform), nextCursor: nextCursor, total: total)
    }
}

/// Which part of a list is wanted.
package enum PageSelector: Hashable, Sendable {
    /// `page` from 1.
    case offset(page: Int, perPage: Int)
    /// `nil` starts at the beginning.
    case keyset(after: KeysetPosition?, limit: Int)
}

/// How much effort a total is worth (specification, rest-api §5.2).
package enum TotalMode: String, Sendable, CaseIterable {
    case exact
    /// Stops counting at ``Listing/estimateLimit``.
    case estimate
    case none
}

/// One request for a list: what to show, in which order, and which part of it.
package struct ListRequest<Filter: Sendable, Sort: ListSort>: Sendable {
    package var filter: Filter
    package var sort: Sort
    package var isDescending: Bool
    package var page: PageSelector
    package var total: TotalMode

    package init(
        filter: Filter,
        sort: Sort,
        isDescending: Bool,
        page: PageSelector,
        total: TotalMode = .exact
    ) {
        self.filter = filter
        self.sort = sort
        self.isDescending = isDescending
        self.page = page
        self.total = total
    }
}

/// The sort keys of one list, by the snake_case names of the API.
package protocol ListSort: RawRepresentable, CaseIterable, Hashable, Sendable where RawValue == String {}
