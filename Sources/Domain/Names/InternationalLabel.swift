/// Whether a label of a host name that looks like an internationalised one is one (RFC 5890 §2.3.2.1, RFC 8555 §7.1.4).
///
/// A label with hyphens in the third and fourth place is reserved: `xn--` begins what stands for Unicode, and nothing else is
/// defined. What follows must be the Punycode of a label that IDNA2008 allows, and the only one of it. Of RFC 5891 §4.2 two things
/// are not looked at, for which the standard library has no tables: the rule about both directions of writing (RFC 5893), and
/// whether letters and marks that stand one after another have a form in one.
package enum InternationalLabel {
    /// What is wrong with a label in lower case; `nil` when nothing is, or it is an ordinary one.
    package static func objection(to label: some Sequence<UInt8>) -> String? {
        let octets = Array(label)
        guard octets.count >= 4, octets[2] == hyphen, octets[3] == hyphen else { return nil }
        guard octets.starts(with: prefix) else {
            return "hyphens in its third and fourth place are reserved for xn-- (RFC 5890)"
        }
        let encoded = Array(octets[4...])
        guard !encoded.isEmpty else { return "nothing follows xn--" }
        let scalars: [Unicode.Scalar]
        do throws(Punycode.Failure) {
            scalars = try Punycode.decode(encoded)
            guard try Punycode.encode(scalars) == encoded else { return "not the one form in Punycode (RFC 3492)" }
        } catch {
            return "what follows xn-- is not Punycode (RFC 3492)"
        }
        guard !scalars.allSatisfy(\.isASCII) else { return "it stands for ASCII alone, which is written as it is" }
        return objection(toUnicode: scalars)
    }

    private static let hyphen: UInt8 = 0x2D
    private static let prefix: [UInt8] = [0x78, 0x6E, hyphen, hyphen]

    /// RFC 5891 §4.2.3.
    private static func objection(toUnicode label: [Unicode.Scalar]) -> String? {
        guard label.first != "-", label.last != "-" else { return "it stands for a label with a hyphen at its edge" }
        if label.count >= 4, label[2] == "-", label[3] == "-" {
            return "it stands for a label with hyphens in the third and fourth place"
        }
        if let first = label.first, isMark(first) { return "it stands for a label that begins with a combining mark" }
        for (place, scalar) in label.enumerated() {
            switch Standing(scalar) {
            case .allowed: continue
            case .allowedInContext where isInContext(place, of: label): continue
            case .allowedInContext, .disallowed:
                let code = String(scalar.value, radix: 16, uppercase: true)
                return
                    "U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code) is not allowed there (RFC 5892)"
            }
        }
        return nil
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        [.nonspacingMark, .spacingMark, .enclosingMark].contains(scalar.properties.generalCategory)
    }
}

extension InternationalLabel {
    /// What IDNA2008 says of a code point, derived from its properties in the Unicode of this program (RFC 5892 §3).
    private enum Standing {
        case allowed, allowedInContext, disallowed

        init(_ scalar: Unicode.Scalar) {
            if let exception = Self.exception(scalar.value) {
                self = exception
                return
            }
            let properties = scalar.properties
            switch scalar.value {
            case 0x2D, 0x30...0x39, 0x61...0x7A: self = .allowed
            case 0x200C, 0x200D: self = .allowedInContext
            // Old Hangul (§2.9), and blocks of signs for other uses (§2.4).
            case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7FB, 0x20D0...0x20FF, 0x1D100...0x1D24F:
                self = .disallowed
            case _
            where properties.changesWhenNFKCCaseFolded || properties.isDefaultIgnorableCodePoint
                || properties.isWhitespace || properties.isNoncharacterCodePoint:
                self = .disallowed
            default:
                switch properties.generalCategory {
                case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .decimalNumber, .nonspacingMark,
                    .spacingMark:
                    self = .allowed
                default: self = .disallowed
                }
            }
        }

        /// RFC 5892 §2.6.
        private static func exception(_ value: UInt32) -> Standing? {
            switch value {
            case 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007: .allowed
            case 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, 0x660...0x669, 0x6F0...0x6F9: .allowedInContext
            case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: .disallowed
            default: nil
            }
        }
    }

    /// RFC 5892, appendix A.
    private static func isInContext(_ place: Int, of label: [Unicode.Scalar]) -> Bool {
        let before = place > 0 ? label[place - 1] : nil
        let after = place + 1 < label.count ? label[place + 1] : nil
        switch label[place].value {
        case 0x200C:
            // The standard library does not know which letters join; of those that do, nearly all are in these blocks.
            return isAfterVirama(before) || (before.map(isJoining) ?? false) && (after.map(isJoining) ?? false)
        case 0x200D: return isAfterVirama(before)
        case 0xB7: return before == "l" && after == "l"
        case 0x375: return after.map { isOne($0, of: [0x370...0x3FF, 0x1F00...0x1FFF]) } ?? false
        case 0x5F3, 0x5F4: return before.map { isOne($0, of: [0x591...0x5F4]) } ?? false
        case 0x30FB:
            return label.contains { scalar in
                scalar.value != 0x30FB
                    && (isOne(scalar, of: [0x3041...0x30FF, 0x31F0...0x31FF]) || scalar.properties.isIdeographic)
            }
        case 0x660...0x669: return !label.contains { (0x6F0...0x6F9).contains($0.value) }
        case 0x6F0...0x6F9: return !label.contains { (0x660...0x669).contains($0.value) }
        default: return false
        }
    }

    private static func isAfterVirama(_ before: Unicode.Scalar?) -> Bool {
        before?.properties.canonicalCombiningClass == .virama
    }

    /// Of Arabic, Syriac, N'Ko and Mongolian.
    private static func isJoining(_ scalar: Unicode.Scalar) -> Bool {
        isOne(scalar, of: [0x610...0x74F, 0x750...0x77F, 0x7C0...0x7FF, 0x8A0...0x8FF, 0x1820...0x18AA])
    }

    private static func isOne(_ scalar: Unicode.Scalar, of ranges: [ClosedRange<UInt32>]) -> Bool {
        ranges.contains { $0.contains(scalar.value) }
    }
}
