import Encoding

/// Query parameters that lists share (specification, rest-api §5).
enum CommonQuery {
    static func paging(sort keys: [String] = []) -> [QueryParameter] {
        var parameters = [
            QueryParameter("page", .integer(1...1_000_000), default: 1, "Number of the page."),
            QueryParameter("per_page", .integer(1...500), default: 50, "Rows of a page."),
            QueryParameter("pagination", .choice(["cursor"]), "Page by cursor, from the beginning."),
            QueryParameter("cursor", .text(0...2048, example: ""), "Go on after a page; implies paging by cursor."),
            QueryParameter("page_size", .integer(1...500), default: 50, "Rows of a page, by cursor."),
            QueryParameter(
                "fields", .text(1...64, example: "id"), several: true,
                "Members of each row to answer; all unless given."),
            QueryParameter("count", .choice(["exact", "none"]), default: "exact", "Whether to count all rows."),
        ]
        guard !keys.isEmpty else { return parameters }
        let known = keys.joined(separator: ", ")
        parameters.append(
            QueryParameter(
                "sort", .text(1...255, example: keys[0]), several: true, "One of \(known); `-` for descending.")
        )
        parameters.append(QueryParameter("sort_desc", .boolean, default: false, "Descending."))
        return parameters
    }

    static let search = QueryParameter("q", .text(1...255, example: "api"), "Free text.")

    static func choice(_ name: String, _ choices: [String], _ summary: String) -> QueryParameter {
        QueryParameter(name, .choice(choices), several: true, summary)
    }

    static func id(_ name: String, _ summary: String) -> QueryParameter {
        QueryParameter(name, .id, several: true, summary)
    }

    static func time(_ name: String, _ summary: String) -> QueryParameter {
        QueryParameter(name, .timestamp, summary)
    }

    static func flag(_ name: String, default fallback: Bool = false, _ summary: String) -> QueryParameter {
        QueryParameter(name, .boolean, default: .bool(fallback), summary)
    }
}
