import EmbeddedCA
import PKI

/// Why a call of a PKCS#11 module did not do what it was for.
enum TokenFault: Error, Hashable, Sendable {
    /// What a function of the module returned, `CKR_…`.
    case returned(UInt, by: String)
    /// The token that a reference names is not there; with those that are.
    case noToken(PKCS11Token, present: [String])
    /// The token has no such key, although it had one. A module that lost sight of its token answers like that.
    ///
    /// - `seen`: Whether this process used the key before.
    case lostKey(PKCS11URI, seen: Bool)
    /// Found without asking the module, or nothing that another attempt mends.
    case refused(SignerError)

    /// Whether sessions, logins or handles are not what they were, so that everything is opened again and tried once more.
    var isStale: Bool {
        switch self {
        case .returned(let code, _): Self.stale.contains(code)
        case .noToken, .lostKey: true
        case .refused: false
        }
    }

    /// What operators read.
    var signerError: SignerError {
        switch self {
        case .refused(let error): error
        case .lostKey(let uri, seen: true): .transient("the key \(uri) is not in its token any more")
        case .lostKey(let uri, seen: false): .keyNotFound("\(uri) is not in the token")
        case .noToken(let token, let present):
            .transient(
                "\(token) is not there; the PKCS#11 module shows "
                    + (present.isEmpty ? "no token" : present.joined(separator: ", ")))
        case .returned(let code, let call):
            switch code {
            case 0x70, 0x71, 0x68, 0x1E0:
                .unsupported("the token refuses the mechanism: \(Self.name(code)) from \(call)")
            case 0x54: .unsupported("the PKCS#11 module has no function \(call)")
            case 0x64, 0x1B: .permission("the token refuses to sign with this key: \(Self.name(code)) from \(call)")
            default: .transient("the token failed: \(Self.name(code)) from \(call)")
            }
        }
    }

    /// Everything that a token which was away, reset or logged out answers.
    private static let stale: Set<UInt> = [
        0x03, 0x05, 0x06, 0x30, 0x32, 0x60, 0x82, 0x90, 0xB0, 0xB3, 0xE0, 0xE1, 0x101, 0x190,
    ]

    /// The name in the standard, or the number.
    static func name(_ code: UInt) -> String {
        names[code] ?? "0x" + String(code, radix: 16)
    }

    private static let names: [UInt: String] = [
        0x02: "CKR_HOST_MEMORY", 0x03: "CKR_SLOT_ID_INVALID", 0x05: "CKR_GENERAL_ERROR", 0x06: "CKR_FUNCTION_FAILED",
        0x07: "CKR_ARGUMENTS_BAD", 0x12: "CKR_ATTRIBUTE_TYPE_INVALID", 0x13: "CKR_ATTRIBUTE_VALUE_INVALID",
        0x1B: "CKR_ACTION_PROHIBITED", 0x30: "CKR_DEVICE_ERROR", 0x31: "CKR_DEVICE_MEMORY", 0x32: "CKR_DEVICE_REMOVED",
        0x54: "CKR_FUNCTION_NOT_SUPPORTED", 0x60: "CKR_KEY_HANDLE_INVALID", 0x62: "CKR_KEY_SIZE_RANGE",
        0x63: "CKR_KEY_TYPE_INCONSISTENT", 0x68: "CKR_KEY_FUNCTION_NOT_PERMITTED", 0x70: "CKR_MECHANISM_INVALID",
        0x71: "CKR_MECHANISM_PARAM_INVALID", 0x82: "CKR_OBJECT_HANDLE_INVALID", 0x90: "CKR_OPERATION_ACTIVE",
        0xA0: "CKR_PIN_INCORRECT", 0xA1: "CKR_PIN_INVALID", 0xA2: "CKR_PIN_LEN_RANGE", 0xA3: "CKR_PIN_EXPIRED",
        0xA4: "CKR_PIN_LOCKED", 0xB0: "CKR_SESSION_CLOSED", 0xB1: "CKR_SESSION_COUNT",
        0xB3: "CKR_SESSION_HANDLE_INVALID", 0xB5: "CKR_SESSION_READ_ONLY", 0xD0: "CKR_TEMPLATE_INCOMPLETE",
        0xD1: "CKR_TEMPLATE_INCONSISTENT", 0xE0: "CKR_TOKEN_NOT_PRESENT", 0xE1: "CKR_TOKEN_NOT_RECOGNIZED",
        0xE2: "CKR_TOKEN_WRITE_PROTECTED", 0x100: "CKR_USER_ALREADY_LOGGED_IN", 0x101: "CKR_USER_NOT_LOGGED_IN",
        0x102: "CKR_USER_PIN_NOT_INITIALIZED", 0x190: "CKR_CRYPTOKI_NOT_INITIALIZED",
    ]
}
