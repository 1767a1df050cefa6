import Domain

/// Certificates as files (specification, rest-api §7.4). They never hold a private key.
package enum ExportRoutes {
    private static let audit = "certificate_exported"
    private static let version = QueryParameter(
        "version_id", .text(1...128, example: "cv-api-prod-1"), "This version instead of the current one.")
    private static let root = QueryParameter(
        "root", .boolean, "Whether the chain ends with the root; without it, in trust stores (PKCS#12, JKS) alone.")

    private static let chain = QueryParameter(
        "chain", .integer(0...64),
        "With an alternate chain that was stored with the version, by its number; 0 is its own.")

    package static let pem = ProtectedRoute(
        "exportCertificatePEM", .get, "/api/v1/certificates/{id}/export/pem", .permission(.certRead), scope: .object,
        audit: audit, isExport: true, "Exports a version in PEM.",
        query: [version, chain, root, CommonQuery.flag("download", "As a file instead of JSON.")],
        responses: [
            .json(200, CertificatePEMBody.self, "The texts."),
            .text(200, "application/x-pem-file", "-----BEGIN CERTIFICATE-----\n…", "The file."),
        ] + refusals,
        cli: .verb("certs export")
    )

    package static let der = ProtectedRoute(
        "exportCertificateDER", .get, "/api/v1/certificates/{id}/export/der", .permission(.certRead), scope: .object,
        audit: audit, isExport: true, "Exports the certificate alone in DER.", query: [version],
        responses: [.text(200, "application/pkix-cert", "", "The certificate.")] + refusals, cli: .verb("certs export")
    )

    package static let pkcs7 = ProtectedRoute(
        "exportCertificatePKCS7", .get, "/api/v1/certificates/{id}/export/pkcs7", .permission(.certRead),
        scope: .object, audit: audit, isExport: true, "Exports certificate and chain as PKCS#7.",
        query: [version, chain, root],
        responses: [
            .text(200, "application/pkcs7-mime; smime-type=certs-only", "", "SignedData without signatures.")
        ] + refusals,
        cli: .verb("certs export")
    )

    package static let pkcs12 = ProtectedRoute(
        "exportCertificatePKCS12", .post, "/api/v1/certificates/{id}/export/pkcs12", .permission(.certRead),
        scope: .object, audit: audit, isExport: true, "Exports certificate and chain as a PKCS#12 trust store.",
        query: [version, chain, root], request: .optionalBody(ExportPKCS12Request.self),
        responses: [.text(200, "application/x-pkcs12", "", "The file.")] + refusals, cli: .verb("certs export")
    )

    package static let jks = ProtectedRoute(
        "exportCertificateJKS", .post, "/api/v1/certificates/{id}/export/jks", .permission(.certRead), scope: .object,
        audit: audit, isExport: true, "Exports certificate and chain as a Java trust store.",
        query: [version, chain, root],
        request: .body(ExportJKSRequest.self),
        responses: [.text(200, "application/x-java-keystore", "", "The file.")] + refusals, cli: .verb("certs export")
    )

    package static let all: [Route] = [pem.route, der.route, pkcs7.route, pkcs12.route, jks.route]

    private static let refusals: [ResponseContent] = [
        .notFound, .error(.invalidState, "Nothing was issued yet."),
        .error(.unprocessable, "The stored chain can't be read."),
    ]
}
