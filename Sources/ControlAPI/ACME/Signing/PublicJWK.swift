import Crypto
import Encoding
import Lifecycle
import PKI

/// A public key as JOSE writes it (RFC 7517, RFC 8037), checked like one of a certificate.
struct PublicJWK: Sendable {
    /// The required members alone, in the order of RFC 7638 §3.
    let canonical: JSONValue
    let key: SubjectPublicKey
    let family: SignatureAlgorithmName.Family

    /// RFC 7638 with SHA-256, base64url.
    var thumbprint: String { Base64URL.encode(Array(SHA256.hash(data: canonical.octets))) }

    var accountKey: ACMEAccountKey {
        ACMEAccountKey(thumbprint: thumbprint, jwk: canonical, spkiSHA256: key.spkiSHA256)
    }

    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    init(_ json: JSONValue) throws(ACMEProblem) {
        guard let members = json.objectValue else { throw ACMEProblem(.malformed, "jwk must be an object") }
        guard !members.keys.contains(where: Self.privateMembers.contains) else {
            throw ACMEProblem(.badPublicKey, "jwk holds a private or a shared key; whoever sent it must stop using it")
        }
        do {
            switch members["kty"]?.stringValue {
            case "RSA":
                let modulus = try Self.number(members, "n")
                let exponent = try Self.number(members, "e")
                key = try SubjectPublicKey(rsaModulus: modulus, exponent: exponent)
                family = .rsa
                canonical = [
                    "e": .string(Base64URL.encode(exponent)), "kty": "RSA", "n": .string(Base64URL.encode(modulus)),
                ]
            case "EC":
                let name = members["crv"]?.stringValue ?? ""
                guard let curve = Self.curves[name] else { throw KeyError.unsupported("the curve") }
                let x = try Self.octets(members, "x")
                let y = try Self.octets(members, "y")
                key = try SubjectPublicKey(curve, x: x, y: y)
                family = .ec(curve)
                canonical = [
                    "crv": .string(name), "kty": "EC", "x": .string(Base64URL.encode(x)),
                    "y": .string(Base64URL.encode(y)),
                ]
            case "OKP":
                guard members["crv"]?.stringValue == "Ed25519" else { throw KeyError.unsupported("the curve") }
                let x = try Self.octets(members, "x")
                guard x.count == 32 else { throw KeyError.malformed("an Ed25519 key has 32 octets") }
                key = try SubjectPublicKey(ed25519: x)
                family = .ed25519
                canonical = ["crv": "Ed25519", "kty": "OKP", "x": .string(Base64URL.encode(x))]
            default: throw KeyError.unsupported("the type of key")
            }
        } catch let error as KeyError {
            throw ACMEProblem(.badPublicKey, "the key is not accepted: \(error)")
        } catch {
            throw ACMEProblem(.badPublicKey, "the key is not accepted")
        }
    }

    private static let curves: [String: SubjectPublicKey.Curve] = [
        "P-256": .p256, "P-384": .p384, "P-521": .p521,
    ]

    private static func octets(_ members: JSONObject, _ name: String) throws(KeyError) -> [UInt8] {
        guard let text = members[name]?.stringValue, text.utf8.count <= 2048, let octets = Base64URL.decode(text),
            !octets.isEmpty
        else { throw .malformed("member \(name) is not base64url") }
        return octets
    }

    /// RFC 7518 §2: a number has no leading zero octets, so that a key has one thumbprint.
    private static func number(_ members: JSONObject, _ name: String) throws(KeyError) -> [UInt8] {
        let octets = try octets(members, name)
        guard octets.first != 0 else { throw .malformed("member \(name) has leading zeros") }
        return octets
    }

    /// Whether the holder of the key signed `message`. An algorithm for other keys is `false`.
    func isValid(_ signature: [UInt8], over message: [UInt8], _ algorithm: SignatureAlgorithmName) -> Bool {
        guard algorithm.fits(family) else { return false }
        return switch algorithm {
        case .rs256: key.isValid(signature: signature, over: message, algorithm: .rsaPKCS1(.sha256))
        case .rs384: key.isValid(signature: signature, over: message, algorithm: .rsaPKCS1(.sha384))
        case .rs512: key.isValid(signature: signature, over: message, algorithm: .rsaPKCS1(.sha512))
        case .ps256: key.isValid(signature: signature, over: message, algorithm: .rsaPSS(.sha256))
        case .es256: key.isValid(rawECDSA: signature, over: message, .p256)
        case .es384: key.isValid(rawECDSA: signature, over: message, .p384)
        case .es512: key.isValid(rawECDSA: signature, over: message, .p521)
        case .edDSA: key.isValid(signature: signature, over: message, algorithm: .ed25519)
        }
    }
}

/// The signature algorithms of requests (RFC 7518 §3.1, RFC 8037).
enum SignatureAlgorithmName: String, Sendable, CaseIterable {
    enum Family: Sendable, Equatable {
        case rsa, ed25519
        case ec(SubjectPublicKey.Curve)
    }

    case rs256 = "RS256"
    case es256 = "ES256"
    case edDSA = "EdDSA"
    case es384 = "ES384"
    case es512 = "ES512"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"

    func fits(_ family: Family) -> Bool {
        switch self {
        case .rs256, .rs384, .rs512, .ps256: family == .rsa
        case .es256: family == .ec(.p256)
        case .es384: family == .ec(.p384)
        case .es512: family == .ec(.p521)
        case .edDSA: family == .ed25519
        }
    }
}
