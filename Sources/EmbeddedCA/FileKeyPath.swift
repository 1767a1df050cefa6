/// The reference of a key in a file: its absolute path, written in the one way that names it (issuers §5.2).
package enum FileKeyPath {
    private static let longest = 1024

    /// What is wrong with a path, for people; `nil` when nothing is.
    package static func problem(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return "must be an absolute path on the server" }
        guard path.utf8.count <= longest else { return "must have at most \(longest) octets" }
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return "must have no control characters" }
        let steps = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard steps.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            return "must name a file without empty steps, \".\" and \"..\""
        }
        return nil
    }
}
