import ConnectorKit
package import Domain
package import EmbeddedCA
import Encoding
package import IssuerConnectors
package import PKI
package import Query
package import Sealing
import Store

/// Keeps the built-in authorities in the database: chains in the open, keys sealed or by their reference.
package struct AuthorityKeeper: Sendable {
    let database: any Database
    let sealer: Sealer
    let time: TimeSource
    let random: RandomSource
    private let recorder: Recorder

    package init(database: any Database, sealer: Sealer, time: TimeSource, random: RandomSource) {
        self.database = database
        self.sealer = sealer
        self.time = time
        self.random = random
        recorder = Recorder(random: random)
    }

    /// The access that connectors get.
    ///
    /// - `readCertificates`: Reads a certificate file of the server.
    /// - `readKey`: Reads a supplied key file after checking that nobody else may.
    /// - `publicURL`: Where relying parties reach this server.
    /// - `keys`: The drivers of keys that are not kept here.
    /// - `linter`: What keeps a certificate from being signed.
    /// - `ceilings`: How often keys of authorities may sign.
    /// - `observe`: Is told of every signature by a key of an authority.
    package func access(
        readCertificates: @escaping @Sendable (_ path: String) async throws -> String,
        readKey: @escaping @Sendable (_ path: String, _ passphrase: Secret?) async throws -> PrivateKey,
        publicURL: String? = nil,
        keys: KeyDriverRegistry = KeyDriverRegistry([]),
        linter: Linter = Linter(),
        ceilings: SignatureCeilings? = nil,
        observe: @escaping @Sendable (SignerOperation) -> Void = { _ in }
    ) -> AuthorityAccess {
        AuthorityAccess(
            load: { issuer in try await database.read { tx in try load(issuer, in: tx) } },
            storeIfAbsent: { issuer, authority in try await store(authority, of: issuer) },
            readCertificates: readCertificates,
            readKey: readKey,
            publicURL: publicURL,
            keys: keys,
            linter: linter,
            ceilings: ceilings,
            observe: observe
        )
    }

    /// Makes connectors for an ``IssuerRegistry``: reads the issuer, opens its configuration, loads its authority.
    package func connectorMaker(_ authorities: AuthorityAccess) -> IssuerRegistry.Maker {
        { issuerID in
            let (issuer, sealed) = try await database.read { tx in
                (try IssuerStore().get(issuerID, in: tx), try IssuerStore().encryptedConfig(of: issuerID, in: tx))
            }
            let config = try Self.opened(sealed, of: issuer, by: sealer)
            if issuer.hierarchyMode == .tree {
                return (issuer.configRevision, try await tree(issuer, config, authorities))
            }
            let connector = try await IssuerCatalog.makeConnector(
                issuerID,
                type: issuer.type,
                config: config,
                authorities: authorities,
                time: time
            )
            return (issuer.configRevision, connector)
        }
    }

    /// An issuer whose configuration does not open is unavailable, and no other one with it.
    static func opened(_ sealed: [UInt8]?, of issuer: Issuer, by sealer: Sealer) throws -> JSONObject {
        do {
            return try ConfigVault(sealer).openObject(sealed, shown: issuer.config, for: .issuer(issuer.id))
        } catch let error as ServiceError {
            throw IssuerError(
                .validation,
                "issuer \(issuer.id.text) is unavailable: \(error.detail)",
                help: "start the server with the key that it was sealed under, or enter its configuration again"
            )
        }
    }

    /// Who has a key already, for people.
    static func owner(of key: KeyReference, in tx: any Transaction) throws -> String? {
        let sole = try AuthorityStore().all(in: tx).first { $0.keyDriver == key.driver && $0.keyReference == key.ref }
        if let sole { return "issuer \(sole.issuerID.text)" }
        let node = try IntermediateCAStore().all(in: tx).first {
            $0.keyDriver == key.driver && $0.keyReference == key.ref
        }
        return node.map { "the CA \($0.id.text)" }
    }

    private func load(_ issuer: IssuerID, in tx: any Transaction) throws -> StoredAuthority? {
        guard let authority = try AuthorityStore().find(issuer, in: tx) else { return nil }
        guard authority.keyDriver == Self.ownDriver else { return try held(authority) }
        return StoredAuthority(
            chain: try X509Certificate.bundle(pem: authority.chainPEM),
            key: .sealed(
                try open(CAKeyID(stored: authority.keyReference), of: "issuer \(issuer.text)", in: tx)))
    }

    /// A key of the database, unsealed.
    func open(_ id: CAKeyID, of owner: String, in tx: any Transaction) throws -> PrivateKey {
        guard let key = try SealedKeyStore().find(id, in: tx) else {
            throw IssuerError(
                .validation,
                "the key \(id.text) of \(owner) is not in the database",
                help: "restore the database from a backup that holds it"
            )
        }
        do {
            let octets = try sealer.open(key.sealedPKCS8, for: Self.place(of: id))
            return try octets.withBytes { try PrivateKey(pkcs8DER: $0) }
        } catch {
            throw IssuerError(
                .validation,
                "the CA of \(owner) cannot be opened: \(error)",
                help: "start the server with the encryption key that the CA was sealed under"
            )
        }
    }

    private func held(_ authority: Authority) throws -> StoredAuthority {
        StoredAuthority(
            chain: try X509Certificate.bundle(pem: authority.chainPEM),
            key: .held(KeyReference(driver: authority.keyDriver, ref: authority.keyReference))
        )
    }

    /// The row of the issuer is locked first, so of two that made an authority at the same time one stores it and the
    /// other gets what was stored.
    private func store(_ authority: StoredAuthority, of issuer: IssuerID) async throws -> StoredAuthority {
        let keyID = CAKeyID(generatedAt: time.now, random: random)
        return try await database.write { tx in
            _ = try tx.row("SELECT id FROM issuers WHERE id = \(issuer)\(lock: .forUpdate)")
            if let stored = try load(issuer, in: tx) { return stored }
            guard try IssuerStore().get(issuer, in: tx).hierarchyMode == .single else {
                throw IssuerError(
                    .validation, "issuer \(issuer.text) became a tree of CAs meanwhile", help: "create its root")
            }
            guard let certificate = authority.chain.first else { return authority }
            let reference = try keep(authority.key, as: keyID, in: tx)
            try AuthorityStore().insert(
                NewAuthority(
                    issuerID: issuer,
                    chainPEM: authority.chain.map(\.pem).joined(),
                    keyDriver: reference.driver,
                    keyReference: reference.ref,
                    spkiSHA256: certificate.subjectPublicKey.spkiSHA256,
                    notBefore: certificate.notBefore,
                    notAfter: certificate.notAfter
                ),
                in: tx
            )
            try recorder.record(
                authority.isKeyNew ? .authorityKeyGenerated : .authorityKeyAdopted,
                issuer.text,
                details: [
                    "algorithm": .string(certificate.subjectPublicKey.name),
                    "key_driver": .string(reference.driver), "key_ref": .string(reference.ref),
                    "spki_sha256": .string(certificate.subjectPublicKey.spkiSHA256),
                ],
                by: .system,
                in: tx
            )
            return authority
        }
    }

    /// Seals a key of our own; of one that a driver holds, sees that no other authority has it: whoever relies on two CAs
    /// that share a key cannot tell their revocations apart.
    func keep(_ key: AuthorityKey, as id: CAKeyID, in tx: any Transaction) throws -> KeyReference {
        switch key {
        case .sealed(let key):
            try SealedKeyStore().insert(
                SealedKey(
                    id: id,
                    algorithm: key.publicKey.name,
                    spkiSHA256: key.publicKey.spkiSHA256,
                    sealedPKCS8: sealer.seal(key.pkcs8DER, for: Self.place(of: id)),
                    createdAt: tx.now
                ),
                in: tx
            )
            return KeyReference(driver: Self.ownDriver, ref: id.text)
        case .held(let reference):
            if let owner = try Self.owner(of: reference, in: tx) {
                throw IssuerError(
                    .validation, "the key \(reference.ref) is that of \(owner) already",
                    help: "give each CA a key of its own")
            }
            return reference
        }
    }

    /// What ``KeyReference/driver`` says of keys that are sealed in the database.
    package static let ownDriver = "database"

    private static func place(of key: CAKeyID) -> SealedPlace {
        SealedPlace(table: SealedKeyStore.table, column: SealedKeyStore.column, rowID: key.text)
    }
}
