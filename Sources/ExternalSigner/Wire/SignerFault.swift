import PKI

/// Why a call of a signing process did not do what it was for.
enum SignerFault: Error, Hashable, Sendable {
    /// The connection: nobody listens, it was cut, it took too long.
    case connection(String)
    /// The other side sent what it must not.
    case protocolError(String)
    /// Found out by one of the two, and said.
    case refused(SignerError)

    /// Whether a fresh connection may do better.
    var isStale: Bool {
        if case .connection = self { true } else { false }
    }

    var signerError: SignerError {
        switch self {
        case .connection(let reason): .transient(reason)
        case .protocolError(let reason): .unsupported(reason)
        case .refused(let error): error
        }
    }
}

/// ``SignerError`` on the wire: a word and a text for people.
extension SignerError {
    private static let rulePrefix = "rule:"
    /// The longest text that is passed on, in octets.
    static let longestText = 2048

    var fields: [[UInt8]] {
        let (word, text) =
            switch self {
            case .keyNotFound(let text): ("key_not_found", text)
            case .permission(let text): ("permission", text)
            case .transient(let text): ("transient", text)
            case .rule(let rule, let text): ("\(Self.rulePrefix)\(rule.rawValue)", text)
            case .unsupported(let text): ("unsupported", text)
            case .wrongSignature(let text): ("wrong_signature", text)
            }
        return [Array(word.utf8), Array(text.utf8.prefix(Self.longestText))]
    }

    /// The text is shown and logged: what would move the cursor of a terminal is left out.
    init(_ fields: inout SignerFields) throws(SignerFault) {
        let word = try fields.text(atMost: 32)
        let raw = String(decoding: try fields.next(atMost: Self.longestText), as: UTF8.self)
        let text = String(
            raw.unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }.map(Character.init))
        switch word {
        case "key_not_found": self = .keyNotFound(text)
        case "permission": self = .permission(text)
        case "transient": self = .transient(text)
        case "unsupported": self = .unsupported(text)
        case "wrong_signature": self = .wrongSignature(text)
        case let word where word.hasPrefix(Self.rulePrefix):
            guard let rule = SigningRule(rawValue: String(word.dropFirst(Self.rulePrefix.count))) else {
                throw .protocolError("the signer refuses by a rule that is not known here")
            }
            self = .rule(rule, text)
        default: throw .protocolError("the signer refuses for a reason that is not known here")
        }
    }
}
