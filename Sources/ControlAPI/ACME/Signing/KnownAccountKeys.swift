import Store
import Synchronization

/// Keys of accounts that were checked already, by their thumbprints: a key with the same thumbprint is the same key (RFC 7638).
final class KnownAccountKeys: Sendable {
    private static let most = 1024

    private let kept = Mutex<[String: PublicJWK]>([:])

    func key(of account: ACMEAccount) throws -> PublicJWK {
        if let known = kept.withLock({ $0[account.thumbprint] }) { return known }
        let key = try PublicJWK(account.jwk())
        kept.withLock { kept in
            if kept.count >= Self.most { kept = [:] }
            kept[account.thumbprint] = key
        }
        return key
    }
}
