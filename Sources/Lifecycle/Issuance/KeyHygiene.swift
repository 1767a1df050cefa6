package import PKI
package import Query
import Store

/// Keys that nobody gets a certificate for, and nobody else signs with, whatever a profile says (protocol-servers §8.4).
///
/// What is wrong with a key by its numbers is found where it is read, on every way in; this is about whose it is, and about
/// lists that an operator has.
package struct KeyHygiene: Hashable, Sendable {
    /// Of the refusal, as in answers.
    package let code: String
    package let detail: String

    /// On a list of keys that anybody can make.
    static let weak = KeyHygiene(
        code: "weak_key",
        detail: "the key is on the list of keys that a broken generator made, and others have it too (CVE-2008-0166); "
            + "make another")
    private static let compromised = KeyHygiene(
        code: "compromised_key",
        detail: "a certificate of this key was revoked because the key was compromised; make another")
    private static let authority = KeyHygiene(
        code: "authority_key", detail: "the key is that of a certification authority of this server; make another")
    private static let responder = KeyHygiene(
        code: "responder_key", detail: "the key is that of an OCSP responder of this server; make another")
    private static let account = KeyHygiene(
        code: "account_key", detail: "the key is that of an ACME account; make another (RFC 8555 §11.1)")

    /// Why a key is certified for nobody; `nil` when nothing is known against it.
    ///
    /// - `weakKeys`: Those that anybody can make.
    package static func refusal(
        of key: SubjectPublicKey, besides weakKeys: WeakKeyList, in tx: any Transaction
    ) throws -> KeyHygiene? {
        if weakKeys.contains(key) { return weak }
        let use = try KeyUse.read(spkiSHA256: key.spkiSHA256, jwkThumbprint: key.jwkThumbprint, in: tx)
        return refusal(use) ?? (use.isOfAccount ? account : nil)
    }

    /// Why a key can't be that of an account; `nil` when nothing is known against it.
    static func refusal(
        ofAccountKey key: SubjectPublicKey, besides weakKeys: WeakKeyList, in tx: any Transaction
    ) throws -> KeyHygiene? {
        if weakKeys.contains(key) { return weak }
        return refusal(try KeyUse.read(spkiSHA256: key.spkiSHA256, jwkThumbprint: nil, in: tx))
    }

    private static func refusal(_ use: KeyUse) -> KeyHygiene? {
        if use.isCompromised { return compromised }
        if use.isOfAuthority { return authority }
        return use.isOfResponder ? responder : nil
    }

    /// The codes of refusals that are about a key alone.
    static let codes: Set<String> = Set([weak, compromised, authority, responder, account].map(\.code))
}
