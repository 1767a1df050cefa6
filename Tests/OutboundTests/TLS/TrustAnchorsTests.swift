import Outbound
import TestSupport
import Testing

@Suite("A bundle of trust anchors is used whole or refused")
struct TrustAnchorsTests {
    @Test(
        "an empty bundle, one without certificates and a damaged one are errors",
        arguments: [
            "", "nothing here", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
        ])
    func unusable(_ text: String) {
        #expect(throws: TrustAnchorError.self) { try TrustAnchors(pemBundle: text) }
    }

    @Test("every certificate of a bundle is an anchor, comments are ignored")
    func bundle() async throws {
        let authority = try await OpenSSLAuthority()
        let anchors = try TrustAnchors(pemBundle: "# ours\n" + authority.root + "\n# more\n" + authority.intermediate)
        guard case .certificates(let certificates) = anchors else {
            Issue.record("not a list of certificates")
            return
        }
        #expect(certificates.count == 2)
    }
}
