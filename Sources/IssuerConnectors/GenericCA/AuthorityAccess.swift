package import Domain
package import PKI

/// A certification authority as it is kept: its chain, issuing certificate first, and its key.
package struct StoredAuthority: Sendable {
    package let chain: [X509Certificate]
    package let key: PrivateKey

    package init(chain: [X509Certificate], key: PrivateKey) {
        self.chain = chain
        self.key = key
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
    /// The text of a key file, which nobody but the server may be able to read.
    package let readKey: @Sendable (_ path: String) async throws -> Secret
    /// The origin of the addresses that certificates name where the issuer's configuration has none; `nil` for none.
    package let publicURL: String?

    package init(
        load: @escaping @Sendable (IssuerID) async throws -> StoredAuthority?,
        storeIfAbsent: @escaping @Sendable (IssuerID, StoredAuthority) async throws -> StoredAuthority,
        readCertificates: @escaping @Sendable (_ path: String) async throws -> String,
        readKey: @escaping @Sendable (_ path: String) async throws -> Secret,
        publicURL: String? = nil
    ) {
        self.load = load
        self.storeIfAbsent = storeIfAbsent
        self.readCertificates = readCertificates
        self.readKey = readKey
        self.publicURL = publicURL
    }
}
