import ConnectorKit
package import Domain
import Encoding
package import IssuerConnectors
import PKI
package import Query
package import Sealing
import Store

/// Keeps the built-in authorities in the database: chains in the open, keys sealed.
package struct AuthorityKeeper: Sendable {
    private let database: any Database
    private let sealer: Sealer
    private let time: TimeSource
    private let random: RandomSource

    package init(database: any Database, sealer: Sealer, time: TimeSource, random: RandomSource) {
        self.database = database
        self.sealer = sealer
        self.time = time
        self.random = random
    }

    /// The access that connectors get.
    ///
    /// - `readCertificates`: Reads a certificate file of the server.
    /// - `readKey`: Reads a key file after checking that nobody else may.
    /// - `publicURL`: Where relying parties reach this server.
    package func access(
        readCertificates: @escaping @Sendable (_ path: String) async throws -> String,
        readKey: @escaping @Sendable (_ path: String) async throws -> Secret,
        publicURL: String? = nil
    ) -> AuthorityAccess {
        AuthorityAccess(
            load: { issuer in try await database.read { tx in try load(issuer, in: tx) } },
            storeIfAbsent: { issuer, authority in try await store(authority, of: issuer) },
            readCertificates: readCertificates,
            readKey: readKey,
            publicURL: publicURL
        )
    }

    /// Makes connectors for an ``IssuerRegistry``: reads the issuer, opens its configuration, loads its authority.
    package func connectorMaker(_ authorities: AuthorityAccess) -> IssuerRegistry.Maker {
        { issuerID in
            let (issuer, sealed) = try await database.read { tx in
                (try IssuerStore().get(issuerID, in: tx), try IssuerStore().encryptedConfig(of: issuerID, in: tx))
            }
            let config = try Self.opened(sealed, of: issuer, by: sealer)
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
    private static func opened(_ sealed: [UInt8]?, of issuer: Issuer, by sealer: Sealer) throws -> JSONObject {
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

    private func load(_ issuer: IssuerID, in tx: any Transaction) throws -> StoredAuthority? {
        guard let authority = try AuthorityStore().find(issuer, in: tx) else { return nil }
        let id = CAKeyID(stored: authority.keyReference)
        guard let key = try SealedKeyStore().find(id, in: tx) else {
            throw IssuerError(
                .validation,
                "the key \(id.text) of issuer \(issuer.text) is not in the database",
                help: "restore the database from a backup that holds it"
            )
        }
        do {
            let octets = try sealer.open(key.sealedPKCS8, for: Self.place(of: id))
            return StoredAuthority(
                chain: try X509Certificate.bundle(pem: authority.chainPEM),
                key: try octets.withBytes { try PrivateKey(pkcs8DER: $0) }
            )
        } catch {
            throw IssuerError(
                .validation,
                "the CA of issuer \(issuer.text) cannot be opened: \(error)",
                help: "start the server with the encryption key that the CA was sealed under"
            )
        }
    }

    /// The row of the issuer is locked first, so of two that made an authority at the same time one stores it and the
    /// other gets what was stored.
    private func store(_ authority: StoredAuthority, of issuer: IssuerID) async throws -> StoredAuthority {
        let keyID = CAKeyID(generatedAt: time.now, random: random)
        return try await database.write { tx in
            _ = try tx.row("SELECT id FROM issuers WHERE id = \(issuer)\(lock: .forUpdate)")
            if let stored = try load(issuer, in: tx) { return stored }
            guard let certificate = authority.chain.first else { return authority }
            try SealedKeyStore().insert(
                SealedKey(
                    id: keyID,
                    algorithm: authority.key.publicKey.name,
                    spkiSHA256: authority.key.publicKey.spkiSHA256,
                    sealedPKCS8: sealer.seal(authority.key.pkcs8DER, for: Self.place(of: keyID)),
                    createdAt: tx.now
                ),
                in: tx
            )
            try AuthorityStore().insert(
                NewAuthority(
                    issuerID: issuer,
                    chainPEM: authority.chain.map(\.pem).joined(),
                    keyDriver: "database",
                    keyReference: keyID.text,
                    notBefore: certificate.notBefore,
                    notAfter: certificate.notAfter
                ),
                in: tx
            )
            return authority
        }
    }

    private static func place(of key: CAKeyID) -> SealedPlace {
        SealedPlace(table: SealedKeyStore.table, column: SealedKeyStore.column, rowID: key.text)
    }
}
