import Crypto
import Domain
import Encoding
import Lifecycle

/// The JWS by which a client shows that an operator gave it a key (RFC 8555 §7.3.4).
enum ExternalBinding {
    enum Algorithm: String {
        case hs256 = "HS256"
        case hs384 = "HS384"
        case hs512 = "HS512"
    }

    /// Checks all but the code, for which the key has to be known.
    static func read(_ json: JSONValue, for key: PublicJWK, at url: String) throws(ACMEProblem) -> ACMEBinding {
        let jws = try FlattenedJWS(json)
        guard let algorithm = try jws.text("alg").flatMap(Algorithm.init(rawValue:)) else {
            throw ACMEProblem(.malformed, "an external account binding is made with HS256, HS384 or HS512")
        }
        guard let keyID = try jws.text("kid"), !keyID.isEmpty, jws.header["jwk"] == nil else {
            throw ACMEProblem(.malformed, "an external account binding names its key by kid")
        }
        guard jws.header["nonce"] == nil else {
            throw ACMEProblem(.malformed, "an external account binding has no nonce")
        }
        guard try jws.text("url") == url else {
            throw ACMEProblem(.malformed, "the external account binding is for another address")
        }
        guard let payload = try? JSONValue(parsing: jws.payload), let bound = try? PublicJWK(payload),
            bound.canonical == key.canonical
        else { throw ACMEProblem(.malformed, "the external account binding is for another key") }
        let (input, code) = (jws.signingInput, jws.signature)
        return ACMEBinding(keyID: keyID, json: json) { secret in
            secret.withBytes { octets in
                ConstantTime.equal(Self.code(algorithm, input, SymmetricKey(data: octets)), code)
            }
        }
    }

    /// The code of a JWS (RFC 7518 §3.2).
    static func code(_ algorithm: Algorithm, _ input: [UInt8], _ key: SymmetricKey) -> [UInt8] {
        switch algorithm {
        case .hs256: Array(HMAC<SHA256>.authenticationCode(for: input, using: key))
        case .hs384: Array(HMAC<SHA384>.authenticationCode(for: input, using: key))
        case .hs512: Array(HMAC<SHA512>.authenticationCode(for: input, using: key))
        }
    }
}
