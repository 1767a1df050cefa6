import Encoding
import Settings

/// Fetches and prints lists, page by page where many rows were asked for.
struct ListPrinter {
    let session: Session
    let columns: [Column]
    /// The member of the answer that holds the rows.
    var rowsMember = "data"

    func show(
        _ segments: [String],
        filters: [(name: String, value: String)],
        options: ListOptions
    ) async throws(CLIFailure) {
        let parameters = filters + options.parameters
        guard options.all || options.limit != nil else {
            let page = try await fetch(segments, parameters)
            session.console.output(try session.renderer.list(page, rows: rows(page), columns: columns))
            return
        }
        try await printPages(segments, parameters, limit: options.limit ?? .max)
    }

    private func printPages(
        _ segments: [String],
        _ parameters: [(name: String, value: String)],
        limit: Int
    ) async throws(CLIFailure) {
        let streams = [.jsonl, .name].contains(session.configuration.format)
        var parameters = parameters
        var collected: [JSONValue] = []
        var count = 0
        var total: JSONValue = .null
        while true {
            let page = try await fetch(segments, parameters)
            let rows = Array(rows(page).prefix(limit - count))
            count += rows.count
            total = page["total"] ?? total
            if streams, !rows.isEmpty {
                session.console.output(try session.renderer.list(page, rows: rows, columns: columns))
            } else {
                collected += rows
            }
            guard count < limit, let cursor = page["next_cursor"]?.stringValue, !rows.isEmpty else { break }
            parameters.removeAll { $0.name == "cursor" || $0.name == "pagination" }
            parameters.append((name: "cursor", value: cursor))
        }
        guard !streams else { return }
        let whole: JSONValue = ["data": .array(collected), "total": total.isNull ? JSONValue(count) : total]
        session.console.output(try session.renderer.list(whole, rows: collected, columns: columns))
    }

    private func fetch(
        _ segments: [String],
        _ parameters: [(name: String, value: String)]
    ) async throws(CLIFailure) -> JSONValue {
        try await session.client.call("GET", APIPath(segments, query: parameters)).json()
    }

    private func rows(_ page: JSONValue) -> [JSONValue] { page[rowsMember]?.arrayValue ?? [] }
}
