import Foundation

/// Compares the `import` lines of the sources with the manifest.
///
/// The compiler alone lets an undeclared import through whenever the module happens to be built.
enum ImportEdges {
    /// The dependencies that the manifest declares for each target of ours.
    static func declared(in manifest: String) -> [String: Set<String>] {
        let aliases = productAliases(in: manifest)
        var edges: [String: Set<String>] = [:]
        for declaration in manifest.matches(
            of: /(?:module|tests|name:)\s*\(?\s*"([A-Za-z0-9-]+)"(?:,\s*(?:dependencies:\s*)?\[((?:[^\[\]])*)\])?/
        ) {
            let name = String(declaration.1)
            let list = declaration.2.map(String.init) ?? ""
            var modules: Set<String> = []
            for word in list.split(whereSeparator: { ",\n ".contains($0) }).map(String.init) {
                if word.hasPrefix("\"") {
                    modules.insert(word.trimmingCharacters(in: CharacterSet(charactersIn: "\"")))
                } else if let product = aliases[word] {
                    modules.insert(product)
                }
            }
            edges[name, default: []].formUnion(modules)
        }
        return edges
    }

    /// Lines `file: import X` whose target does not declare `X`.
    static func undeclared(files: [SourceTree.File], edges: [String: Set<String>], ours: Set<String>) -> [String] {
        let toolchain: Set<String> = [
            "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Synchronization", "Testing", "Dispatch",
            "FoundationNetworking", "FoundationInternationalization", "CDispatch",
        ]
        return files.flatMap { file in
            file.lines.compactMap { line -> String? in
                guard line.contains("import "),
                    let found = line.firstMatch(
                        of:
                            /^\s*(?:@testable )?(?:package |internal |public )?import (?:struct |enum |class |func )?([A-Za-z_0-9]+)/
                    )
                else { return nil }
                let module = String(found.1)
                let allowed = edges[file.target, default: []].union([file.target, "TestSupport"])
                let isDeclared = allowed.contains(module) || toolchain.contains(module)
                return isDeclared ? nil : "\(file.path): import \(module)"
            }
        }
    }

    private static func productAliases(in manifest: String) -> [String: String] {
        var aliases: [String: String] = [:]
        for found in manifest.matches(of: /let (\w+) = Target\.Dependency\.product\(name: "(\w+)"/) {
            aliases[String(found.1)] = String(found.2)
        }
        return aliases
    }
}
