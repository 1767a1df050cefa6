import Encoding
import PKI

/// What a key of a signer may be used for: `<name>.policy.json` beside `<name>.key`, written by the signer and changed by its
/// operator.
struct KeyPolicy: Hashable, Sendable {
    let purposes: SigningPurposes
    /// `nil`: as many as come.
    let signaturesPerMinute: Int?

    static let mostPerMinute = 1_000_000
    /// That of a key without a policy: an authority, which signs certificates and lists.
    static let unwritten = KeyPolicy(purposes: .authority, signaturesPerMinute: nil)

    init(purposes: SigningPurposes, signaturesPerMinute: Int?) {
        self.purposes = purposes
        self.signaturesPerMinute = signaturesPerMinute
    }

    /// - Throws: With what is wrong, also for members that are not known: a limit that is misspelt is no limit.
    init(parsing octets: [UInt8]) throws(KeyPolicyError) {
        let value: JSONValue
        do throws(JSONSyntaxError) { value = try JSONValue(parsing: octets) } catch {
            throw KeyPolicyError("is no JSON: \(error)")
        }
        guard case .object(let object) = value else { throw KeyPolicyError("is no JSON object") }
        for member in object.members where !["purposes", "max_signatures_per_minute"].contains(member.key) {
            throw KeyPolicyError("has the member \"\(member.key)\", which is not known")
        }
        let names = object["purposes"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard names.count == object["purposes"]?.arrayValue?.count, let purposes = SigningPurposes(names: names) else {
            throw KeyPolicyError(
                "needs \"purposes\": a list of leaf, ca and crl, or ocsp alone: the key of a responder signs nothing else"
            )
        }
        self.purposes = purposes
        switch object["max_signatures_per_minute"] {
        case nil, .null: signaturesPerMinute = nil
        case let value?:
            guard let number = value.integerValue, (1...Int64(Self.mostPerMinute)).contains(number) else {
                throw KeyPolicyError("has a max_signatures_per_minute that is not from 1 to \(Self.mostPerMinute)")
            }
            signaturesPerMinute = Int(number)
        }
    }

    var text: String {
        var object: JSONObject = ["purposes": JSONValue(purposes.names)]
        if let signaturesPerMinute { object["max_signatures_per_minute"] = JSONValue(signaturesPerMinute) }
        return JSONValue.object(object).canonicalText + "\n"
    }
}

/// What is wrong with a policy, as the end of the sentence "the policy …".
struct KeyPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
