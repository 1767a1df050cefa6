import APIContract

/// Finds the routes of a path. Literal segments win over parameters; nothing is matched after percent-decoding, so no
/// spelling of a path reaches the route of another.
struct RouteMatcher: Sendable {
    final class Node: Sendable {
        let literals: [String: Node]
        let parameter: Node?
        /// Takes the rest of the path as it is.
        let rest: [HTTPMethod: BoundRoute]
        let methods: [HTTPMethod: BoundRoute]

        init(
            literals: [String: Node], parameter: Node?, rest: [HTTPMethod: BoundRoute],
            methods: [HTTPMethod: BoundRoute]
        ) {
            self.literals = literals
            self.parameter = parameter
            self.rest = rest
            self.methods = methods
        }
    }

    enum Outcome {
        case found([HTTPMethod: BoundRoute], parameters: [String])
        case notFound
        /// A segment that no parameter may hold.
        case malformed(String)
    }

    private let root: Node

    init(_ routes: [BoundRoute]) { root = Self.node(of: routes, depth: 0) }

    func match(_ path: Substring) -> Outcome {
        guard path.utf8.first == UInt8(ascii: "/") else { return .malformed("the path must begin with a slash") }
        var node = root
        var parameters: [String] = []
        for segment in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if !node.rest.isEmpty {
                return .found(node.rest, parameters: parameters + [String(path[segment.startIndex...])])
            }
            if segment == "." || segment == ".." { return .malformed("dot segments are not resolved") }
            if let next = node.literals[String(segment)] {
                node = next
                continue
            }
            guard let next = node.parameter, !segment.isEmpty else { return .notFound }
            switch Self.parameter(segment) {
            case .success(let value): parameters.append(value)
            case .failure(let fault): return .malformed(fault.detail)
            }
            node = next
        }
        return node.methods.isEmpty ? .notFound : .found(node.methods, parameters: parameters)
    }

    private struct Fault: Error { let detail: String }

    private static func parameter(_ segment: Substring) -> Result<String, Fault> {
        guard let value = PercentEncoding.decode(segment) else {
            return .failure(Fault(detail: "a path segment has a broken percent escape"))
        }
        guard value.utf8.count <= 255 else { return .failure(Fault(detail: "a path segment is longer than 255 bytes")) }
        let isClean = value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
        guard isClean, value != ".", value != ".." else {
            return .failure(Fault(detail: "a path segment holds a slash, a control character or only dots"))
        }
        return .success(value)
    }

    private static func node(of routes: [BoundRoute], depth: Int) -> Node {
        var literals: [String: [BoundRoute]] = [:]
        var parameters: [BoundRoute] = []
        var rest: [HTTPMethod: BoundRoute] = [:]
        var methods: [HTTPMethod: BoundRoute] = [:]
        for bound in routes {
            let segments = bound.route.path.segments
            guard depth < segments.count else {
                methods[bound.route.method] = bound
                continue
            }
            switch segments[depth] {
            case .literal(let text): literals[text, default: []].append(bound)
            case .parameter: parameters.append(bound)
            case .rest: rest[bound.route.method] = bound
            }
        }
        return Node(
            literals: literals.mapValues { node(of: $0, depth: depth + 1) },
            parameter: parameters.isEmpty ? nil : node(of: parameters, depth: depth + 1),
            rest: rest,
            methods: methods
        )
    }
}
