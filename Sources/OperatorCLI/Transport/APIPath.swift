import APIContract

/// A path below the server's base URL in which every identifier is one segment and every parameter is encoded.
package struct APIPath: Sendable {
    let text: String

    /// - Parameters:
    ///   - segments: Appended to `/api/v1` one by one, percent-encoded.
    ///   - query: In order; encoded.
    init(_ segments: [String], query: [(name: String, value: String)] = []) {
        self.init(
            absolute: "/api/v1/" + segments.map(PercentEncoding.encode(segment:)).joined(separator: "/"), query: query)
    }

    /// A path that is written out already, for probes and raw calls.
    init(absolute path: String, query: [(name: String, value: String)] = []) {
        let parameters = query.map {
            "\(PercentEncoding.encode(segment: $0.name))=\(PercentEncoding.encode(segment: $0.value))"
        }.joined(separator: "&")
        guard !parameters.isEmpty else {
            text = path
            return
        }
        text = path + (path.contains("?") ? "&" : "?") + parameters
    }

    /// Refuses identifiers that could mean another path: `.`, `..`, anything beyond the safe characters.
    static func checked(_ id: String) throws(CLIFailure) -> String {
        let isSafe = id.utf8.allSatisfy { octet in
            (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet & 0xDF) && octet < 0x80
                || [0x2D, 0x2E, 0x3A, 0x40, 0x5F].contains(octet)
        }
        guard isSafe, (1...128).contains(id.utf8.count), id != ".", id != ".." else {
            throw .usage("\"\(TerminalText.line(id))\" is no identifier: at most 128 of A-Z a-z 0-9 . _ : @ -")
        }
        return id
    }
}
