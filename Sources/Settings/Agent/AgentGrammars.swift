package import Domain

extension ValueGrammar where Value == AgentID {
    package static let agentID = Self(
        kind: "id",
        expectation: "an identifier of at most 128 of A-Z a-z 0-9 . _ - that starts with a letter or digit",
        text: { try? AgentID($0) },
        render: { $0.text }
    )
}

extension ValueGrammar where Value == [TargetType] {
    package static let targetTypes = Self(
        kind: "list",
        expectation: "a comma-separated list of target types such as " + TargetType.nginx.rawValue,
        parse: { content in
            guard let names = ValueGrammar<[String]>.list.parse(content) else { return nil }
            let types = names.compactMap { name in
                TargetType.allCases.first { $0.rawValue.lowercased() == name.lowercased() }
            }
            return types.count == names.count ? types : nil
        },
        render: { $0.isEmpty ? nil : $0.map(\.rawValue).joined(separator: ",") }
    )
}

extension ValueGrammar where Value == [String] {
    package static let absolutePaths = Self.items(of: "a comma-separated list of absolute paths") { path in
        path.hasPrefix("/") && !path.split(separator: "/").contains("..")
    }
}

extension ValueGrammar where Value == String {
    /// A SHA-256 fingerprint; the value is 64 lower-case hexadecimal digits.
    package static let fingerprint = Self(
        kind: "fingerprint",
        expectation: "sha256: and 64 hexadecimal digits",
        text: { text in
            let body = text.lowercased().hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
            let digits = body.lowercased().filter { $0 != ":" }
            let isHex = digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            return digits.utf8.count == 64 && isHex ? digits : nil
        },
        render: { "sha256:\($0)" }
    )
}
