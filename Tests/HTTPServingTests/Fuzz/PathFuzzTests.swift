import APIContract
import TestSupport
import Testing

@testable import HTTPServing

@Suite("T1: no spelling of a path reaches a route of another access")
struct PathFuzzTests {
    private static let routes = RouteTable.all
    private static let matcher = RouteMatcher(
        routes.map { route in BoundRoute(route: route, handler: .open { _ in .noContent }) })
    private static let alphabet = [
        "/", "//", "/./", "/../", ".", "..", "%2f", "%2F", "%2e", "%2e%2e", "%00", "%0a", "%25", "%", ";", ";x=1", "\\",
        "?", "#", "%5c", "a", "A", "ſ", "\u{0}", " ", "+", "%61", "%c0%af", "%ef%bc%8f", "*", "~", "api", "v1", "auth",
    ]

    /// What a generous peer in front of the server might make of a path: escapes decoded until none is left, slashes
    /// folded, dot segments resolved, parameters of segments dropped, letters in lower case.
    private static func generous(_ path: String) -> String {
        var text = path
        for _ in 0..<3 {
            guard let decoded = PercentEncoding.decode(text[...]), decoded != text else { break }
            text = decoded
        }
        var segments: [Substring] = []
        for segment in text.replacing("\\", with: "/").split(separator: "/") {
            switch segment.prefix(while: { $0 != ";" }) {
            case ".", "": continue
            case "..": _ = segments.popLast()
            case let plain: segments.append(plain)
            }
        }
        return "/" + segments.joined(separator: "/").lowercased()
    }

    private static func found(_ path: String) -> [HTTPMethod: Route] {
        guard case .found(let methods, _) = matcher.match(path[...]) else { return [:] }
        return methods.mapValues(\.route)
    }

    /// Whether a caller without a credential gets in.
    private static func isOpen(_ route: Route) -> Bool { route.access == .open }

    @Test(
        "damaged paths: what is found needs no less than what a generous reader would find",
        arguments: 0..<12 as Range<UInt64>)
    func mutations(seed: UInt64) {
        var input = SeededInput(seed)
        var reached = 0
        for _ in 0..<3000 {
            let path = input.damaged(input.pick(Self.routes).pathExample, with: Self.alphabet)
            guard path.utf8.first == UInt8(ascii: "/"), !path.contains("?"), !path.contains("#") else { continue }
            let own = Self.found(path)
            let other = Self.found(Self.generous(path))
            reached += own.isEmpty ? 0 : 1
            for (method, route) in own {
                guard let wider = other[method], wider.id != route.id else { continue }
                #expect(
                    !Self.isOpen(route) || Self.isOpen(wider),
                    "\(method.rawValue) \(path): \(route.id), not \(wider.id)")
            }
        }
        #expect(reached > 100, "hardly anything was found: \(reached)")
    }

    @Test("every route is found by its own path, and by no escaped or doubled spelling of its literals")
    func literals() {
        for route in Self.routes {
            let path = route.pathExample
            #expect(Self.found(path)[route.method]?.id == route.id)
            let escaped = path.replacing("/api", with: "/%61pi")
            if escaped != path { #expect(Self.found(escaped).isEmpty, "\(escaped)") }
            // What ends in the rest of the path takes slashes as they are: base64 has them.
            let longer = if case .rest = route.path.segments.last { path } else { path + "/" }
            for spelling in [
                "/" + path, longer, path.replacing("/v1", with: "/./v1"), "/x/.." + path, path.uppercased(),
            ]
            where spelling != path {
                #expect(Self.found(spelling)[route.method]?.id != route.id, "\(spelling)")
            }
        }
    }

    @Test(
        "an escaped slash, a control character or dots are no part of a parameter",
        arguments: [
            "/api/v1/teams/%2e%2e", "/api/v1/teams/..", "/api/v1/teams/a%2fb", "/api/v1/teams/a%00",
            "/api/v1/teams/%zz",
            "/api/v1/teams/a%0d%0ab", "/api/v1/teams/%", "/api/v1/teams/%c3%28",
        ])
    func parameters(path: String) {
        guard case .malformed = Self.matcher.match(path[...]) else {
            Issue.record("\(path) is taken")
            return
        }
    }
}
