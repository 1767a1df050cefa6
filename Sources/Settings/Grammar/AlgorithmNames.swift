package import Domain

extension ValueGrammar where Value == AlgorithmPolicy {
    package static let algorithmPolicy = Self(
        kind: "algorithms",
        expectation: "a list of " + DeniableAlgorithm.allCases.map(\.rawValue).joined(separator: ", "),
        parse: { content in
            switch content {
            case .text(let text): policy(ListText.items(text))
            case .list(let items): policy(items)
            case .integer, .number, .bool: nil
            }
        },
        render: { $0.denied.isEmpty ? nil : $0.names.joined(separator: ",") }
    )

    /// `nil` for a name that is none: a list that denies less than it says would be worse than no server.
    private static func policy(_ items: [String]) -> AlgorithmPolicy? {
        var denied: Set<DeniableAlgorithm> = []
        for item in items {
            guard let algorithm = DeniableAlgorithm(rawValue: ListText.trimmed(item)) else { return nil }
            denied.insert(algorithm)
        }
        return AlgorithmPolicy(denying: denied)
    }
}
