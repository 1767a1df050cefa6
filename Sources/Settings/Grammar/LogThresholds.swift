/// How much a program tells.
package enum LogVerbosity: String, Sendable, CaseIterable {
    case debug, info, warn, error
}

/// A level for everything, and levels for single components: `info,scheduler=debug,http=warn`.
package struct LogThresholds: Hashable, Sendable {
    package let fallback: LogVerbosity
    package let components: [String: LogVerbosity]

    package init(fallback: LogVerbosity = .info, components: [String: LogVerbosity] = [:]) {
        self.fallback = fallback
        self.components = components
    }

    /// `nil` unless every part is a level or `component=level`, with at most one level for everything.
    init?(_ text: String) {
        var fallback: LogVerbosity?
        var components: [String: LogVerbosity] = [:]
        for part in ListText.items(text) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false).map {
                ListText.trimmed(String($0))
            }
            guard sides.count <= 2, let level = sides.last.flatMap(LogVerbosity.init(rawValue:)) else { return nil }
            if sides.count == 1 {
                guard fallback == nil else { return nil }
                fallback = level
            } else {
                let name = sides[0]
                let isName = !name.isEmpty && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2D }
                guard isName, components.updateValue(level, forKey: name) == nil else { return nil }
            }
        }
        guard fallback != nil || !components.isEmpty else { return nil }
        self.init(fallback: fallback ?? .info, components: components)
    }

    var text: String {
        ([fallback.rawValue] + components.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.rawValue)" })
            .joined(separator: ",")
    }
}

/// How log lines look; `auto` is text on a terminal and JSON elsewhere.
package enum LogFormat: String, Sendable, CaseIterable {
    case json, text, auto
}

extension ValueGrammar where Value == LogThresholds {
    package static let logThresholds = Self(
        kind: "levels",
        expectation: "debug, info, warn or error, optionally with levels per component as in info,http=warn",
        parse: { content in
            switch content {
            case .text(let text): LogThresholds(text)
            case .list(let items): LogThresholds(items.joined(separator: ","))
            case .integer, .number, .bool: nil
            }
        },
        render: { $0.text }
    )
}
