package import APIContract

/// A route with the code that answers it.
struct BoundRoute: Sendable {
    enum Handler: Sendable {
        case open(@Sendable (PublicContext) async throws -> OutgoingResponse)
        case protected(@Sendable (AuthenticatedContext) async throws -> OutgoingResponse)
        case enrolment(@Sendable (EnrolmentContext) async throws -> OutgoingResponse)
    }

    let route: Route
    let handler: Handler
}

/// Which code answers which route. The kind of route decides which context a handler gets: one that needs a principal
/// cannot be put on a route that does not establish one.
package struct HandlerTable: Sendable {
    private(set) var bound: [BoundRoute] = []

    package init() {}

    package mutating func on(
        _ route: OpenRoute, _ handler: @escaping @Sendable (PublicContext) async throws -> OutgoingResponse
    ) {
        bound.append(BoundRoute(route: route.route, handler: .open(handler)))
    }

    package mutating func on(
        _ route: ProtectedRoute, _ handler: @escaping @Sendable (AuthenticatedContext) async throws -> OutgoingResponse
    ) {
        bound.append(BoundRoute(route: route.route, handler: .protected(handler)))
    }

    package mutating func on(
        _ route: EnrolmentRoute, _ handler: @escaping @Sendable (EnrolmentContext) async throws -> OutgoingResponse
    ) {
        bound.append(BoundRoute(route: route.route, handler: .enrolment(handler)))
    }

    /// What is wrong with the table as an implementation of `routes`; `nil` when nothing is.
    package func mismatch(with routes: [Route]) -> RouteTableMismatch? {
        let declared = routes.map(\.id)
        let handled = bound.map(\.route.id)
        let problem = RouteTableMismatch(
            withoutHandler: declared.filter { !handled.contains($0) },
            withoutRoute: handled.filter { !declared.contains($0) },
            handledTwice: Self.repeated(handled),
            declaredTwice: Self.repeated(declared) + Self.repeated(routes.map { "\($0.method.rawValue) \($0.path)" })
        )
        return problem.isEmpty ? nil : problem
    }

    private static func repeated(_ names: [String]) -> [String] {
        Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +).filter { $0.value > 1 }.keys.sorted()
    }
}

/// Handlers and routes do not belong to each other: a defect of the program, found at start.
package struct RouteTableMismatch: Error, Sendable, Hashable, CustomStringConvertible {
    package let withoutHandler: [String]
    package let withoutRoute: [String]
    package let handledTwice: [String]
    package let declaredTwice: [String]
    /// Routes whose path leads to another one.
    package var misrouted: [String] = []

    var isEmpty: Bool {
        withoutHandler.isEmpty && withoutRoute.isEmpty && handledTwice.isEmpty && declaredTwice.isEmpty
            && misrouted.isEmpty
    }

    package var description: String {
        "route table: without handler \(withoutHandler), handlers without route \(withoutRoute), "
            + "handled twice \(handledTwice), declared twice \(declaredTwice), misrouted \(misrouted)"
    }
}
