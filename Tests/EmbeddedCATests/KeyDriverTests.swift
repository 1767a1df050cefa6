import Domain
import EmbeddedCA
import PKI
import Testing

@Suite("Issuers §5: key drivers")
struct KeyDriverTests {
    @Test("a stored reference leads to the same key through each driver")
    func load() async throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        let memory = MemoryKeyDriver()
        let reference = memory.adopt(key)
        let pem = key.pkcs8PEM
        let rows = StoredKeyDriver.database { id throws(SignerError) in
            guard id == "dbkey-1" else { throw .keyNotFound(id) }
            return pem
        }
        let registry = KeyDriverRegistry([memory, rows])
        #expect(reference == KeyReference(driver: "memory", ref: "mem-1"))
        for reference in [reference, KeyReference(driver: "database", ref: "dbkey-1")] {
            #expect(try await registry.load(reference).publicKey == key.publicKey)
        }
        await #expect(throws: SignerError.keyNotFound("dbkey-2")) {
            try await registry.load(KeyReference(driver: "database", ref: "dbkey-2"))
        }
        await #expect(throws: SignerError.keyNotFound("memory:mem-9")) {
            try await registry.load(KeyReference(driver: "memory", ref: "mem-9"))
        }
        await #expect(
            throws: SignerError.unsupported("key driver aws-kms is not built in; available: database, memory")
        ) {
            try await registry.load(KeyReference(driver: "aws-kms", ref: "x"))
        }
    }

    @Test("an unreadable key is reported without its octets")
    func unreadable() async {
        let driver = StoredKeyDriver.database { _ throws(SignerError) in Secret("-----BEGIN topsecret") }
        await #expect {
            try await driver.load("dbkey-1", for: .authority)
        } throws: {
            "\($0)".contains("dbkey-1") && !"\($0)".contains("topsecret")
        }
    }
}
