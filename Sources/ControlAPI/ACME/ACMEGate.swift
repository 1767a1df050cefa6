import Domain
import Encoding
import HTTPServing
import HTTPTypes
import Lifecycle
import PKI
import Store

/// Verifies signed requests (RFC 8555 §6.2–6.5), in the order of protocol-servers §2.4. The nonce is used last, and
/// exactly once.
struct ACMEGate: Sendable {
    /// Which key an operation wants to be signed with.
    enum Signer: Sendable { case account, newKey, either }

    /// Who signed.
    struct Verified: Sendable {
        let payload: [UInt8]
        let key: PublicJWK
        /// `nil` for a key that came along.
        let account: ACMEAccount?

        /// POST-as-GET (RFC 8555 §6.3).
        var isRead: Bool { payload.isEmpty }

        func object() throws(ACMEProblem) -> JSONObject {
            guard let object = (try? JSONValue(parsing: payload))?.objectValue else {
                throw ACMEProblem(.malformed, "the payload is not a JSON object")
            }
            return object
        }
    }

    let services: ACMEServices

    /// What `typ` may say of a request, in lower case (RFC 7515 §4.1.9). acme-client for Ruby calls all of its requests JWTs.
    private static let types: Set<String> = ["application/jose+json", "jose+json", "jwt"]

    func verify(_ call: ACMEHandlers.Call, by signer: Signer) async throws -> Verified {
        if let verified = call.verified, signer != .newKey { return verified }
        let request = call.context.request
        try Self.checkType(of: request)
        // Reading it again tells what is wrong with it.
        let jws = try call.jws ?? FlattenedJWS(octets: request.body)
        let algorithm = try Self.check(jws, of: request, at: call.place, for: signer)
        let (key, account) = try await key(jws, try jws.text("kid"), call)
        guard algorithm.fits(key.family) else {
            throw ACMEProblem(.badPublicKey, "the signature algorithm is not one of this type of key")
        }
        guard key.isValid(jws.signature, over: jws.signingInput, algorithm) else {
            throw ACMEProblem(.unauthorized, "the signature does not verify")
        }
        if let account { call.notes.note(account: account.id) }
        try await redeem(try jws.text("nonce"))
        return Verified(payload: jws.payload, key: key, account: account)
    }

    /// The same for an account that was read before, without reading it again: the nonce is used up only where nothing has
    /// changed since. `nil` when that is not so, or when anything is wrong with the request; ``verify(_:by:)`` tells what.
    func verify(
        _ jws: FlattenedJWS, of request: RequestContext, at place: ACMEPlace, by standing: ACMEStanding
    ) async throws -> Verified? {
        guard (try? Self.checkType(of: request)) != nil,
            let algorithm = try? Self.check(jws, of: request, at: place, for: .account),
            let key = try? services.keys.key(of: standing.account), algorithm.fits(key.family),
            key.isValid(jws.signature, over: jws.signingInput, algorithm),
            let nonce = try? jws.text("nonce"),
            try await services.nonces.redeem(nonce, while: standing)
        else { return nil }
        return Verified(payload: jws.payload, key: key, account: standing.account)
    }

    private static func checkType(of request: RequestContext) throws(ACMEProblem) {
        let type = request.fields[.contentType].map { $0.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() }
        guard type == "application/jose+json" else {
            throw ACMEProblem(.malformed, "the body must be application/jose+json", status: 415)
        }
    }

    /// What can be said of a request before its key is known.
    private static func check(
        _ jws: FlattenedJWS, of request: RequestContext, at place: ACMEPlace, for signer: Signer
    ) throws(ACMEProblem) -> SignatureAlgorithmName {
        let algorithm = try jws.algorithm()
        if let type = try jws.text("typ"), !types.contains(type.lowercased()) {
            throw ACMEProblem(.malformed, "typ is not that of a JWS in JSON")
        }
        try check(kid: try jws.text("kid"), jwk: jws.header["jwk"], for: signer)
        guard let url = try jws.text("url"), url == place.origin + request.target else {
            throw ACMEProblem(.unauthorized, "the request was signed for another address")
        }
        return algorithm
    }

    private static func check(kid: String?, jwk: JSONValue?, for signer: Signer) throws(ACMEProblem) {
        let isSound =
            switch signer {
            case .account: kid != nil && jwk == nil
            case .newKey: kid == nil && jwk != nil
            case .either: (kid == nil) != (jwk == nil)
            }
        guard !isSound else { return }
        let wanted =
            switch signer {
            case .account: "kid alone: the address of the account"
            case .newKey: "jwk alone: the public key"
            case .either: "either kid or jwk"
            }
        throw ACMEProblem(.malformed, "this request must name its key by \(wanted)")
    }

    private func key(
        _ jws: FlattenedJWS, _ kid: String?, _ call: ACMEHandlers.Call
    ) async throws -> (PublicJWK, ACMEAccount?) {
        if let json = jws.header["jwk"] {
            let key = try PublicJWK(json)
            try await services.accounts.requireUsable(key.key)
            return (key, nil)
        }
        guard kid != nil, let account = call.namedAccount, account.profileID == call.profile.id else {
            if call.namedAccount == nil, let named = kid.flatMap(call.place.account(named:)) {
                try await services.accounts.requireNotGone(named, under: call.profile.id)
            }
            throw ACMEProblem(.accountDoesNotExist, "there is no such account here")
        }
        guard account.status == .valid else { throw ACMEAccountFlow.ended(as: account.status) }
        return (try services.keys.key(of: account), account)
    }

    private func redeem(_ nonce: String?) async throws {
        // RFC 8555 §6.5.2: what is no base64url at all is not a nonce that was used up.
        if let nonce, Base64URL.decode(nonce) == nil {
            throw ACMEProblem(.malformed, "nonce is not in base64url")
        }
        guard let nonce, try await services.nonces.redeem(nonce) else {
            // Simple clients know this text.
            throw ACMEProblem(.badNonce, "JWS has an invalid anti-replay nonce")
        }
    }
}
