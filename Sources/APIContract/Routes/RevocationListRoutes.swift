import Domain
import Encoding

/// Revocation lists for relying parties (RFC 5280 §5; specification, protocol-servers §5.1).
package enum RevocationListRoutes {
    package static let full = OpenRoute(
        "getCRL", .get, "/.well-known/pki/crl/{issuer_id}", class: .pki,
        "The complete revocation list of an issuer, DER. The identifier may end in `.crl`.", responses: responses,
        cli: .excluded(reason: "for relying parties of any kind")
    )

    package static let partial = OpenRoute(
        "getCRLPartition", .get, "/.well-known/pki/crl/{issuer_id}/{partition}", class: .pki,
        "One of several revocation lists of an issuer, as its certificates name it.", responses: responses,
        cli: .excluded(reason: "for relying parties of any kind")
    )

    package static let all: [Route] = [full.route, partial.route]

    private static let responses: [ResponseContent] = [
        ResponseContent(
            status: 200, summary: "The list.", mediaType: "application/pkix-crl", schema: .text(0...1_000_000_000),
            example: "MIIB…"),
        .notFound,
        .error(.notSupportedByIssuer, "The issuer does not sign revocation lists here."),
        .error(.rateLimited, "Too many long lists are on their way to this address, or to all."),
        .error(.unavailable, "The list is not there yet, or has ended; ask again."),
    ]
}
