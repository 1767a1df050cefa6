/// One file of a ladder.
package struct LintFile: Hashable, Sendable {
    package let dialect: SQLDialect
    /// Without its directory.
    package let name: String
    package let text: String
    /// Of the file's octets, in hexadecimal.
    package let sha256: String

    package init(dialect: SQLDialect, name: String, text: String, sha256: String) {
        self.dialect = dialect
        self.name = name
        self.text = text
        self.sha256 = sha256
    }

    /// As reports and the list of released files name it: `postgres/000001_identity.up.sql`.
    package var path: String { dialect.rawValue + "/" + name }
}

/// `NNNNNN_lower_snake_name.up.sql`, `.notx.up.sql` or `.down.sql`, taken apart.
struct MigrationName: Hashable, Sendable {
    let number: Int
    let stem: String
    let isDown: Bool
    let isTransactional: Bool

    init?(_ name: String) {
        var stem = name[...]
        if stem.hasSuffix(".down.sql") {
            isDown = true
            isTransactional = true
            stem = stem.dropLast(".down.sql".count)
        } else if stem.hasSuffix(".up.sql") {
            isDown = false
            stem = stem.dropLast(".up.sql".count)
            isTransactional = !stem.hasSuffix(".notx")
            if !isTransactional { stem = stem.dropLast(".notx".count) }
        } else {
            return nil
        }
        let octets = Array(stem.utf8)
        guard octets.count > 7, octets[6] == 0x5F, octets[..<6].allSatisfy({ (0x30...0x39).contains($0) }),
            octets[7...].allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }),
            let number = Int(stem.prefix(6))
        else { return nil }
        self.number = number
        self.stem = String(stem)
    }

    /// What the file was probably meant to be called.
    static func suggestion(for name: String, number: Int) -> String {
        let lower = name.lowercased()
        let suffix =
            lower.hasSuffix(".down.sql") ? ".down.sql" : lower.hasSuffix(".notx.up.sql") ? ".notx.up.sql" : ".up.sql"
        var words = lower[...]
        for ending in [".down.sql", ".notx.up.sql", ".up.sql", ".sql"] where words.hasSuffix(ending) {
            words = words.dropLast(ending.count)
            break
        }
        words = words.drop { $0.isNumber || $0 == "_" || $0 == "-" || $0 == "." }
        let snake = words.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        return padded(number) + "_" + (snake.isEmpty ? "name" : String(snake)) + suffix
    }

    static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }
}
