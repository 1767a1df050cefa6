/// Text from elsewhere, made harmless for a terminal (specification, front ends §0).
///
/// Names, subjects and error texts are written by others: control characters could move the cursor or retitle the
/// window, and bidirectional or invisible ones could make one name look like another.
package enum TerminalText {
    /// The text without control, escape, bidirectional and zero-width characters, on one line.
    package static func line(_ text: String) -> String { filtered(text, keepsLines: false) }

    /// The same, with line breaks and tabs kept.
    package static func block(_ text: String) -> String { filtered(text, keepsLines: true) }

    private static func filtered(_ text: String, keepsLines: Bool) -> String {
        var safe = ""
        safe.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\t" {
                safe += keepsLines ? String(scalar) : " "
            } else if !isDangerous(scalar) {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    /// JSON or quoted YAML with dangerous characters written as `\u` escapes: the value stays the same.
    package static func escapingInsideStrings(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard isDangerous(scalar), scalar != "\n" else {
                escaped.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return escaped
    }

    /// C0, DEL, C1; bidirectional marks, embeddings and isolates; zero-width characters; line separators; tags.
    static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F: true
        case 0x061C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        case 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
        default: false
        }
    }
}
