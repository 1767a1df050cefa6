package import APIContract
import Crypto
package import Domain
import Encoding
import HTTPTypes

extension RequestContext {
    /// A page of a list with its `Link` field (RFC 8288) and the digest of its body as entity tag; `fields` selects
    /// members of the rows.
    ///
    /// `total` counts the rows of all pages and is `nil` when they were not counted: then nobody knows the last page, and
    /// a full page has a next one, which may be empty. `nextCursor` comes from the store in cursor mode.
    package func pageAnswer<Row: WireValue>(
        _ rows: [Row], total: Int?, nextCursor: String? = nil
    ) throws(ServiceError) -> OutgoingResponse {
        let selected = try selectedMembers(of: Row.self)
        switch query.pageRequest {
        case .cursor(_, let size):
            var response = Self.page(
                PageEnvelope(rows, total: total, nextCursor: nextCursor, pageSize: size), selected
            )
            if let nextCursor {
                response.fields[.link] = link(["cursor": nextCursor, "page_size": String(size)], "next")
            }
            return response
        case .page(let number, let size):
            var response = Self.page(PageEnvelope(rows, total: total, page: number, perPage: size), selected)
            let last = total.map { max(1, ($0 + size - 1) / size) }
            var links = [link(page: 1, size, "first")]
            if let last { links.append(link(page: last, size, "last")) }
            if number > 1 { links.append(link(page: number - 1, size, "prev")) }
            if last.map({ number < $0 }) ?? (rows.count >= size) { links.append(link(page: number + 1, size, "next")) }
            response.fields[.link] = links.joined(separator: ", ")
            return response
        }
    }

    /// What `fields` asks for; `nil` for everything.
    private func selectedMembers<Row: WireValue>(of _: Row.Type) throws(ServiceError) -> Set<String>? {
        let asked = query.texts("fields")
        guard !asked.isEmpty else { return nil }
        if isStrict, case .object(let members) = Row.wireSchema.kind {
            let known = Set(members.map(\.name))
            if let stranger = asked.first(where: { !known.contains($0) }) {
                throw ServiceError(.invalidParameter, "fields: the rows have no member \(stranger)")
            }
        }
        return Set(asked)
    }

    private static func page(_ envelope: some WireValue, _ selected: Set<String>?) -> OutgoingResponse {
        var page = envelope.json.objectValue ?? [:]
        if let selected, let rows = page["data"]?.arrayValue {
            page["data"] = .array(
                rows.map { row in
                    .object(JSONObject(distinctMembers: (row.objectValue ?? [:]).filter { selected.contains($0.key) }))
                }
            )
        }
        let octets = JSONValue.object(page).octets
        var response = OutgoingResponse.octets(200, "application/json", octets)
        response.fields[.eTag] = "\"\(Hex.encode(SHA256.hash(data: octets)))\""
        return response
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
