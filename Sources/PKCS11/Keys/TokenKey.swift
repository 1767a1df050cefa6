import Domain
import EmbeddedCA
import PKI
import Synchronization

/// A key in a token, as it was found there.
struct TokenKeyDescription: Sendable {
    let publicKey: SubjectPublicKey
    /// Names this key alone.
    let uri: PKCS11URI
    /// Whether the token wants the PIN with every signature.
    let wantsPIN: Bool
}

/// Signs with a key that never leaves its token. Its public key was read when it was loaded.
final class TokenKey: Signer {
    let publicKey: SubjectPublicKey
    let purposes: SigningPurposes
    let isExternal = true
    private let uri: PKCS11URI
    private let wantsPIN: Bool
    private let driver: TokenKeyDriver
    /// Where the key was found last, in which initialisation of the module.
    private let handle = Mutex<(epoch: Int, slot: UInt, key: UInt)?>(nil)

    init(_ key: TokenKeyDescription, purposes: SigningPurposes, driver: TokenKeyDriver) {
        publicKey = key.publicKey
        uri = key.uri
        wantsPIN = key.wantsPIN
        self.purposes = purposes
        self.driver = driver
    }

    func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
        let (mechanism, hash) = try Self.mechanism(order.algorithm, of: publicKey)
        let raw = try await driver.run(on: uri) { [self] session throws(TokenFault) in
            let data = if case .rsaPKCS1 = mechanism { order.digestInfo(hash) } else { order.digest(hash) }
            let key = try privateKey(in: session)
            do throws(TokenFault) {
                return try session.sign(data, mechanism, key: key, pin: wantsPIN ? driver.currentPIN : nil)
            } catch {
                handle.withLock { $0 = nil }
                throw error
            }
        }
        guard let signature = publicKey.signatureFromToken(raw) else {
            throw .wrongSignature("the token answered with \(raw.count) octets, which are no signature by \(uri)")
        }
        return signature
    }

    /// Handles of keys are good in all sessions of the process with a token, until the module is started anew.
    private func privateKey(in session: TokenSession) throws(TokenFault) -> UInt {
        if let known = handle.withLock({ $0 }), known.epoch == session.epoch, known.slot == session.slot {
            return known.key
        }
        let key = try session.knownPrivateKey(uri, seen: true)
        handle.withLock { $0 = (session.epoch, session.slot, key) }
        return key
    }

    private static func mechanism(
        _ algorithm: SignatureAlgorithm, of key: SubjectPublicKey
    ) throws(SignerError) -> (TokenMechanism, SignatureAlgorithm.Hash) {
        switch (key.algorithm, algorithm) {
        case (.ecdsa, .ecdsa(let hash)): return (.ecdsa, hash)
        case (.rsa, .rsaPKCS1(let hash)): return (.rsaPKCS1, hash)
        case (.rsa, .rsaPSS(let hash)): return (.rsaPSS(hash), hash)
        default: throw .unsupported("a \(key.name) key in a token does not sign with \(algorithm)")
        }
    }
}
