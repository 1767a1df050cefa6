package import Domain

/// A route that needs no principal. Its handler cannot ask for one.
package struct OpenRoute: Sendable {
    package let route: Route

    /// The class is `.probe`, `.open`, `.pki`, `.acme`, `.login` or `.bootstrap`.
    package init(
        _ id: String, _ method: HTTPMethod, _ path: PathPattern, class routeClass: RouteClass = .open,
        feature: RouteFeature? = nil, audit: String? = nil, bodyLimit: Int? = nil, _ summary: String,
        query: [QueryParameter] = [], request: RequestContent? = nil, responses: [ResponseContent],
        cli: CommandLineExposure
    ) {
        route = Route(
            id: id, method: method, path: path, routeClass: routeClass, access: .open, auditAction: audit,
            bodyLimit: bodyLimit, summary: summary, query: query, request: request, responses: responses, cli: cli,
            feature: feature
        )
    }
}

/// A route whose handler receives an authorised principal.
package struct ProtectedRoute: Sendable {
    package let route: Route

    package init(
        _ id: String, _ method: HTTPMethod, _ path: PathPattern, _ access: Access, scope: ScopeMark? = nil,
        class routeClass: RouteClass = .api, feature: RouteFeature? = nil, audit: String? = nil, bodyLimit: Int? = nil,
        isLongLived: Bool = false, isExport: Bool = false, _ summary: String, query: [QueryParameter] = [],
        request: RequestContent? = nil,
        responses: [ResponseContent], cli: CommandLineExposure
    ) {
        route = Route(
            id: id, method: method, path: path, routeClass: routeClass, access: access, auditAction: audit,
            bodyLimit: bodyLimit, summary: summary, query: query, request: request, responses: responses, cli: cli,
            scope: scope, feature: feature, isLongLived: isLongLived, isExport: isExport
        )
    }
}

/// A route for a principal with a permission, or for a caller who brings an enrolment token instead.
package struct EnrolmentRoute: Sendable {
    package let route: Route

    package init(
        _ id: String, _ method: HTTPMethod, _ path: PathPattern, _ permission: Permission, audit: String,
        _ summary: String, request: RequestContent, responses: [ResponseContent], cli: CommandLineExposure
    ) {
        route = Route(
            id: id, method: method, path: path, routeClass: .enrolment,
            access: .permissionOrEnrolmentToken(permission), auditAction: audit, bodyLimit: 16_384, summary: summary,
            query: [], request: request, responses: responses, cli: cli
        )
    }
}
