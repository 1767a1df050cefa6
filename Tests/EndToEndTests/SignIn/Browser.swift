import Foundation
import TestSupport
import Testing

/// A browser, as far as a server can tell: curl with a cookie jar, and the header fields that a page of the server's
/// own sends.
final class Browser: @unchecked Sendable {
    // Proof: a test drives one browser from one task.
    let jar: String
    private let client: CurlClient
    private let server: ControlPlane

    init(_ server: ControlPlane, at base: ControlPlane? = nil) {
        self.server = server
        client = (base ?? server).anonymous
        jar = server.directory.path("jar-\(UUID().uuidString)")
    }

    /// The same jar in front of another replica.
    func moved(to other: ControlPlane) throws -> Browser {
        let copy = Browser(other)
        try FileManager.default.copyItem(atPath: jar, toPath: copy.jar)
        return copy
    }

    var origin: String { client.baseURL }

    func cookie(_ name: String) -> String? {
        let text = (try? String(contentsOfFile: jar, encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            if fields.count == 7, fields[5] == "__Host-certctl_\(name)", !fields[6].isEmpty { return String(fields[6]) }
        }
        return nil
    }

    /// The session cookie as a header field, for clients that go on to send it when a browser would have dropped it.
    var sessionField: String { "Cookie: __Host-certctl_session=\(cookie("session") ?? "")" }

    /// A request of one of our own pages; `token` and `origin` say otherwise.
    @discardableResult
    func send(
        _ method: String, _ path: String, _ body: String? = nil, token: String? = nil, origin: String? = nil,
        headers: [String] = [], keepsCookies: Bool = true
    ) async throws -> CurlClient.Reply {
        var fields = headers + ["Origin: \(origin ?? self.origin)"]
        if let token = token ?? cookie("csrf"), !token.isEmpty { fields.append("X-CSRF-Token: \(token)") }
        return try await client.sendWithCookies(
            method, path, body: body, headers: fields, jar: jar, keeps: keepsCookies)
    }

    func get(_ path: String) async throws -> CurlClient.Reply {
        try await client.sendWithCookies("GET", path, body: nil, headers: [], jar: jar, keeps: true)
    }

    /// Signs in with an API key.
    func signIn(key: String) async throws -> CurlClient.Reply {
        try await client.with(key: key).sendWithCookies(
            "POST", "/api/v1/auth/session", body: nil, headers: ["Origin: \(origin)"], jar: jar, keeps: true)
    }

    /// Signs in to a local account.
    func signIn(_ account: String, _ password: String, code: String? = nil) async throws -> CurlClient.Reply {
        var body = ["actor_id": account, "password": password]
        if let code { body["code"] = code }
        let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
        return try await send("POST", "/auth/breakglass/login", text, token: "")
    }
}

extension CurlClient {
    fileprivate func sendWithCookies(
        _ method: String, _ path: String, body: String?, headers: [String], jar: String, keeps: Bool
    ) async throws -> Reply {
        let cookies = ["--cookie", jar] + (keeps ? ["--cookie-jar", jar] : [])
        return try await send(method, path, body: body, headers: headers, options: cookies)
    }
}

extension CurlClient.Reply {
    /// Every `Set-Cookie` field.
    var cookies: [String] {
        headers.split(whereSeparator: \.isNewline).filter { $0.lowercased().hasPrefix("set-cookie:") }.map {
            $0.dropFirst("set-cookie:".count).trimmingCharacters(in: .whitespaces)
        }
    }

    func field(_ name: String) -> String? {
        headers.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map {
            $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
        }
    }
}

extension ControlPlane {
    static let password = "seven grey herons wade upstream"

    static func startForPeople(
        _ engine: EngineUnderTest = .sqlite, databaseURL: String? = nil, _ extra: [String: String] = [:]
    ) async throws -> ControlPlane {
        let url: String? = if let databaseURL { databaseURL } else { try await engine.makeDatabaseURL() }
        let environment = engine.environment.merging(["CERTCTL_BREAKGLASS_ENABLED": "true"]) { $1 }
            .merging(extra) { $1 }
        return try await start(databaseURL: url, environment: environment)
    }

    /// A local account with roles.
    func makeAccount(_ name: String, roles: [String] = ["r-admin"], second factor: Bool = false) async throws
        -> CurlClient.Reply
    {
        try Inventory.expect(
            201,
            try await client.post(
                "/api/v1/auth/breakglass/credentials",
                [
                    "actor_id": name, "password": Self.password, "roles": roles, "second_factor": factor,
                    "display_name": "Person \(name)",
                ]))
    }

    /// What the audit trail says of sign-in, newest first.
    func auditActions() async throws -> [String] {
        let page = try await client.get("/api/v1/audit?category=auth&per_page=200")
        return (page.json["data"] as? [[String: Any]] ?? []).compactMap { $0["action"] as? String }
    }
}
