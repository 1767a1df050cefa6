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
}
