/// Where a key is in a token, as RFC 7512 writes it: `pkcs11:token=certctl;object=ca1;type=private`.
///
/// Accepted are the attributes that choose a token (`token`, `serial`, `manufacturer`, `model`) and a key in it
/// (`object`, `id`). Nothing that follows `?` is: module and PIN are settings of the server, never part of a reference
/// that is stored and shown.
package struct PKCS11URI: Hashable, Sendable, CustomStringConvertible {
    /// The label of the token.
    package var token: String?
    package var serial: String?
    package var manufacturer: String?
    package var model: String?
    /// The label of the key, `CKA_LABEL`.
    package var object: String?
    /// `CKA_ID`; never empty.
    package var id: [UInt8]?

    /// The longest reference that is kept, in octets.
    package static let longest = 1024

    package init(token: String, object: String) {
        self.token = token
        self.object = object
    }

    package init(_ text: String) throws(PKCS11URIProblem) {
        guard text.utf8.count <= Self.longest else { throw PKCS11URIProblem("is longer than \(Self.longest) octets") }
        guard text.lowercased().hasPrefix("pkcs11:") else { throw PKCS11URIProblem("must begin with pkcs11:") }
        let rest = text.dropFirst("pkcs11:".count)
        guard !rest.contains("?") else {
            throw PKCS11URIProblem(
                "must end before the \"?\": module and PIN are the settings CERTCTL_PKCS11_MODULE and CERTCTL_PKCS11_PIN_FILE"
            )
        }
        var seen: Set<Substring> = []
        for part in rest.split(separator: ";", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { throw PKCS11URIProblem("has the part \"\(part)\" without \"=\"") }
            guard seen.insert(sides[0]).inserted else { throw PKCS11URIProblem("names \(sides[0]) twice") }
            try take(sides[0], try Self.unescaped(sides[1], of: sides[0]))
        }
        guard token != nil || serial != nil else {
            throw PKCS11URIProblem("must name the token: pkcs11:token=LABEL;object=KEY")
        }
        guard object != nil || id != nil else {
            throw PKCS11URIProblem("must name the key by its label or identifier: object=LABEL or id=%01%02")
        }
    }

    private mutating func take(_ name: Substring, _ octets: [UInt8]) throws(PKCS11URIProblem) {
        guard !octets.isEmpty else { throw PKCS11URIProblem("has an empty \(name)") }
        if name == "id" {
            guard octets.count <= 64 else { throw PKCS11URIProblem("has an id of more than 64 octets") }
            id = octets
            return
        }
        guard let text = String(validating: octets, as: UTF8.self), !text.utf8.contains(where: { $0 < 0x20 }) else {
            throw PKCS11URIProblem("has a \(name) that is not UTF-8 text")
        }
        // Tokens keep 32 octets of a label and 16 of a serial number and a model.
        let limit = ["token": 32, "manufacturer": 32, "serial": 16, "model": 16, "object": 128][name, default: 16]
        guard octets.count <= limit else { throw PKCS11URIProblem("has a \(name) of more than \(limit) octets") }
        switch name {
        case "token": token = text
        case "serial": serial = text
        case "manufacturer": manufacturer = text
        case "model": model = text
        case "object": object = text
        case "type":
            guard text == "private" else { throw PKCS11URIProblem("names a thing of type \(text); keys are private") }
        default: throw PKCS11URIProblem("has the attribute \(name), which is not known here")
        }
    }

    /// The canonical spelling: always the same text for the same value.
    package var description: String {
        var parts: [String] = []
        let texts = [
            ("token", token), ("manufacturer", manufacturer), ("model", model), ("serial", serial), ("object", object),
        ]
        for (name, value) in texts { if let value { parts.append("\(name)=\(Self.escaped(value.utf8))") } }
        if let id { parts.append("id=\(id.map(Self.percent).joined())") }
        return "pkcs11:\(parts.joined(separator: ";"));type=private"
    }

    /// RFC 7512 §2.3: unreserved characters stay, and so do those that nothing else means.
    private static func escaped(_ octets: some Sequence<UInt8>) -> String {
        octets.map { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                String(UnicodeScalar(octet))
            default: percent(octet)
            }
        }.joined()
    }

    private static func percent(_ octet: UInt8) -> String {
        let digits = Array("0123456789ABCDEF")
        return "%\(digits[Int(octet >> 4)])\(digits[Int(octet & 15)])"
    }

    private static func unescaped(_ text: Substring, of name: Substring) throws(PKCS11URIProblem) -> [UInt8] {
        var octets: [UInt8] = []
        var rest = text.utf8[...]
        while let octet = rest.popFirst() {
            guard octet == 0x25 else {
                guard octet > 0x20, octet != 0x7F else { throw PKCS11URIProblem("has a blank in \(name); write %20") }
                octets.append(octet)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                throw PKCS11URIProblem("has a \"%\" without two hexadecimal digits in \(name)")
            }
            octets.append(high << 4 | low)
        }
        return octets
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

/// Why a text is no reference to a key in a token, as the end of the sentence "the reference …".
package struct PKCS11URIProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
