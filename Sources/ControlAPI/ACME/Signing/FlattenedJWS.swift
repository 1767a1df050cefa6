import Encoding
import Lifecycle

/// A JWS in the flattened form (RFC 7515 §7.2.2), read strictly: three members and nothing else. Nothing is verified yet.
struct FlattenedJWS: Sendable {
    let header: JSONObject
    let payload: [UInt8]
    let signature: [UInt8]
    /// What was signed.
    let signingInput: [UInt8]
    /// The whole, as it was sent.
    let json: JSONValue

    init(octets: [UInt8]) throws(ACMEProblem) {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: octets)
        } catch {
            throw ACMEProblem(.malformed, "the body is not JSON: \(error)")
        }
        try self.init(json)
    }

    init(_ json: JSONValue) throws(ACMEProblem) {
        guard let members = json.objectValue, Set(members.keys) == ["protected", "payload", "signature"],
            let protected = members["protected"]?.stringValue, let payload = members["payload"]?.stringValue,
            let signature = members["signature"]?.stringValue
        else {
            throw ACMEProblem(
                .malformed, "a request is an object with exactly the texts protected, payload and signature")
        }
        guard let headerOctets = Base64URL.decode(protected), let payloadOctets = Base64URL.decode(payload),
            let signatureOctets = Base64URL.decode(signature)
        else { throw ACMEProblem(.malformed, "protected, payload and signature must be base64url without padding") }
        guard let header = (try? JSONValue(parsing: headerOctets))?.objectValue else {
            throw ACMEProblem(.malformed, "the protected header is not a JSON object")
        }
        // What changes the meaning of the other members is not understood (RFC 7515 §4.1.11, RFC 7797 §3).
        guard header["crit"] == nil, header["b64"] == nil else {
            throw ACMEProblem(.malformed, "crit and b64 are not supported")
        }
        self.header = header
        self.payload = payloadOctets
        self.signature = signatureOctets
        self.json = json
        signingInput = Array("\(protected).\(payload)".utf8)
    }

    /// A member that is a text, if it is there at all.
    func text(_ name: String) throws(ACMEProblem) -> String? {
        guard let value = header[name] else { return nil }
        guard let text = value.stringValue else { throw ACMEProblem(.malformed, "\(name) must be a text") }
        return text
    }

    /// Throws with the list of those that are accepted.
    func algorithm() throws(ACMEProblem) -> SignatureAlgorithmName {
        let name = try text("alg") ?? ""
        guard let algorithm = SignatureAlgorithmName(rawValue: name) else {
            var problem = ACMEProblem(.badSignatureAlgorithm, "the signature algorithm is not accepted")
            problem.algorithms = SignatureAlgorithmName.allCases.map(\.rawValue)
            throw problem
        }
        return algorithm
    }
}
