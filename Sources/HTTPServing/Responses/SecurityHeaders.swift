import APIContract
import HTTPTypes

/// The fields that tell browsers to be careful (specification, security §11.3): in answers of every class, errors among them.
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

    /// What answers of protocols have: no browser shows them, and simple clients read the head of an answer into a small
    /// buffer (protocol-servers §1.3).
    private static let protocolFields: HTTPFields = [
        .xContentTypeOptions: "nosniff", .contentSecurityPolicy: "default-src 'none'",
    ]

    /// - `isEncrypted`: In the clear nobody may be told to insist on TLS (RFC 6797 §7.2).
    static func fields(of routeClass: RouteClass?, isEncrypted: Bool) -> HTTPFields {
        var chosen = routeClass?.protocolPrefix == nil ? fields : protocolFields
        chosen[.strictTransportSecurity] = isEncrypted ? fields[.strictTransportSecurity] : nil
        return chosen
    }
}
