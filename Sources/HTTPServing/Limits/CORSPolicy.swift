import HTTPTypes

/// Which other origins may call the API from a browser (specification, rest-api §1.4).
package struct CORSPolicy: Sendable {
    private let origins: Set<String>

    /// - Parameter origins: Exact origins, scheme and host and port. `*` and `null` are refused by the settings.
    package init(origins: [String]) { self.origins = Set(origins) }

    package var isEnabled: Bool { !origins.isEmpty }

    func apply(to fields: inout HTTPFields, origin: String?, isProbe: Bool) {
        if isProbe {
            fields[.accessControlAllowOrigin] = "*"
            return
        }
        guard isEnabled else { return }
        fields.append(HTTPField(name: .vary, value: "Origin"))
        guard let origin, origins.contains(origin) else { return }
        fields[.accessControlAllowOrigin] = origin
        fields[.accessControlAllowCredentials] = "true"
        fields[.accessControlExposeHeaders] =
            "ETag, Location, Link, X-Request-ID, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate"
    }

    func applyPreflight(to fields: inout HTTPFields, origin: String?) {
        guard isEnabled, let origin, origins.contains(origin) else { return }
        fields[.accessControlAllowMethods] = "GET, POST, PUT, DELETE, PATCH, OPTIONS"
        fields[.accessControlAllowHeaders] =
            "Content-Type, Authorization, X-Request-ID, X-CSRF-Token, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, traceparent"
        fields[.accessControlMaxAge] = "600"
    }
}
