import APIContract
import HTTPTypes

/// The fields that every response of every class carries (specification, security §11.3).
enum SecurityHeaders {
    static let fields: HTTPFields = [
        .strictTransportSecurity: "max-age=63072000; includeSubDomains",
        .frameOptions: "DENY",
        .xContentTypeOptions: "nosniff",
        .referrerPolicy: "strict-origin-when-cross-origin",
        .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
        .permissionsPolicy:
            "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)",
        .openerPolicy: "same-origin",
        .resourcePolicy: "same-origin",
    ]

    /// What relying parties get: their simple clients read the head of an answer into a small buffer
    /// (protocol-servers §1.3).
    private static let relyingPartyFields: HTTPFields = [
        .xContentTypeOptions: "nosniff", .contentSecurityPolicy: "default-src 'none'",
    ]

    /// - `isEncrypted`: In the clear nobody may be told to insist on TLS (RFC 6797 §7.2).
    static func fields(of routeClass: RouteClass?, isEncrypted: Bool) -> HTTPFields {
        var chosen = routeClass == .pki ? relyingPartyFields : fields
        chosen[.strictTransportSecurity] = isEncrypted ? fields[.strictTransportSecurity] : nil
        return chosen
    }
}
