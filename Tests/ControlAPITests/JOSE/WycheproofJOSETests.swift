import Encoding
import TestSupport
import Testing

@testable import ControlAPI

/// The vectors of Wycheproof whose keys are JSON web keys and whose signatures are as JOSE has them: ECDSA as two numbers
/// one after the other (IEEE P1363), RSA. What a vector calls acceptable may go either way.
@Suite("RFC 7518 §3: the answer of published vectors for JSON web keys")
struct WycheproofJOSETests {
    @Test(
        "Wycheproof",
        arguments: [
            ("ecdsa_secp256r1_sha256_p1363", 219), ("ecdsa_secp384r1_sha384_p1363", 239),
            ("ecdsa_secp521r1_sha512_p1363", 277), ("ecdsa_webcrypto", 359), ("rsa_signature_2048_sha256", 240),
            ("rsa_signature_2048_sha384", 252), ("rsa_signature_2048_sha512", 240), ("rsa_signature_3072_sha256", 239),
            ("rsa_signature_4096_sha384", 239), ("rsa_signature_4096_sha512", 239),
        ])
    func vectors(file: String, count: Int) throws {
        let octets = try TestVectors.file("wycheproof/\(file)_test.json")
        let document = try JSONValue(parsing: octets, limits: JSONLimits(stringLength: 1 << 20))
        var judged = 0
        for group in (document.objectValue?["testGroups"]?.arrayValue ?? []).compactMap(\.objectValue) {
            let jwk = try #require(group["jwk"] ?? group["keyJwk"])
            let hash = String(try #require(group["sha"]?.stringValue).dropFirst("SHA-".count))
            let tests = (group["tests"]?.arrayValue ?? []).compactMap(\.objectValue)
            // Curves and exponents that no account may have; for a curve, JOSE has one hash.
            guard !["P-256K"].contains(jwk["crv"]?.stringValue), jwk["e"]?.stringValue != "Aw" else {
                #expect(throws: (any Error).self) { try PublicJWK(jwk) }
                judged += tests.count
                continue
            }
            let key = try PublicJWK(jwk)
            let algorithm = Self.algorithm(jwk, hash)
            for test in tests {
                let message = try #require(Hex.decode(test["msg"]?.stringValue ?? "-"))
                let signature = try #require(Hex.decode(test["sig"]?.stringValue ?? "-"))
                let name: Comment = "\(test["tcId"] as Any) \(test["comment"] as Any)"
                guard let algorithm else {
                    // JOSE has no name for it, so under none of its names may it verify.
                    let verifying = SignatureAlgorithmName.allCases.filter { key.isValid(signature, over: message, $0) }
                    #expect(verifying.isEmpty, name)
                    continue
                }
                let isValid = key.isValid(signature, over: message, algorithm)
                judged += 1
                switch try #require(test["result"]?.stringValue) {
                case "valid": #expect(isValid, name)
                case "invalid": #expect(!isValid, name)
                case "acceptable": continue
                case let other: Issue.record("\(other) is no result")
                }
            }
        }
        #expect(judged == count)
    }

    private static func algorithm(_ jwk: JSONValue, _ hash: String) -> SignatureAlgorithmName? {
        switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue, hash) {
        case ("RSA", _, "256"): .rs256
        case ("RSA", _, "384"): .rs384
        case ("RSA", _, "512"): .rs512
        case (_, "P-256", "256"): .es256
        case (_, "P-384", "384"): .es384
        case (_, "P-521", "512"): .es512
        default: nil
        }
    }
}
