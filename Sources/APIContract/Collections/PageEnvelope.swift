/// A list answer (specification, rest-api §5): pages by number, or by cursor.
package struct PageEnvelope<Row: WireValue>: WireValue {
    package var data: [Row] = []
    /// Absent with `count=none`.
    package var total: Int?
    package var page: Int?
    package var perPage: Int?
    package var nextCursor: String?
    package var pageSize: Int?

    package init() {}

    /// A page by number.
    package init(_ data: [Row], total: Int?, page: Int, perPage: Int) {
        self.data = data
        self.total = total
        self.page = page
        self.perPage = perPage
    }

    /// A page by cursor.
    package init(_ data: [Row], total: Int?, nextCursor: String?, pageSize: Int) {
        self.data = data
        self.total = total
        self.nextCursor = nextCursor
        self.pageSize = pageSize
    }

    /// A list that is never paged.
    package init(all data: [Row]) {
        self.init(data, total: data.count, page: 1, perPage: max(data.count, 1))
    }

    package static var contract: Contract<Self> {
        Contract(
            "\(Row.wireSchema.name ?? "")Page", "A page of a list.",
            [
                .required("data", \.data, "Rows."),
                .optional("total", \.total, "Rows of all pages."),
                .optional("page", \.page, "Number of the page, from 1."),
                .optional("per_page", \.perPage, "Rows asked for."),
                .optional("next_cursor", \.nextCursor, "Where to go on; absent at the end."),
                .optional("page_size", \.pageSize, "Rows asked for, by cursor."),
            ]
        )
    }
}
