import ConnectorKit
import Domain
import PKI
import TestSupport
import Testing

@Suite("Targets §1.9: the chain is ordered, without duplicates, strangers and the root")
struct DeploymentMaterialTests {
    @Test("order and strangers do not matter")
    func ordered() async throws {
        let new = try await Certificates.newIssued()
        let other = try await Certificates.otherIssued()
        let text = new.certificate + other.certificate + (try await Certificates.root()) + new.chain + new.chain
        let material = try DeploymentMaterial(certificatePEM: text, key: nil)
        #expect(material.leafPEM == new.certificate)
        #expect(material.chainPEM == new.chain)
        #expect(try material.fingerprint == new.fingerprint)
    }

    @Test(
        "a text without a readable certificate is refused",
        arguments: [
            "", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ])
    func unreadable(_ text: String) {
        #expect(throws: DeploymentMaterialError.self) { try DeploymentMaterial(certificatePEM: text, key: nil) }
    }
}
