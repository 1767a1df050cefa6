import Domain

/// A host name, or a wildcard for one label, in lower case and ASCII.
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Accepts letters, digits, hyphens and underscores; `*` only as the complete left-most label.
    package init(_ text: String) throws(NameError) {
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.count <= 253 else { throw .tooLong(limit: 253) }
        try UnicodeSafety.checkASCII(text)
        var lower: [UInt8] = []
        lower.reserveCapacity(text.utf8.count)
        for octet in text.utf8 { lower.append((0x41...0x5A).contains(octet) ? octet | 0x20 : octet) }
        try Self.checkLabels(lower)
        self.text = String(decoding: lower, as: UTF8.self)
    }

    package var isWildcard: Bool { text.utf8.first == 0x2A }
    package var description: String { text }

    /// What is wrong with a label that looks like an internationalised one (RFC 5890 §2.3); `nil` for nothing. Certificates of
    /// others may have such names, so they are read all the same; none is issued for them.
    package var objection: String? {
        for label in text.utf8.split(separator: 0x2E) {
            guard let objection = InternationalLabel.objection(to: label) else { continue }
            return "label \(Substring(label)): \(objection)"
        }
        return nil
    }

    private static func checkLabels(_ octets: [UInt8]) throws(NameError) {
        let labels = octets.split(separator: 0x2E, omittingEmptySubsequences: false)
        for (position, label) in labels.enumerated() {
            if label.contains(0x2A) {
                guard position == 0, label.count == 1, labels.count > 1 else { throw .misplacedWildcard }
                continue
            }
            try check(label)
        }
        if let last = labels.last, last.allSatisfy({ (0x30...0x39).contains($0) }) { throw .numericTopLabel }
    }

    private static func check(_ label: ArraySlice<UInt8>) throws(NameError) {
        guard let first = label.first, let last = label.last else { throw .emptyLabel(offset: label.startIndex) }
        guard label.count <= 63 else { throw .labelTooLong(offset: label.startIndex) }
        for (index, octet) in zip(label.indices, label) where !isAllowed(octet) {
            throw .forbiddenCharacter(offset: index)
        }
        guard first != 0x2D, last != 0x2D else { throw .hyphenAtLabelEdge(offset: label.startIndex) }
    }

    private static func isAllowed(_ octet: UInt8) -> Bool {
        (0x61...0x7A).contains(octet) || (0x30...0x39).contains(octet) || octet == 0x2D || octet == 0x5F
    }
}
