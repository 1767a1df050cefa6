import Encoding

/// The second net under audit details: the first is that flows name each fact they record (security §9.2).
enum AuditRedaction {
    static let credential = "[REDACTED:CREDENTIAL]"

    private static let credentialKeys: Set<String> = [
        "api_key", "apikey", "password", "passphrase", "secret", "client_secret", "token", "access_token",
        "refresh_token", "bootstrap_token", "credential", "credentials", "private_key", "privatekey",
        "private_key_pem", "key_pem", "eab_secret", "acme_account_key", "hmac", "hmac_key", "signature", "auth",
        "authorization", "bearer",
    ]
    private static let credentialEndings = ["_token", "_secret", "_password", "_key_pem"]

    static func redacted(_ object: JSONObject) -> JSONObject {
        JSONObject(
            object.map { member in
                isCredential(member.key)
                    ? JSONObject.Member(key: member.key, value: .string(credential))
                    : JSONObject.Member(key: member.key, value: redacted(member.value))
            }
        )
    }

    private static func redacted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object): .object(redacted(object))
        case .array(let elements): .array(elements.map(redacted))
        case .string(let text): looksLikeCredential(text) ? .string(credential) : value
        case .null, .bool, .integer, .number: value
        }
    }

    private static func isCredential(_ key: String) -> Bool {
        let key = key.lowercased()
        return credentialKeys.contains(key) || credentialEndings.contains { key.hasSuffix($0) }
    }

    private static func looksLikeCredential(_ text: String) -> Bool {
        text.hasPrefix("ctk_") || holds(text, " ctk_") || holds(text, "PRIVATE KEY-----")
    }

    /// Octet by octet: searching text by characters took a fortieth of an issuance.
    private static func holds(_ text: String, _ needle: StaticString) -> Bool {
        var text = text
        return text.withUTF8 { octets in
            needle.withUTF8Buffer { needle in
                guard let first = needle.first, octets.count >= needle.count else { return false }
                for start in 0...(octets.count - needle.count) where octets[start] == first {
                    if octets[start..<(start + needle.count)].elementsEqual(needle) { return true }
                }
                return false
            }
        }
    }
}
