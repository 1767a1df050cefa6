import Crypto
import Encoding

/// One step of the schema for one engine.
package struct Migration: Hashable, Sendable {
    /// The stem of its files, such as `000001_initial_schema`.
    package let version: String
    package let up: String
    /// What undoes it, for tests and for operators; never run by itself.
    package let down: String?
    /// False for files named `.notx.up.sql`, whose statements cannot run in a transaction.
    package let isTransactional: Bool
    /// SHA-256 of the `.up.sql` file in hexadecimal.
    package let checksum: String

    package init(version: String, up: String, down: String?, isTransactional: Bool) {
        self.version = version
        self.up = up
        self.down = down
        self.isTransactional = isTransactional
        checksum = Hex.encode(SHA256.hash(data: Array(up.utf8)))
    }

    /// The file as it is named to people.
    package var fileName: String { version + (isTransactional ? ".up.sql" : ".notx.up.sql") }

    /// The oldest release that can run on the schema after this step, if the file says one:
    /// `-- certctl:compat-floor 1.2.0`.
    package var compatFloor: String? {
        for line in up.split(separator: "\n") where line.hasPrefix("--") {
            guard let directive = CommentDirective(String(line)), directive.isAboutFile else { continue }
            return directive.text.split(separator: " ").last.map(String.init)
        }
        return nil
    }

    /// What taking it back loses, from the comment that its down file begins with.
    package var dataLoss: String {
        let head = (down ?? "").split(separator: "\n", omittingEmptySubsequences: false).prefix { $0.hasPrefix("--") }
        let text = head.map { $0.dropFirst(2).drop { $0 == " " } }.joined(separator: " ")
        return text.isEmpty ? "there is no down file" : text
    }
}
