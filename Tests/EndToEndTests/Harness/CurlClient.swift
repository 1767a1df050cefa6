import Foundation
import TestSupport

/// A foreign HTTP client (curl) that speaks to the control plane under test.
struct CurlClient: Sendable {
    struct Reply {
        let status: Int
        let headers: String
        let body: String

        /// The body as a JSON object; empty when it is none.
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]) ?? [:]
        }

        func text(_ member: String) -> String? { json[member] as? String }
    }

    let baseURL: String
    let authority: String
    let logs: URL
    var key: String?

    func with(key: String?) -> CurlClient {
        var copy = self
        copy.key = key
        return copy
    }

    func get(_ path: String, headers: [String] = []) async throws -> Reply {
        try await send("GET", path, body: nil, headers: headers)
    }

    func post(_ path: String, _ body: [String: Any] = [:], headers: [String] = []) async throws -> Reply {
        try await send("POST", path, body: Self.text(body), headers: headers)
    }

    func put(_ path: String, _ body: [String: Any], headers: [String] = []) async throws -> Reply {
        try await send("PUT", path, body: Self.text(body), headers: headers)
    }

    /// Members sorted: the same body has the same octets each time, which repeated requests rely on.
    private static func text(_ body: [String: Any]) throws -> String {
        let octets = try JSONSerialization.data(withJSONObject: body, options: .sortedKeys)
        return String(decoding: octets, as: UTF8.self)
    }

    func delete(_ path: String) async throws -> Reply { try await send("DELETE", path, body: nil) }

    /// Sends `body` as it is. Status 0 means that no answer came.
    func send(
        _ method: String,
        _ path: String,
        body: String?,
        headers: [String] = [],
        options: [String] = [],
        timeout: Int = 30
    ) async throws -> Reply {
        let scratch = logs.appending(path: "curl-\(UUID().uuidString)")
        let headerFile = scratch.appendingPathExtension("headers")
        let bodyFile = scratch.appendingPathExtension("body")
        let sentFile = scratch.appendingPathExtension("sent")
        defer { for file in [headerFile, bodyFile, sentFile] { try? FileManager.default.removeItem(at: file) } }
        var arguments = [
            "--silent", "--show-error", "--max-time", "\(timeout)", "--cacert", authority, "--request", method,
            "--dump-header", headerFile.path, "--output", bodyFile.path, "--write-out", "%{http_code}",
        ]
        if let key { arguments += ["--header", "Authorization: Bearer \(key)"] }
        arguments += options
        for header in headers { arguments += ["--header", header] }
        if let body {
            try Data(body.utf8).write(to: sentFile)
            arguments += ["--data-binary", "@\(sentFile.path)"]
            if !headers.contains(where: { $0.lowercased().hasPrefix("content-type") }) {
                arguments += ["--header", "Content-Type: application/json"]
            }
        }
        let outcome = try await runProgram("/usr/bin/curl", arguments + [baseURL + path], logs: logs)
        return Reply(
            status: Int(outcome.output) ?? 0,
            headers: (try? String(contentsOf: headerFile, encoding: .utf8)) ?? "",
            body: (try? String(contentsOf: bodyFile, encoding: .utf8)) ?? ""
        )
    }
}
