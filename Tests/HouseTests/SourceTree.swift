import Foundation

/// The Swift files of the repository, read once.
struct SourceTree {
    struct File {
        /// Relative to the repository, for example `Sources/Domain/Secret.swift`.
        let path: String
        let lines: [String]

        /// The target that a file below `Sources/` or `Tests/` belongs to.
        var target: String { String(path.split(separator: "/")[1]) }
    }

    let root: URL
    let sources: [File]
    let tests: [File]

    static let repository = SourceTree(
        root: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    )

    init(root: URL) {
        self.root = root
        sources = Self.swiftFiles(below: "Sources", root: root)
        tests = Self.swiftFiles(below: "Tests", root: root)
    }

    func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func swiftFiles(below folder: String, root: URL) -> [File] {
        let base = root.appending(path: folder)
        guard let walker = FileManager.default.enumerator(atPath: base.path) else { return [] }
        return walker.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
            guard let text = try? String(contentsOf: base.appending(path: name), encoding: .utf8) else { return nil }
            return File(path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n"))
        }
    }
}
