/// A path whose segments are literals or parameters: `/api/v1/certificates/{id}/versions/{version_id}`. A last parameter
/// such as `{request...}` holds the rest of the path as it was sent, slashes and percent escapes included.
package struct PathPattern: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package enum Segment: Hashable, Sendable {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    package let text: String
    package let segments: [Segment]

    package init(stringLiteral text: StaticString) {
        let parts = text.description.split(separator: "/")
        segments = parts.map { part in
            guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(String(part)) }
            return part.hasSuffix("...}")
                ? .rest(String(part.dropFirst().dropLast(4))) : .parameter(String(part.dropFirst().dropLast()))
        }
        self.text = parts.map { part in "/" + (part.hasSuffix("...}") ? "\(part.dropLast(4))}" : part) }.joined()
    }

    package var parameters: [String] {
        segments.compactMap { segment in
            switch segment {
            case .parameter(let name), .rest(let name): name
            case .literal: nil
            }
        }
    }

    package var description: String { text }

    /// The path with its parameters filled in, in order, percent-encoded as single segments (RFC 3986 §3.3).
    package func path(_ values: String...) -> String {
        var remaining = values[...]
        let parts = segments.map { segment in
            switch segment {
            case .literal(let text): text
            case .parameter, .rest: PercentEncoding.encode(segment: remaining.popFirst() ?? "")
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// Percent-encoding of what clients put into a path or query (RFC 3986 §2.1).
package enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Everything but unreserved characters is encoded.
    package static func encode(segment text: String) -> String {
        var octets: [UInt8] = []
        for octet in text.utf8 {
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: octets.append(octet)
            default: octets += [UInt8(ascii: "%"), digits[Int(octet >> 4)], digits[Int(octet & 0x0F)]]
            }
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// `nil` for a broken escape or octets that are not UTF-8.
    package static func decode(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var octets: [UInt8] = []
        var rest = text.utf8.makeIterator()
        while let octet = rest.next() {
            switch octet {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(value), let low = rest.next().flatMap(value) else { return nil }
                octets.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: octets.append(0x20)
            default: octets.append(octet)
            }
        }
        return String(validating: octets, as: UTF8.self)
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
