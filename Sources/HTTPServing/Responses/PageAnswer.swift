package import APIContract
import HTTPTypes

extension RequestContext {
    /// A page of a list with its `Link` field (RFC 8288).
    ///
    /// `total` counts the rows of all pages and is `nil` when they were not counted: then nobody knows the last page, and
    /// a full page has a next one, which may be empty. `nextCursor` comes from the store in cursor mode.
    package func pageAnswer<Row: WireValue>(
        _ rows: [Row], total: Int?, nextCursor: String? = nil
    ) -> OutgoingResponse {
        switch query.pageRequest {
        case .cursor(_, let size):
            var response = OutgoingResponse.json(
                PageEnvelope(rows, total: total, nextCursor: nextCursor, pageSize: size)
            )
            if let nextCursor {
                response.fields[.link] = link(["cursor": nextCursor, "page_size": String(size)], "next")
            }
            return response
        case .page(let number, let size):
            var response = OutgoingResponse.json(
                PageEnvelope(rows, total: total, page: number, perPage: size)
            )
            let last = total.map { max(1, ($0 + size - 1) / size) }
            var links = [link(page: 1, size, "first")]
            if let last { links.append(link(page: last, size, "last")) }
            if number > 1 { links.append(link(page: number - 1, size, "prev")) }
            if last.map({ number < $0 }) ?? (rows.count >= size) { links.append(link(page: number + 1, size, "next")) }
            response.fields[.link] = links.joined(separator: ", ")
            return response
        }
    }

    private func link(page: Int, _ size: Int, _ relation: String) -> String {
        link(["page": String(page), "per_page": String(size)], relation)
    }

    /// The filters of the request stay; the position changes.
    private func link(_ position: [String: String], _ relation: String) -> String {
        let positional: Set = ["page", "per_page", "page_size", "cursor", "pagination", "limit"]
        let kept = rawQuery.split(separator: "&").filter { pair in
            !positional.contains(String(pair.prefix { $0 != "=" }))
        }
        let moved = position.sorted { $0.key < $1.key }.map { "\($0.key)=\(PercentEncoding.encode(segment: $0.value))" }
        let query = (kept.map(String.init) + moved).joined(separator: "&")
        return "<\(path)?\(query)>; rel=\"\(relation)\""
    }
}
