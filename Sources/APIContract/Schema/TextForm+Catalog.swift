import Domain

extension TextForm {
    package static let identifier = TextForm(
        pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", code: "invalid_id", maximumLength: 128
    ) { IdentifierForm.accepts($0) ? nil : InvalidIdentifier(text: $0).description }

    /// RFC 3339 with any offset.
    package static let timestamp = TextForm(format: "date-time", code: "invalid_timestamp", maximumLength: 64) {
        (try? Timestamp(rfc3339: $0)) == nil ? "must be an RFC 3339 time such as 2026-05-17T08:00:00Z" : nil
    }

    /// The name of an API key or of the first administrator.
    package static let actorName = TextForm(
        pattern: "^[a-z0-9][a-z0-9_-]{2,63}$", code: "invalid_name", maximumLength: 64
    ) { text in
        let octets = text.utf8
        let fits =
            (3...64).contains(octets.count)
            && octets.allSatisfy { isLowerAlphanumeric($0) || $0 == 0x5F || $0 == 0x2D }
            && octets.first.map(isLowerAlphanumeric) == true
        return fits ? nil : "must be 3 to 64 of a-z 0-9 _ - and start with a letter or digit"
    }

    /// A subject name: the name of a user in a directory after `upn:`, an e-mail address when it contains `@`, else an IP
    /// address or a host name.
    package static let subjectName = TextForm(code: "invalid_hostname", maximumLength: 258) { text in
        if text.hasPrefix(userPrefix) { return userFault(text) }
        return text.contains("@") ? mailFault(text) : hostFault(text)
    }

    /// Any subject alternative name: a subject name or a URI.
    package static let subjectAltName = TextForm(code: "invalid_name", maximumLength: 2048) { text in
        if text.hasPrefix(userPrefix) { return userFault(text) }
        if text.contains("://") { return uriFault(text) }
        return text.contains("@") ? mailFault(text) : hostFault(text)
    }

    package static let mailAddress = TextForm(
        format: "email", code: "invalid_email", maximumLength: 254, fault: mailFault)

    private static let userPrefix = "upn:"

    private static func userFault(_ text: String) -> String? {
        mailFault(String(text.dropFirst(userPrefix.count))).map { _ in
            "must be a user principal name of the form upn:user@suffix"
        }
    }

    private static func isLowerAlphanumeric(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
    }

    @Sendable private static func mailFault(_ text: String) -> String? {
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "must be an e-mail address of the form local@domain"
        }
        return parts[1].isEmpty ? "the domain of the e-mail address is empty" : hostFault(String(parts[1]) ?? "")
    }

    @Sendable private static func uriFault(_ text: String) -> String? {
        let scheme = text.utf8.prefix { $0 != UInt8(ascii: ":") }
        let isURI =
            scheme.first.map { isLowerAlphanumeric($0 | 0x20) && !(0x30...0x39).contains($0) } == true
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        return isURI ? nil : "must be a URI in ASCII without spaces"
    }

    /// IPv6 addresses are recognised by their colons; `PKI` judges them exactly.
    @Sendable private static func hostFault(_ text: String) -> String? {
        if text.contains(":") {
            let isAddress = text.utf8.allSatisfy { isHexadecimal($0) || $0 == 0x3A || $0 == 0x2E }
            return isAddress ? nil : "is neither an IPv6 address nor a host name"
        }
        let trimmed = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
        for label in trimmed.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard let first = label.first, let last = label.last else { return "has an empty label" }
            guard label.count <= 63 else { return "has a label longer than 63 characters" }
            guard first != 0x2D else { return "label starts with a hyphen" }
            guard last != 0x2D else { return "label ends with a hyphen" }
            guard label.allSatisfy({ isLowerAlphanumeric($0 | 0x20) || $0 == 0x2D || $0 == 0x5F }) else {
                return "may hold letters, digits, hyphens and underscores; a wildcard only as the whole first label"
            }
        }
        return nil
    }

    private static func isHexadecimal(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x66).contains(octet | 0x20)
    }
}
