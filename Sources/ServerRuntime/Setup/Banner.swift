import APIContract
import Domain
import Sealing

/// What a starting server tells the person at the terminal.
struct Banner: Sendable {
    let url: String
    let dataDirectory: String
    let database: String
    let authorityFingerprint: String?
    let authorityPath: String?
    let setupToken: SetupToken?
    let setupTokenPath: String
    let sealingKeyPath: String?

    var text: String {
        var lines = [
            "certctl \(Version.number)", "  URL            \(url)", "  data           \(dataDirectory)",
            "  database       \(database)",
        ]
        if let authorityFingerprint, let authorityPath {
            lines.append("  server CA      sha256:\(authorityFingerprint)")
            lines.append("                 \(authorityPath)")
        }
        if let sealingKeyPath {
            lines.append("  sealing key    \(sealingKeyPath) (back it up: without it the CA is lost)")
        }
        if let setupToken {
            lines += [
                "", "No administrator exists yet. Within an hour, make the first one with",
                "  certctl setup --server \(url)\(authorityPath.map { " --ca-bundle \($0)" } ?? "") \\",
                "    --token-file \(setupTokenPath)",
                "or with a POST of", "  {\"token\":\"\(setupToken.text.withText { $0 })\",\"actor_name\":\"admin\"}",
                "to", "  \(url)\(AuthRoutes.bootstrap.route.path.text)",
            ]
        }
        return lines.joined(separator: "\n")
    }
}
