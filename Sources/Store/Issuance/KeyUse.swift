import Domain
package import Query

/// For what a public key is on record, besides certificates that certctl issued for it (protocol-servers §8.4).
package struct KeyUse: Hashable, Sendable {
    /// A certificate of the key was revoked because somebody else has it.
    package let isCompromised: Bool
    /// It signs for one of certctl's own authorities.
    package let isOfAuthority: Bool
    /// It answers OCSP for one of them.
    package let isOfResponder: Bool
    /// An ACME account signs its requests with it.
    package let isOfAccount: Bool

    /// - `jwkThumbprint`: RFC 7638; `nil` for kinds of key that no account can have.
    package static func read(
        spkiSHA256: String, jwkThumbprint: String?, in tx: any Transaction
    ) throws -> KeyUse {
        let row = try tx.row(
            """
            SELECT
                EXISTS (SELECT 1 FROM certificate_revocations WHERE spki_sha256 = \(spkiSHA256)
                    AND reason IN ('keyCompromise', 'caCompromise', 'aACompromise')) AS is_compromised,
                EXISTS (SELECT 1 FROM ca_keys WHERE spki_sha256 = \(spkiSHA256)) AS is_ca_key,
                EXISTS (SELECT 1 FROM issuer_ca WHERE spki_sha256 = \(spkiSHA256)) AS is_of_authority,
                EXISTS (SELECT 1 FROM intermediate_cas WHERE spki_sha256 = \(spkiSHA256)) AS is_of_tree,
                EXISTS (SELECT 1 FROM ocsp_responders WHERE spki_sha256 = \(spkiSHA256)) AS is_of_responder,
                EXISTS (SELECT 1 FROM acme_accounts WHERE jwk_thumbprint = \(jwkThumbprint ?? "")) AS is_of_account
            """
        )
        guard let row else { return KeyUse() }
        return try KeyUse(row)
    }

    private init() {
        (isCompromised, isOfAuthority, isOfResponder, isOfAccount) = (false, false, false, false)
    }

    private init(_ row: Row) throws(DatabaseError) {
        isCompromised = try row.bool("is_compromised")
        let isCAKey = try row.bool("is_ca_key")
        let isOfTree = try row.bool("is_of_tree")
        isOfAuthority = try row.bool("is_of_authority") || isOfTree || isCAKey
        isOfResponder = try row.bool("is_of_responder")
        isOfAccount = try row.bool("is_of_account")
    }
}
