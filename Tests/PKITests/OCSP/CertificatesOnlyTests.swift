import Foundation
import PKI
import TestSupport
import Testing

@Suite("RFC 5652 §5: certificates without a signature around them")
struct CertificatesOnlyTests {
    @Test("openssl finds every certificate, in order")
    func order() async throws {
        let root = try TestAuthority.root()
        let certificates = [try root.subordinate("Sub").certificate, root.certificate]
        let openssl = try OpenSSL()
        try Data(CertificatesOnly.encode(certificates)).write(to: URL(filePath: openssl.path("p7c")))
        let outcome = try await openssl.run(["pkcs7", "-inform", "DER", "-in", openssl.path("p7c"), "-print_certs"])
        let blocks = outcome.output.split(separator: "\n").filter { $0.hasPrefix("subject=") }
        #expect(blocks.map { $0.filter { $0 != " " } } == ["subject=CN=Sub", "subject=CN=Root"])
        let structure = try await openssl.run(["asn1parse", "-inform", "DER", "-in", openssl.path("p7c")])
        #expect(structure.status == 0 && structure.output.contains("pkcs7-signedData"))
    }
}
