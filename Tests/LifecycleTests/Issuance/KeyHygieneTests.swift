import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import IssuerConnectors
import Lifecycle
import PKI
import Query
import Store
import TestSupport
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

    /// As `openssl rsa -modulus | sha1sum` has it.
    private static func fingerprint(_ key: PrivateKey) async throws -> String {
        let openssl = try OpenSSL()
        let file = try openssl.file("key.pem", key.pkcs8PEM.withText { $0 })
        let modulus = try openssl.file("modulus", try await openssl.succeed("rsa", "-in", file, "-noout", "-modulus"))
        return String(try await openssl.succeed("dgst", "-sha1", "-r", modulus).prefix(40).suffix(20))
    }

    @Test(
        "keys on a list are refused in requests, of accounts, in imports and of CAs (CVE-2008-0166)",
        arguments: Engine.available)
    func listed(engine: Engine) async throws {
        let (weak, good) = (try PrivateKey.generate(.rsa2048), try PrivateKey.generate(.rsa2048))
        let list = try WeakKeyList(files: [Array("# RSA\n\(try await Self.fingerprint(weak))\n".utf8)])
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let context = LifecycleContext(
                database: world.database, time: world.time, random: .system, weakKeys: list)
            try await world.certificate("api")
            let issuance = IssueFlow(context, registry: world.registry, instance: "one")
            func refusal(_ key: PrivateKey) async throws -> [String] {
                do {
                    _ = try await issuance.submit(
                        clientCSR: try World.csr("api", key: key), for: Self.api, by: world.author)
                    return []
                } catch let error as ServiceError { return error.problems.map(\.code) }
            }
            #expect(try await refusal(weak) == ["weak_key"])
            #expect(try await refusal(good) == [])

            let accounts = ACMEAccountFlow(context, sealer: world.sealer, plan: { ACMEPlan() })
            await #expect(throws: ACMEProblem.self) { try await accounts.requireUsable(weak.publicKey) }

            let openssl = try OpenSSL()
            let file = try openssl.file("key.pem", weak.pkcs8PEM.withText { $0 })
            let pem = try await openssl.succeed(
                "req", "-x509", "-key", file, "-subj", "/CN=old.example.com", "-days", "90", "-addext",
                "subjectAltName=DNS:old.example.com", "-addext", "basicConstraints=critical,CA:FALSE")
            let chain = try X509Certificate.bundle(pem: pem)
            do {
                _ = try await CertificateImportFlow(context).importCertificate(
                    CertificateImport(chain: chain, destination: .new(world.draft("again"))), rehearsing: false,
                    by: world.author)
                Issue.record("a weak key was imported")
            } catch let error as ServiceError {
                #expect(error.code == .unprocessable && error.problems.map(\.code) == ["weak_key"], "\(error)")
            }

            let now = world.time.now
            let root = try await LocalCA.createRoot(
                commonName: "Weak", serial: RecordedSerial(alreadyRecorded: .random(.system)),
                signer: InProcessSigner(key: weak), validity: (now - .days(1), now + .days(900)))
            var draft = CADraft(issuerID: Grove.issuer)
            draft.name = "Weak"
            draft.rootPEM = root.pem
            let hierarchy = HierarchyFlow(
                context, registry: world.registry,
                keeper: AuthorityKeeper(
                    database: world.database, sealer: world.sealer, time: world.time, random: .system),
                authorities: world.authorities, ceremonies: world.ceremonies(.never))
            do {
                _ = try await hierarchy.create(draft, by: world.author)
                Issue.record("a weak root was registered")
            } catch let error as ServiceError {
                #expect(error.code == .unprocessable && error.problems.map(\.code) == ["weak_key"], "\(error)")
            }
        }
    }
}
