/// `GET /api/v1/certificates/{id}/export/pem`.
package struct CertificatePEMBody: WireValue {
    package var certPEM = ""
    package var chainPEM = ""
    package var fullPEM = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CertificatePEM", "A version in PEM (RFC 7468).",
        [
            .required("cert_pem", \.certPEM, .text(0...1_000_000), "The certificate alone."),
            .required("chain_pem", \.chainPEM, .text(0...1_000_000), "What issued it, one above the other."),
            .required("full_pem", \.fullPEM, .text(0...1_000_000), "Both, the certificate first."),
        ]
    )
}

/// Which parameters a PKCS#12 file is made with.
package enum PKCS12Parameters: String, Sendable, CaseIterable { case modern, legacy }

/// `POST /api/v1/certificates/{id}/export/pkcs12`; the body may be absent.
package struct ExportPKCS12Request: WireValue {
    package var password = ""
    package var parameters = "modern"

    package init() {}

    package static let contract = Contract<Self>(
        "ExportPKCS12", "Password and parameters of the file.",
        [
            .defaulted("password", \.password, .text(0...1024), "Password of the file; empty when absent."),
            .defaulted(
                "parameters", \.parameters, .choice(PKCS12Parameters.allCases.map(\.rawValue)),
                "modern: AES-256 and SHA-256. legacy: triple DES and SHA-1, for programs that read nothing else."),
        ]
    )
}

/// `POST /api/v1/certificates/{id}/export/jks`.
package struct ExportJKSRequest: WireValue {
    package var password = ""

    package init() {}

    package static let contract = Contract<Self>(
        "ExportJKS", "Password of the file.",
        [
            .required(
                "password", \.password, .text(6...1024, example: "correct-horse"),
                "Password of the file; Java wants six characters.")
        ]
    )
}
