#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Textual IP addresses and address ranges.
enum AddressForm {
    /// The octets of an IPv4 or IPv6 address, `nil` for anything else.
    static func octets(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var octets = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &octets) == 1 { return octets }
        }
        return nil
    }

    /// Whether `text` is an address, or an address with a prefix length and no bits behind it.
    static func isRange(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = octets(String(first)) else { return false }
        if parts.count == 1 { return true }
        guard parts.count == 2, let length = DecimalText.integer(String(parts[1])),
            (0...address.count * 8).contains(length)
        else { return false }
        return address.enumerated().allSatisfy { index, octet in
            let kept = min(8, max(0, length - index * 8))
            return octet & (kept == 8 ? 0 : 0xFF >> UInt8(kept)) == 0
        }
    }

    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" { return true }
        guard let octets = octets(host) else { return false }
        return octets.count == 4 ? octets[0] == 127 : octets.dropLast().allSatisfy { $0 == 0 } && octets.last == 1
    }

    /// Whether `text` can stand in a Subject Alternative Name as host name or address.
    static func isHostName(_ text: String) -> Bool {
        if octets(text) != nil { return true }
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
    }
}

extension ValueGrammar where Value == [String] {
    package static let addressRanges = Self.items(
        of: "a comma-separated list of IP addresses and CIDR ranges",
        where: AddressForm.isRange
    )

    package static let hostNames = Self.items(
        of: "a comma-separated list of host names and IP addresses",
        where: AddressForm.isHostName
    )

    /// Web origins (RFC 6454): scheme, host, optional port, nothing after it.
    package static let origins = Self.items(
        of:
            "a comma-separated list of exact web origins such as https://ops.example.com (http for loopback alone; no *)"
    ) {
        text in
        // In the clear for this machine alone.
        if text.hasPrefix("http://") {
            guard let url = ServerURL("https://\(text.dropFirst(7))"), url.isLoopback else { return false }
            return !text.dropFirst(7).contains("/")
        }
        guard let url = ServerURL(text) else { return false }
        return url.text == text && !text.dropFirst(8).contains("/")
    }
}

extension ValueGrammar where Value == String {
    /// What a listener binds to: a host name or an address, `0.0.0.0` and `::` included.
    package static let bindAddress = ValueGrammar.string.refined("a host name or an IP address") {
        AddressForm.isHostName($0)
    }
}
