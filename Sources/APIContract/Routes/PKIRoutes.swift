import Domain

/// What relying parties ask, without a credential and also in the clear (protocol-servers §5.1).
package enum PKIRoutes {
    private static let reason = "for relying parties, which find the address in certificates"
    private static let elsewhere = ResponseContent.error(
        .notSupportedByIssuer, "The key of this issuer's CA is somewhere else, and so is who answers for it.")

    /// Octets of a request that are read; longer ones are malformed (protocol-servers §1.3).
    private static let requestLimit = 16 << 10

    package static let ocspGet = OpenRoute(
        "getOCSP", .get, "/.well-known/pki/ocsp/{issuer_id}/{request...}", class: .pki,
        "OCSP by GET: a base64 request (RFC 6960 A.1), or a serial number in hexadecimal.",
        responses: [answer, .notFound, elsewhere], cli: .excluded(reason: reason)
    )

    package static let ocspPost = OpenRoute(
        "postOCSP", .post, "/.well-known/pki/ocsp/{issuer_id}", class: .pki, bodyLimit: requestLimit,
        "OCSP by POST (RFC 6960 A.1).",
        request: RequestContent(
            schema: .text(1...requestLimit), isRequired: true, mediaTypes: ["application/ocsp-request"]),
        responses: [answer, .notFound, elsewhere], cli: .excluded(reason: reason)
    )

    package static let authorityCertificates = OpenRoute(
        "getIssuerCertificates", .get, "/.well-known/pki/ca/{issuer_id}", class: .pki,
        "The certificates of an issuer's CA: with `.cer` the issuing one, with `.p7c` or `.pem` all. Of a tree, all of its CAs that are "
            + "to be trusted, those too that are staged.",
        responses: [
            .text(200, "application/pkix-cert", "(DER)", "One certificate; or several, in the other forms."),
            .notFound, elsewhere,
        ],
        cli: .excluded(reason: reason)
    )

    package static let all: [Route] =
        RevocationListRoutes.all + [ocspGet.route, ocspPost.route, authorityCertificates.route]

    private static let answer = ResponseContent.text(
        200, "application/ocsp-response", "(DER)", "An OCSP response; also every refusal that OCSP has a status for.")
}
