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
        var authorities = authorities
        authorities.keys = authorities.keys.unlocking(with: config.keyPassphrase)
        let (chain, signer, driver, key) = try await authority(of: issuer, config, authorities, time)
        var settings = config.settings(pointingAt: AuthorityID(soleOf: issuer), under: authorities.publicURL)
        settings.linter = authorities.linter
        do {
            let authority = try LocalCA(
                certificateChain: chain,
                signer: authorities.observed(signer, driver),
                settings: settings,
                now: time.now
            )
            return LocalCAConnector(authority: authority, key: key, time: time)
        } catch {
            throw IssuerError(
                .validation,
                "the CA of issuer \(issuer.text) cannot be used: \(error)",
                help: "supply a CA certificate and key that match, or correct the clock"
            )
        }
    }

    /// Chain, signer, the driver that holds the key, and where it does that if it is not in this process.
    private typealias Usable = (
        chain: [X509Certificate], signer: any Signer, driver: String, key: KeyReference?
    )

    private static func authority(
        of issuer: IssuerID,
        _ config: GenericCAConfig,
        _ authorities: AuthorityAccess,
        _ time: TimeSource
    ) async throws -> Usable {
        switch config.material {
        case .files(let certificatePath, let keyPath):
            return try await files(certificatePath, keyPath, config.keyPassphrase, authorities)
        case .heldBelow(let certificatePath, let key):
            let chain = try certificates(try await authorities.readCertificates(certificatePath), certificatePath)
            return (chain, try await signer(key, of: issuer, authorities), key.driver, key)
        case .generated(let commonName, let keySpec, let validity):
            if let stored = try await authorities.load(issuer) { return try await use(stored, of: issuer, authorities) }
            let key = try await generate(keySpec)
            let root = try await root(commonName, InProcessSigner(key: key), "database", validity, authorities, time)
            let stored = StoredAuthority(chain: [root], key: .sealed(key), isKeyNew: true)
            return try await use(try await authorities.storeIfAbsent(issuer, stored), of: issuer, authorities)
        case .held(let commonName, let reference, let keySpec, let validity):
            if let stored = try await authorities.load(issuer) { return try await use(stored, of: issuer, authorities) }
            return try await makeHeld(commonName, reference, keySpec, validity, of: issuer, authorities, time)
        }
    }

    /// What was stored decides which driver holds the key, whatever the configuration says by now.
    private static func use(
        _ stored: StoredAuthority, of issuer: IssuerID, _ authorities: AuthorityAccess
    ) async throws -> Usable {
        switch stored.key {
        case .sealed(let key): (stored.chain, InProcessSigner(key: key), "database", nil)
        case .held(let key): (stored.chain, try await signer(key, of: issuer, authorities), key.driver, key)
        }
    }

    private static func signer(
        _ key: KeyReference, of issuer: IssuerID, _ authorities: AuthorityAccess
    ) async throws(IssuerError) -> any Signer {
        do throws(SignerError) {
            let signer = try await authorities.keys.load(key)
            try await signer.prove()
            return signer
        } catch {
            throw unusable(key, of: issuer, error)
        }
    }

    /// Of two that make a key at the same time one is stored, and the key of the other is removed.
    private static func makeHeld(
        _ commonName: String, _ wanted: KeyReference, _ keySpec: KeySpec?, _ validity: Duration, of issuer: IssuerID,
        _ authorities: AuthorityAccess, _ time: TimeSource
    ) async throws -> Usable {
        let made: ObtainedKey
        do throws(SignerError) {
            made = try await authorities.keys.obtain(keySpec, at: wanted)
            try await made.signer.prove()
        } catch {
            throw unusable(wanted, of: issuer, error)
        }
        let own = KeyReference(driver: wanted.driver, ref: made.ref)
        let root = try await root(commonName, made.signer, own.driver, validity, authorities, time)
        let stored = try await authorities.storeIfAbsent(
            issuer, StoredAuthority(chain: [root], key: .held(own), isKeyNew: made.isOwn))
        if made.isNew, case .held(let reference) = stored.key, reference != own {
            do throws(SignerError) {
                try await authorities.keys.discard(own)
            } catch {
                throw unusable(own, of: issuer, error)
            }
        }
        return try await use(stored, of: issuer, authorities)
    }

    private static func unusable(_ key: KeyReference, of issuer: IssuerID, _ error: SignerError) -> IssuerError {
        let message = "the key \(key.ref) of issuer \(issuer.text) cannot be used: \(error)"
        return if case .transient = error {
            IssuerError(
                .other, message, help: "it is tried again; look after the token, the signer or the disk if it persists")
        } else {
            IssuerError(
                .auth, message,
                help: "correct the token, the signer or the file, its settings, or the issuer's configuration")
        }
    }

    private static func files(
        _ certificatePath: String,
        _ keyPath: String,
        _ passphrase: Secret?,
        _ authorities: AuthorityAccess
    ) async throws -> Usable {
        let text = try await authorities.readCertificates(certificatePath)
        do {
            let key = try await authorities.readKey(keyPath, passphrase)
            return (try certificates(text, certificatePath), InProcessSigner(key: key), "file", nil)
        } catch let error as SignerError {
            throw IssuerError(
                .validation, "the supplied CA key cannot be read: \(error)", help: "check \(keyPath)")
        }
    }

    private static func certificates(_ text: String, _ path: String) throws -> [X509Certificate] {
        do {
            return try X509Certificate.bundle(pem: text)
        } catch {
            throw IssuerError(
                .validation, "the supplied CA certificate cannot be read: \(error)", help: "check \(path)")
        }
    }

    private static func generate(_ spec: KeySpec) async throws(IssuerError) -> PrivateKey {
        do throws(SignerError) { return try await SigningExecutor.computing.generate(spec) } catch .transient(
            let reason)
        {
            throw IssuerError(.other, "the CA could not be made: \(reason)", help: "it is tried again")
        } catch {
            throw IssuerError(
                .validation, "the CA could not be made: \(error)", help: "correct the issuer's configuration")
        }
    }

    private static func root(
        _ commonName: String, _ signer: any Signer, _ driver: String, _ validity: Duration,
        _ authorities: AuthorityAccess, _ time: TimeSource
    ) async throws(IssuerError) -> X509Certificate {
        let now = Timestamp(secondsSinceEpoch: time.now.secondsSinceEpoch)
        do throws(LocalCAError) {
            return try await LocalCA.createRoot(
                commonName: commonName,
                serial: RecordedSerial(alreadyRecorded: .random(.system)),
                signer: authorities.observed(signer, driver),
                validity: (notBefore: now - .minutes(1), notAfter: now + validity), linter: authorities.linter
            )
        } catch .signer(.transient(let reason)) {
            throw IssuerError(.other, "the CA could not be made: \(reason)", help: "it is tried again")
        } catch {
            throw IssuerError(
                .validation, "the CA could not be made: \(error)", help: "correct the issuer's configuration")
        }
    }
}
