import EmbeddedCA

/// The part of a reference that chooses a token.
struct PKCS11Token: Hashable, Sendable, CustomStringConvertible {
    let label: String?
    let serial: String?
    let manufacturer: String?
    let model: String?

    init(_ uri: PKCS11URI) {
        label = uri.token
        serial = uri.serial
        manufacturer = uri.manufacturer
        model = uri.model
    }

    func matches(_ info: TokenDescription) -> Bool {
        (label ?? info.label) == info.label && (serial ?? info.serial) == info.serial
            && (manufacturer ?? info.manufacturer) == info.manufacturer && (model ?? info.model) == info.model
    }

    var description: String {
        if let label { "token \"\(label)\"" } else { "the token with serial number \(serial ?? "")" }
    }
}

/// What a token says of itself.
struct TokenDescription: Hashable, Sendable {
    let label: String
    let serial: String
    let manufacturer: String
    let model: String
    let needsLogin: Bool
    let isPINLocked: Bool
    let hasPIN: Bool
}
