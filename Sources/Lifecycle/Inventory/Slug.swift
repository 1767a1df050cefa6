/// The readable part of an identifier made from a name: `Standard TLS (EU)` gives `standard-tls-eu`.
enum Slug {
    private static let longest = 100

    /// Lower-case letters, digits and single hyphens; `nil` when nothing of the name is left.
    static func text(from name: String) -> String? {
        var slug = ""
        for scalar in name.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9": slug.unicodeScalars.append(scalar)
            default: if !slug.isEmpty, slug.last != "-" { slug.append("-") }
            }
            if slug.utf8.count >= longest { break }
        }
        while slug.last == "-" { slug.removeLast() }
        return slug.isEmpty ? nil : slug
    }
}
