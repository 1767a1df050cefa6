/// What the names in a pattern stand for in one request.
package struct PatternBinding: Hashable, Sendable {
    package var commonName: String
    /// Who asks: the identifier of the actor.
    package var principal: String

    package init(commonName: String = "", principal: String = "") {
        self.commonName = commonName
        self.principal = principal
    }
}

/// The text of a pattern, cut at its placeholders.
struct PatternTemplate: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case pattern(String)
        case commonName, principal
    }

    private let parts: [Part]
    private let offset: Int

    /// - `offset`: Where `body` starts in what the operator wrote, for messages.
    init(_ body: Substring, isGlob: Bool, offset: Int) throws(SANPatternError) {
        self.offset = offset
        var parts: [Part] = []
        var literal = ""
        var rest = body
        while let first = rest.first {
            if rest.hasPrefix("{cn}") || rest.hasPrefix("{principal}") {
                parts.append(.pattern(literal))
                literal = ""
                parts.append(rest.hasPrefix("{cn}") ? .commonName : .principal)
                rest = rest.dropFirst(rest.hasPrefix("{cn}") ? 4 : 11)
            } else {
                literal.append(first)
                rest = rest.dropFirst()
            }
        }
        parts.append(.pattern(literal))
        guard isGlob else {
            self.parts = parts
            return
        }
        var converted: [Part] = []
        for part in parts {
            if case .pattern(let text) = part {
                converted.append(.pattern(try Self.expression(text, offset)))
            } else {
                converted.append(part)
            }
        }
        self.parts = converted
    }

    var isBound: Bool { parts.count > 1 }

    /// Throws when a value is missing, or has characters that no name has.
    func automaton(_ binding: PatternBinding) throws(SANPatternError) -> PatternAutomaton {
        var text = ""
        for part in parts {
            switch part {
            case .pattern(let pattern): text += pattern
            case .commonName: text += try escaped(binding.commonName)
            case .principal: text += try escaped(binding.principal)
            }
        }
        var parser = PatternParser(Array(text.utf8), offset: offset)
        return try PatternAutomaton(parser.parse())
    }

    private func escaped(_ value: String) throws(SANPatternError) -> String {
        guard !value.isEmpty, value.utf8.count <= 255 else {
            throw SANPatternError(offset: offset, reason: "a placeholder has no value")
        }
        return "(?:" + value.lowercased().map(Self.literal).joined() + ")"
    }

    /// A character that stands for itself.
    private static func literal(_ character: Character) -> String {
        character.isLetter || character.isNumber || character == "_" || character == "-"
            ? String(character) : "\\\(character)"
    }

    /// A host name with `*` for one label and `**` for some.
    private static func expression(_ glob: String, _ offset: Int) throws(SANPatternError) -> String {
        var text = ""
        var rest = glob[...]
        while let first = rest.first {
            if rest.hasPrefix("\\*") {
                text += "\\*"
                rest = rest.dropFirst(2)
                continue
            }
            if rest.hasPrefix("**") {
                text += "[^*]+"
                rest = rest.dropFirst(2)
                continue
            }
            guard first == "*" || first.isLetter || first.isNumber || "-_.".contains(first) else {
                throw SANPatternError(offset: offset, reason: "a glob has letters, digits, - _ . and * alone")
            }
            text += first == "*" ? "[^.*]+" : literal(first)
            rest = rest.dropFirst()
        }
        return text
    }
}
