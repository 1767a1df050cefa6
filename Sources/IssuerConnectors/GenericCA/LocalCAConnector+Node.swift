import ConnectorKit
package import Domain
package import EmbeddedCA
package import Encoding
package import PKI

/// A CA of a tree as it is kept.
package struct StoredNode: Sendable {
    package let id: AuthorityID
    /// The CA first, then those above it, the root last.
    package let chain: [X509Certificate]
    package let key: AuthorityKey
    /// Where OCSP is answered for what it signs; `nil` for this server's own address.
    package let ocspURL: String?

    package init(id: AuthorityID, chain: [X509Certificate], key: AuthorityKey, ocspURL: String?) {
        self.id = id
        self.chain = chain
        self.key = key
        self.ocspURL = ocspURL
    }
}

extension LocalCAConnector {
    /// The connector of one CA of a tree: what it signs points at its own lists and answers.
    ///
    /// - `config`: That of the issuer; a tree has the same rules for leaves throughout.
    package static func make(
        node: StoredNode, config: JSONObject, authorities: AuthorityAccess, time: TimeSource
    ) async throws -> LocalCAConnector {
        let (signer, key) = try await signer(of: node, authorities)
        var settings = try GenericCAConfig(config).settings(pointingAt: node.id, under: authorities.publicURL)
        settings.linter = authorities.linter
        if let url = node.ocspURL { settings.ocspURLs = [url] }
        do {
            let authority = try LocalCA(
                certificateChain: node.chain,
                signer: authorities.observed(signer, key?.driver ?? "database"), settings: settings,
                now: time.now)
            return LocalCAConnector(authority: authority, key: key, time: time)
        } catch {
            throw IssuerError(
                .validation, "the CA \(node.id.text) cannot be used: \(error)",
                help: "renew the CA, or correct the clock")
        }
    }

    private static func signer(
        of node: StoredNode, _ authorities: AuthorityAccess
    ) async throws -> (any Signer, KeyReference?) {
        switch node.key {
        case .sealed(let key): return (InProcessSigner(key: key), nil)
        case .held(let reference): return (try await authorities.signer(reference, of: node.id), reference)
        }
    }
}

extension AuthorityAccess {
    /// The proven signer of a key that is not sealed in the database: in a token, or a file of the server.
    package func signer(_ reference: KeyReference, of id: AuthorityID) async throws -> any Signer {
        do {
            let signer: any Signer
            if reference.driver == "file" {
                signer = InProcessSigner(key: try await readKey(reference.ref, nil))
            } else {
                signer = try await keys.load(reference)
            }
            try await signer.prove()
            return signer
        } catch let error as SignerError {
            throw Self.unusable(reference, of: id, "\(error)", isPassing: error.isTransient)
        } catch let error as KeyError {
            throw Self.unusable(reference, of: id, error.description, isPassing: false)
        }
    }

    private static func unusable(
        _ key: KeyReference, of id: AuthorityID, _ reason: String, isPassing: Bool
    ) -> IssuerError {
        let message = "the key \(key.ref) of the CA \(id.text) cannot be used: \(reason)"
        return isPassing
            ? IssuerError(.other, message, help: "it is tried again; look after the token if it persists")
            : IssuerError(.auth, message, help: "correct the token or the file, and its settings")
    }
}

extension SignerError {
    fileprivate var isTransient: Bool { if case .transient = self { true } else { false } }
}
