import ConnectorKit
package import Domain
import EmbeddedCA
import PKI

extension LocalCAConnector {
    /// Loads the authority of an issuer, making it at its very first use.
    ///
    /// Of two replicas that start together both may make a key; one is stored, and both use that one.
    package static func make(
        for issuer: IssuerID,
        config: GenericCAConfig,
        authorities: AuthorityAccess,
        time: TimeSource
    ) async throws -> LocalCAConnector {
        let stored = try await authority(of: issuer, config.material, authorities, time)
        do {
            let authority = try LocalCA(
                certificateChain: stored.chain,
                signer: InProcessSigner(key: stored.key),
                settings: config.settings(pointingAt: issuer, under: authorities.publicURL),
                now: time.now
            )
            return LocalCAConnector(authority: authority, time: time)
        } catch {
            throw IssuerError(
                .validation,
                "the CA of issuer \(issuer.text) cannot be used: \(error)",
                help: "supply a CA certificate and key that match, or correct the clock"
            )
        }
    }

    private static func authority(
        of issuer: IssuerID,
        _ material: GenericCAConfig.Material,
        _ authorities: AuthorityAccess,
        _ time: TimeSource
    ) async throws -> StoredAuthority {
        switch material {
        case .files(let certificatePath, let keyPath):
            return try await files(certificatePath, keyPath, authorities)
        case .generated(let commonName, let keySpec, let validity):
            if let stored = try await authorities.load(issuer) { return stored }
            let made = try await generate(commonName, keySpec, validity, time)
            return try await authorities.storeIfAbsent(issuer, made)
        }
    }

    private static func files(
        _ certificatePath: String,
        _ keyPath: String,
        _ authorities: AuthorityAccess
    ) async throws -> StoredAuthority {
        let certificates = try await authorities.readCertificates(certificatePath)
        let key = try await authorities.readKey(keyPath)
        do {
            return StoredAuthority(
                chain: try X509Certificate.bundle(pem: certificates),
                key: try PrivateKey(pem: key)
            )
        } catch {
            throw IssuerError(
                .validation,
                "the supplied CA files cannot be read: \(error)",
                help: "check \(certificatePath) and \(keyPath)"
            )
        }
    }

    private static func generate(
        _ commonName: String,
        _ keySpec: KeySpec,
        _ validity: Duration,
        _ time: TimeSource
    ) async throws -> StoredAuthority {
        do {
            let key = try PrivateKey.generate(keySpec)
            let now = Timestamp(secondsSinceEpoch: time.now.secondsSinceEpoch)
            let root = try await LocalCA.createRoot(
                commonName: commonName,
                serial: RecordedSerial(alreadyRecorded: .random(.system)),
                signer: InProcessSigner(key: key),
                validity: (notBefore: now - .minutes(1), notAfter: now + validity)
            )
            return StoredAuthority(chain: [root], key: key)
        } catch {
            throw IssuerError(
                .validation, "the CA could not be made: \(error)", help: "correct the issuer's configuration")
        }
    }
}
