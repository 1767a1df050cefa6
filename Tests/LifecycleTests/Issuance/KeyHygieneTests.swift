import DatabaseTestSupport
import Domain
import Encoding
import IssuerConnectors
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("protocol servers §8.4: keys that belong to somebody are certified for nobody else")
struct KeyHygieneTests {
    private static let api = CertificateID(stored: "api")

    /// Why a request with this key is refused; nothing is recorded of it.
    private static func problems(_ key: PrivateKey, _ world: World) async throws -> [String] {
        let orders: SQL = "SELECT COUNT(*) AS n FROM issuer_orders"
        let before = try await world.count(orders)
        do {
            _ = try await world.issuance.submit(
                clientCSR: try World.csr("api", key: key), for: api, by: world.author)
            return []
        } catch let error as ServiceError {
            #expect(error.code == .policyViolation)
            #expect(try await world.count(orders) == before)
            return error.problems.map(\.code)
        }
    }

    @Test(
        "keys of authorities, OCSP responders and ACME accounts are refused, with a profile and without",
        arguments: Engine.available)
    func reserved(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            #expect(try await Self.problems(try PrivateKey.generate(.ecdsaP256), world) == [])
            let authority = try #require(try await world.authorities.load(World.issuer))
            guard case .sealed(let signer) = authority.key else {
                Issue.record("the key of the authority is elsewhere")
                return
            }
            #expect(try await Self.problems(signer, world) == ["authority_key"])

            let responder = try PrivateKey.generate(.ecdsaP256)
            let account = try PrivateKey.generate(.ecdsaP384)
            let thumbprint = try #require(account.publicKey.jwkThumbprint)
            _ = try await world.profiles.create(id: "prof-1", ProfileFields(name: "rules"), by: world.author)
            try await world.database.write { tx in
                _ = try OCSPResponderStore().begin(
                    PendingOCSPResponder(
                        id: OCSPResponderID(stored: "ocspr-1"), authority: AuthorityID(soleOf: World.issuer),
                        caSHA256: String(repeating: "a", count: 64), serialNumber: "1f", keyAlgorithm: "ECDSA-P256",
                        spkiSHA256: responder.publicKey.spkiSHA256, key: .file("/nowhere"), createdAt: tx.now),
                    replacing: nil, abandonedBefore: tx.now, in: tx)
                _ = try ACMEAccountStore().insert(
                    NewACMEAccount(
                        id: ACMEAccountID(stored: "acme-acc-1"), profileID: ProfileID(stored: "prof-1"),
                        thumbprint: thumbprint, jwk: ["kty": "EC"]),
                    in: tx)
            }
            #expect(try await Self.problems(responder, world) == ["responder_key"])
            #expect(try await Self.problems(account, world) == ["account_key"])

            // The other way round: a key that signs for this server opens no account.
            let accounts = ACMEAccountFlow(world.context, sealer: world.sealer, plan: { ACMEPlan() })
            for key in [signer, responder] {
                await #expect(throws: ACMEProblem.self) { try await accounts.requireUsable(key.publicKey) }
            }
            try await accounts.requireUsable(account.publicKey)
            try await accounts.requireUsable(PrivateKey.generate(.rsa2048).publicKey)
        }
    }
}
