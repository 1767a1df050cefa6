package import Domain
package import EmbeddedCA
package import PKI
import Synchronization

/// Keys in a PKCS#11 token (issuers §5.2): a smart card, a security module, SoftHSM. References are RFC 7512 URIs.
///
/// Every call of the module happens on threads of this driver, and nobody waits longer than its deadline: a token that
/// stalls fails those who need it and delays nobody else.
package final class TokenKeyDriver: KeyDriver {
    package let name = "pkcs11"

    private let module: TokenModule?
    private let pin: @Sendable () -> Secret?
    private let timeout: Duration
    package let executor: SigningExecutor
    private let pool = TokenSessionPool()
    private let making = MakingLock()

    /// How many callers may wait for their turn; further ones are refused at once.
    private static let longestLine = 256
    /// Making a key of RSA takes a token up to a minute.
    private static let generationFactor = 6

    /// - Parameters:
    ///   - module: `nil` when the settings name none: every call fails and says so.
    ///   - sessions: How many calls, and sessions with each token, at once.
    ///   - timeout: How long a caller waits for a signature.
    ///   - pin: The PIN of the user, as the settings have it now.
    package init(module: TokenModule?, sessions: Int, timeout: Duration, pin: @escaping @Sendable () -> Secret?) {
        self.module = module
        self.pin = pin
        self.timeout = timeout
        executor = SigningExecutor(threads: sessions, waiting: Self.longestLine, deadline: timeout)
    }

    package func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
        let uri = try Self.uri(ref)
        let found = try await run(on: uri) { session throws(TokenFault) in
            _ = try session.knownPrivateKey(uri, seen: false)
            return try session.describe(uri)
        }
        return TokenKey(found, purposes: purposes, driver: self)
    }

    package func obtain(
        _ spec: KeySpec?, at ref: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> ReachedKey {
        let uri = try Self.uri(ref)
        let (found, isNew) = try await run(on: uri, within: timeout * Self.generationFactor) {
            [making] session throws(TokenFault) in
            // Two that come together must not make two keys of one name.
            try making.lock.withLock { _ throws(TokenFault) in
                if let found = try session.describeIfThere(uri) { return (found, false) }
                return (try session.makeKey(spec ?? .ecdsaP256, try Self.named(uri)), true)
            }
        }
        if let spec, found.publicKey.name != spec.rawValue {
            throw .unsupported("the key \(ref) is \(found.publicKey.name), and not \(spec.rawValue)")
        }
        return ReachedKey(
            signer: TokenKey(found, purposes: purposes, driver: self), ref: found.uri.description, isNew: isNew)
    }

    package func generate(
        _ spec: KeySpec, label: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> (signer: any Signer, ref: String) {
        let key = try await obtain(spec, at: label, for: purposes)
        guard key.isNew else { throw .permission("the token has a key \(label) already") }
        return (key.signer, key.ref)
    }

    package func examine(_ ref: String) async throws(SignerError) -> Bool {
        let uri = try Self.uri(ref)
        do throws(SignerError) {
            _ = try await run(on: uri) { session throws(TokenFault) in try session.privateKey(uri) }
            return true
        } catch .keyNotFound {
            return false
        } catch {
            throw error
        }
    }

    package func discard(_ ref: String, isOwn: Bool) async throws(SignerError) {
        let uri = try Self.uri(ref)
        guard uri.id != nil else { throw .permission("only a key that is named by its identifier is removed") }
        try await run(on: uri) { session throws(TokenFault) in
            let key = try session.privateKey(uri)
            for other in try session.publicKeys(uri) { try session.destroy(other) }
            try session.destroy(key)
        }
    }

    package func neighbour(of ref: String, named name: String) throws(SignerError) -> String? {
        var uri = try Self.uri(ref)
        (uri.object, uri.id) = (name, nil)
        return uri.description
    }

    /// With an identifier, which no other key has.
    private static func named(_ uri: PKCS11URI) throws(TokenFault) -> PKCS11URI {
        guard uri.object != nil else {
            throw .refused(.keyNotFound("\(uri) is not in the token; name it with object=LABEL to have it made"))
        }
        var uri = uri
        if uri.id == nil {
            var generator = SystemRandomNumberGenerator()
            uri.id = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        }
        return uri
    }

    private static func uri(_ ref: String) throws(SignerError) -> PKCS11URI {
        do throws(PKCS11URIProblem) {
            return try PKCS11URI(ref)
        } catch {
            throw .unsupported("the reference \(ref) \(error)")
        }
    }

    // MARK: Calls

    /// Runs `body` with a logged-in session, on a thread that may wait for the token.
    func run<Success: Sendable>(
        on uri: PKCS11URI, within deadline: Duration? = nil,
        _ body: @escaping @Sendable (TokenSession) throws(TokenFault) -> Success
    ) async throws(SignerError) -> Success {
        guard let module else {
            throw .unsupported("no PKCS#11 module is configured; set CERTCTL_PKCS11_MODULE to its path")
        }
        let token = PKCS11Token(uri)
        return try await executor.run(within: deadline) { [pool, pin] () throws(SignerError) in
            try pool.attempt(on: token, of: module, pin: pin, body)
        }
    }

    /// The PIN, for keys that want it with every signature.
    var currentPIN: Secret? { pin() }
}

/// Held by the thread that looks for a key and makes it.
private final class MakingLock: Sendable {
    let lock = Mutex(())
}
