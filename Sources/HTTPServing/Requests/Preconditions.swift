import Domain

/// The entity tag of a row: its version (RFC 9110 §8.8.3).
package enum EntityTag {
    package static func of(version: Int) -> String { "\"v\(version)\"" }

    static func version(_ tag: some StringProtocol) -> Int? {
        guard tag.hasPrefix("\"v"), tag.hasSuffix("\""), tag.count > 3 else { return nil }
        return Int(tag.dropFirst(2).dropLast())
    }

    /// Weak comparison, as `If-None-Match` wants it.
    static func list(_ field: String, contains tag: String) -> Bool {
        field.split(separator: ",").contains { entry in
            var entry = entry.drop { $0 == " " }
            while entry.hasSuffix(" ") { entry = entry.dropLast() }
            if entry == "*" { return true }
            return (entry.hasPrefix("W/") ? entry.dropFirst(2) : entry)
                == (tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...])
        }
    }
}

/// What `If-Match` says.
package enum VersionCondition: Sendable, Hashable {
    case none
    /// `If-Match: *`
    case exists
    case anyOf([Int])

    init(_ field: String?) {
        guard let field else {
            self = .none
            return
        }
        let tags = field.split(separator: ",").map { $0.drop { $0 == " " } }
        self = tags.contains("*") ? .exists : .anyOf(tags.compactMap { EntityTag.version($0) })
    }
}
