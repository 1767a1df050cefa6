import ConnectorKit
import Domain
import Query
import Store

/// The CA of a tree that signed a certificate was revoked, or one above it, between the order and the answer: the
/// certificate is no good, and is not given to anybody.
struct RevokedAuthority: Error {
    let fault: String

    /// Somebody else signs the next time.
    var issuerError: IssuerError {
        IssuerError(
            .other, fault,
            help: "ask again; another CA of the tree signs, or create one with certctl intermediates create")
    }

    /// Throws when the CA is revoked, or one above it; else neither is before the transaction ends.
    static func check(_ id: AuthorityID, in tx: any Transaction) throws {
        let store = IntermediateCAStore()
        try store.lockStanding(id, in: tx)
        guard let revoked = try store.revokedAbove(id, in: tx) else { return }
        throw RevokedAuthority(
            fault: "the CA \(revoked.name) (\(revoked.id.text)) was revoked while the certificate was signed")
    }
}
