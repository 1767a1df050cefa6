package import Domain
package import EmbeddedCA
package import PKI

/// The key of an authority as it is kept.
package enum AuthorityKey: Sendable {
    /// In the database, sealed; here it is open.
    case sealed(PrivateKey)
    /// Held by a key driver, which signs with it.
    case held(KeyReference)
}

/// A certification authority as it is kept: its chain, issuing certificate first, and its key.
package struct StoredAuthority: Sendable {
    package let chain: [X509Certificate]
    package let key: AuthorityKey
    /// Whether the key was made for this authority just now, rather than found.
    package let isKeyNew: Bool

    package init(chain: [X509Certificate], key: AuthorityKey, isKeyNew: Bool = false) {
        self.chain = chain
        self.key = key
        self.isKeyNew = isKeyNew
    }
}

/// How the built-in authority reaches what is kept for it; each closure does the I/O that connectors may not.
package struct AuthorityAccess: Sendable {
    /// The authority of an issuer, if one was ever made.
    package let load: @Sendable (IssuerID) async throws -> StoredAuthority?
    /// Stores a fresh authority unless the issuer has one by now; the one that counts, whoever made it.
    package let storeIfAbsent: @Sendable (IssuerID, StoredAuthority) async throws -> StoredAuthority
    /// The text of a certificate file.
    package let readCertificates: @Sendable (_ path: String) async throws -> String
    /// The key of a file, which nobody but the server may be able to read. Without a passphrase that of the settings is
    /// tried.
    package let readKey: @Sendable (_ path: String, _ passphrase: Secret?) async throws -> PrivateKey
    /// The origin of the addresses that certificates name where the issuer's configuration has none; `nil` for none.
    package let publicURL: String?
    /// The drivers of keys that are not sealed in the database.
    package var keys: KeyDriverRegistry
    /// What keeps a certificate from being signed.
    package let linter: Linter
    /// How often keys of authorities may sign; `nil` for no limit.
    package let ceilings: SignatureCeilings?
    /// Is told of every signature by a key of an authority.
    package let observe: @Sendable (SignerOperation) -> Void

    package init(
        load: @escaping @Sendable (IssuerID) async throws -> StoredAuthority?,
        storeIfAbsent: @escaping @Sendable (IssuerID, StoredAuthority) async throws -> StoredAuthority,
        readCertificates: @escaping @Sendable (_ path: String) async throws -> String,
        readKey: @escaping @Sendable (_ path: String, _ passphrase: Secret?) async throws -> PrivateKey,
        publicURL: String? = nil,
        keys: KeyDriverRegistry = KeyDriverRegistry([]),
        linter: Linter = Linter(),
        ceilings: SignatureCeilings? = nil,
        observe: @escaping @Sendable (SignerOperation) -> Void = { _ in }
    ) {
        self.load = load
        self.storeIfAbsent = storeIfAbsent
        self.readCertificates = readCertificates
        self.readKey = readKey
        self.publicURL = publicURL
        self.keys = keys
        self.linter = linter
        self.ceilings = ceilings
        self.observe = observe
    }
    /// A signer whose signatures are counted and told of.
    package func observed(_ signer: any Signer, _ driver: String) -> ObservedSigner {
        ObservedSigner(signer, driver: driver, ceilings: ceilings, observe: observe)
    }
}
