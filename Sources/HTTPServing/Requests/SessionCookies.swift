package import Access
package import Domain
package import HTTPTypes

/// The two cookies of a session (specification, security §5.1). The prefix `__Host-` has a browser take them from this
/// host alone, over HTTPS, for the whole of it.
package struct SessionCookies: Sendable {
    package enum SameSite: String, Sendable, CaseIterable { case lax = "Lax", strict = "Strict" }

    package static let sessionName = "__Host-certctl_session"
    package static let csrfName = "__Host-certctl_csrf"

    package var sameSite = SameSite.lax

    package init(sameSite: SameSite = .lax) { self.sameSite = sameSite }

    /// What gives a browser its cookies, for as long as the session can last.
    package func setting(_ credentials: SessionCredentials, at now: Timestamp) -> [String] {
        // A started second counts: a browser must not lose the cookie before the session ends.
        let age = max(0, Int((credentials.endsAt - now).inSeconds.rounded(.up)))
        let session = credentials.token.map { $0.withText { cookie(Self.sessionName, $0, age) + "; HttpOnly" } }
        return [session, credentials.csrfToken.withText { cookie(Self.csrfName, $0, age) }].compactMap { $0 }
    }

    /// What takes them away again.
    package var clearing: [String] {
        [cookie(Self.sessionName, "", 0) + "; HttpOnly", cookie(Self.csrfName, "", 0)]
    }

    private func cookie(_ name: String, _ value: String, _ age: Int) -> String {
        "\(name)=\(value); Path=/; Max-Age=\(age); Secure; SameSite=\(sameSite.rawValue)"
    }

    /// The session cookie of a request. Two of the name are none: no browser sends them.
    package static func session(in fields: HTTPFields) -> Secret? { value(of: sessionName, in: fields) }

    package static func csrf(in fields: HTTPFields) -> Secret? { value(of: csrfName, in: fields) }

    private static func value(of name: String, in fields: HTTPFields) -> Secret? {
        guard let field = fields[.cookie] else { return nil }
        var values: [Substring] = []
        for pair in field.split(separator: ";") {
            let trimmed = pair.drop { $0 == " " }
            guard trimmed.hasPrefix(name), trimmed.dropFirst(name.count).first == "=" else { continue }
            values.append(trimmed.dropFirst(name.count + 1))
        }
        guard let first = values.first, !first.isEmpty else { return nil }
        return values.count == 1 ? Secret(String(first)) : Secret("")
    }
}

extension OutgoingResponse {
    /// Several cookies are several fields.
    package mutating func setCookies(_ cookies: [String]) {
        for cookie in cookies { fields.append(HTTPField(name: .setCookie, value: cookie)) }
    }
}
