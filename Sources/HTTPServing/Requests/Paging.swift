/// Which rows of a list are wanted.
package enum PageRequest: Sendable, Hashable {
    case page(number: Int, size: Int)
    /// `token` is `nil` at the beginning.
    case cursor(token: String?, size: Int)

    package var size: Int {
        switch self {
        case .page(_, let size), .cursor(_, let size): size
        }
    }
}

/// One key of `sort`, in the client's spelling without the sign.
package struct SortKey: Sendable, Hashable {
    package let name: String
    package let isDescending: Bool
}

extension QueryValues {
    package var pageRequest: PageRequest {
        if contains("cursor") || text("pagination") == "cursor" {
            return .cursor(token: text("cursor"), size: integer("page_size") ?? 50)
        }
        let size = integer("page_size").flatMap { contains("page_size") ? $0 : nil }
        let limit = contains("limit") ? integer("limit") : nil
        return .page(number: integer("page") ?? 1, size: size ?? limit ?? integer("per_page") ?? 50)
    }

    /// False with `count=none`.
    package var countsRows: Bool { text("count") != "none" }

    package var sortKeys: [SortKey] {
        let descends = flag("sort_desc") ?? false
        return texts("sort").map { text in
            text.hasPrefix("-")
                ? SortKey(name: String(text.dropFirst()), isDescending: true)
                : SortKey(name: text, isDescending: descends)
        }
    }
}
