package import APIContract
import Access
import Domain
import Encoding
import HTTPTypes
import NIOCore
import Telemetry

/// The pipeline from request to answer (specification, rest-api §1.3, security §1.5).
///
/// Request id → access line → panic barrier → limits → security fields → address limit → CORS → authentication →
/// actor limit → access decision → conditions and idempotency → handler.
package struct Dispatcher: Sendable {
    package let environment: ServingEnvironment
    private let matcher: RouteMatcher
    private let gate: AccessGate
    /// Served protocols that have a part of the paths for themselves.
    private let protocols: [RouteClass]

    /// - `switchedOff`: Features whose routes do not exist here: nothing tells them from a path that never was.
    /// - Throws: ``RouteTableMismatch`` when a route has no handler or a handler no route.
    package init(
        _ handlers: HandlerTable, routes: [Route] = RouteTable.all, switchedOff: Set<RouteFeature> = [],
        environment: ServingEnvironment
    ) throws(RouteTableMismatch) {
        if let mismatch = handlers.mismatch(with: routes) { throw mismatch }
        self.environment = environment
        matcher = RouteMatcher(
            handlers.bound.filter { bound in bound.route.feature.map { !switchedOff.contains($0) } ?? true })
        let served = routes.filter { route in route.feature.map { !switchedOff.contains($0) } ?? true }
        protocols = RouteClass.allCases.filter { kind in
            kind.protocolPrefix != nil && served.contains { $0.routeClass == kind }
        }
        let misrouted = Self.misrouted(served, matcher)
        guard misrouted.isEmpty else {
            throw RouteTableMismatch(
                withoutHandler: [], withoutRoute: [], handledTwice: [], declaredTwice: [], misrouted: misrouted)
        }
        gate = AccessGate(environment: environment)
    }

    /// Asks for every route by its own path, so that no route is decided by the access of another.
    private static func misrouted(_ routes: [Route], _ matcher: RouteMatcher) -> [String] {
        routes.filter { route in
            guard case .found(let methods, _) = matcher.match(route.pathExample[...]) else { return true }
            return methods[route.method]?.route.id != route.id
        }.map(\.id)
    }

    func respond(to head: HTTPRequest, body: RequestBody, connection: ConnectionInfo) async -> OutgoingResponse {
        environment.metrics.requestBegan()
        let target = Target(head.path ?? "/")
        let address = environment.rules.proxies.client(
            peer: connection.peerAddress, forwardedFor: head.headerFields[.forwardedFor]
        )
        var trace = RequestTrace(
            id: requestID(head.headerFields[.requestID]), method: head.method.rawValue, path: String(target.path),
            connection: connection, clientAddress: address, userAgent: head.headerFields[.userAgent], start: .now()
        )
        let accepted = MediaRanges(head.headerFields[.accept])
        var added = HTTPFields()
        var response: OutgoingResponse
        do {
            response = try await answer(head, target, body, accepted, &trace, &added)
        } catch {
            let problem = problem(for: error, trace)
            tell(of: problem, trace)
            response =
                refusedByProtocol(problem, head, trace)
                ?? problem.response(requestID: trace.id, path: trace.path, accepted: accepted)
        }
        if let reason = response.refusalReason {
            tell(of: response.status, reason, trace, subject: response.refusedSubject)
        }
        trace.bytesIn = body.bytesRead
        validate(&response, head)
        if let refusal = refusesBody(&response, head, trace) {
            tell(of: refusal, trace)
            response = refusal.response(requestID: trace.id, path: trace.path, accepted: accepted)
        }
        complete(&response, head, trace, added)
        trace.finish(response, metrics: environment.metrics, logger: environment.logger)
        return response
    }

    private func answer(
        _ head: HTTPRequest, _ target: Target, _ body: RequestBody, _ accepted: MediaRanges,
        _ trace: inout RequestTrace, _ added: inout HTTPFields
    ) async throws -> OutgoingResponse {
        try checkSizes(head, target)
        let (methods, parameters) = try match(target)
        if head.method == .options { return preflight(methods, head) }
        guard let method = Self.method(head.method), let bound = methods[method] else {
            trace.route = methods.first?.value.route
            throw Problem.methodNotAllowed(Self.allowed(methods))
        }
        let route = bound.route
        trace.route = route
        if case .starting(let step) = environment.state.phase, route.routeClass != .probe {
            throw Problem.starting(step)
        }

        let caller = try await gate.admit(route, parameters, head, trace.clientAddress, &added) { trace.principal = $0 }
        if !method.isSafe, let refusal = try await environment.refusesChange(route) { throw refusal }
        let isStrict = Self.isStrict(head.headerFields[.prefer])
        if isStrict { added[.preferenceApplied] = "handling=strict" }
        try checkMediaTypes(route, head, accepted, body)
        let query = try QueryValues(target.query, declared: route.query, isStrict: isStrict)
        let octets = try await collect(body, route)
        let request = RequestContext(
            id: trace.id, route: route, path: trace.path, query: query, fields: head.headerFields,
            connection: trace.connection, clientAddress: trace.clientAddress, body: octets,
            condition: VersionCondition(head.headerFields[.ifMatch]),
            idempotencyClaim: try IdempotencyLayer.claim(route, head, octets, trace),
            authority: head.authority, isHead: head.method == .head, isAwaited: body.isAwaited,
            rawQuery: String(target.query), parameters: parameters, accepted: accepted, isStrict: isStrict
        )
        if route.isLongLived { try await body.announceLongLivedResponse() }
        let layer = IdempotencyLayer(keeper: environment.idempotency)
        let (id, path) = (trace.id, trace.path)
        return try await layer.run(
            request.idempotencyClaim,
            refusal: { Self.refusal($0)?.response(requestID: id, path: path, accepted: accepted) }
        ) {
            try await Self.call(bound, request, caller)
        }
    }

    /// What a handler decided against; `nil` when it did not come to a decision.
    private static func refusal(_ error: any Error) -> Problem? {
        switch error {
        case let problem as Problem: problem
        case let error as ServiceError: Problem(error)
        default: nil
        }
    }

    private static func call(
        _ bound: BoundRoute, _ request: RequestContext, _ caller: AccessGate.Caller
    ) async throws -> OutgoingResponse {
        switch (bound.handler, caller) {
        case (.open(let handler), _): return try await handler(PublicContext(request: request))
        case (.protected(let handler), .authorised(let authorisation)):
            return try await handler(AuthenticatedContext(request: request, authorisation))
        case (.enrolment(let handler), .authorised(let authorisation)):
            return try await handler(EnrolmentContext(request: request, authorisation))
        case (.enrolment(let handler), .token(let token)):
            return try await handler(EnrolmentContext(request: request, token: token))
        case (.protected, _), (.enrolment, .nobody): throw Problem.missingCredential
        }
    }

    /// A relying party whose request is too long is answered in its own protocol, as if it had said nothing.
    private func collect(_ body: RequestBody, _ route: Route) async throws -> [UInt8] {
        do {
            return try await body.collect(atMost: min(route.bodyLimit ?? .max, environment.rules.limits.bodyBytes))
        } catch let problem as Problem where problem.status == 413 && route.routeClass == .pki {
            return []
        }
    }

    // MARK: Checks before authentication

    private func checkSizes(_ head: HTTPRequest, _ target: Target) throws(Problem) {
        let limits = environment.rules.limits
        guard target.length <= limits.targetBytes else {
            throw Problem(
                status: 414, code: "uri_too_long",
                detail: "path and query may be at most \(limits.targetBytes) bytes long")
        }
        var size = 0
        for field in head.headerFields { size += field.name.rawName.utf8.count + field.value.utf8.count + 4 }
        guard size <= limits.headerBytes, head.headerFields.count <= limits.headerFields else {
            throw Problem(
                status: 431, code: "header_too_large",
                detail:
                    "at most \(limits.headerFields) header fields of together \(limits.headerBytes) bytes are accepted"
            )
        }
    }

    private func match(_ target: Target) throws(Problem) -> ([HTTPMethod: BoundRoute], [String]) {
        switch matcher.match(target.path) {
        case .found(let methods, let parameters): return (methods, parameters)
        case .notFound: throw .routeNotFound
        case .malformed(let detail): throw Problem(status: 400, code: "invalid_parameter", detail: detail)
        }
    }

    private func preflight(_ methods: [HTTPMethod: BoundRoute], _ head: HTTPRequest) -> OutgoingResponse {
        var response = OutgoingResponse.noContent
        response.fields[.allow] = Self.allowed(methods)
        environment.rules.cors.applyPreflight(to: &response.fields, origin: head.headerFields[.origin])
        return response
    }

    private func checkMediaTypes(
        _ route: Route, _ head: HTTPRequest, _ accepted: MediaRanges, _ body: RequestBody
    ) throws(Problem) {
        if head.headerFields[.contentEncoding].map({ $0.lowercased() != "identity" }) == true {
            throw Problem(
                status: 415, code: "unsupported_media_type", detail: "encoded request bodies are not accepted")
        }
        if let request = route.request, let type = head.headerFields[.contentType], body.declaredLength != 0,
            !request.mediaTypes.contains(MediaType.essence(type))
        {
            throw Problem(
                status: 415, code: "unsupported_media_type",
                detail: "the body must be \(request.mediaTypes.joined(separator: " or "))"
            )
        }
        // What a form on another page can send is never what an operation takes (security §5.5).
        if CrossSiteGuard.isChange(head.method), let type = head.headerFields[.contentType],
            MediaType.ofForms.contains(MediaType.essence(type)),
            route.request?.mediaTypes.contains(MediaType.essence(type)) != true
        {
            throw Problem(
                status: 415, code: "unsupported_media_type", detail: "form and text bodies are not accepted")
        }
        // Relying parties list what they like best, or nothing of use, and take what comes.
        if route.routeClass == .pki || route.routeClass == .acme { return }
        let produced = route.responses.filter { $0.status < 300 }.compactMap(\.mediaType).map(MediaType.essence)
        let isAcceptable =
            produced.isEmpty || produced.contains { accepted.quality(of: $0) > 0 }
            || accepted.lists("application/problem+json")
        guard isAcceptable else {
            throw Problem(
                status: 406, code: "not_acceptable", detail: "this answers \(produced.joined(separator: " or "))"
            )
        }
    }

    // MARK: After the answer

    private func problem(for error: any Error, _ trace: RequestTrace) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as ServiceError:
            if error.code == .internalError { note(error, trace) }
            return Problem(error)
        case is CancellationError:
            return Problem(ServiceError(.unavailable, "the server is stopping"))
        default:
            note(error, trace)
            return environment.explain(error).map { Problem($0) } ?? .unforeseen
        }
    }

    private func tell(of problem: Problem, _ trace: RequestTrace) { tell(of: problem.status, problem.code, trace) }

    private func tell(of status: Int, _ reason: String, _ trace: RequestTrace, subject: RefusedSubject = .request) {
        // Whoever applies for something is turned away for what is wrong with the application, too.
        guard subject != .request || [401, 403, 429].contains(status), let route = trace.route else { return }
        environment.refused(
            RequestRefusal(
                actor: trace.principal?.actor, clientAddress: trace.clientAddress,
                operation: "\(route.method.rawValue) \(route.path.text)", reason: reason, requestID: trace.id,
                subject: subject
            )
        )
    }

    /// By the route of a request, or below the prefix of a protocol where there is none (protocol-servers §1.2).
    func routeClass(_ trace: RequestTrace) -> RouteClass? {
        if let route = trace.route { return route.routeClass }
        return protocols.first { $0.protocolPrefix.map { trace.path == $0 || trace.path.hasPrefix("\($0)/") } == true }
    }

    /// A refusal in the form of the protocol that the route belongs to; `nil` where that is the form of the API.
    private func refusedByProtocol(
        _ problem: Problem, _ head: HTTPRequest, _ trace: RequestTrace
    ) -> OutgoingResponse? {
        guard routeClass(trace) == .acme, let render = environment.renderACMERefusal else { return nil }
        var response = render(
            PipelineRefusal(
                status: problem.status, detail: problem.detail, requestID: trace.id, path: trace.path,
                authority: head.authority, fields: head.headerFields, peerAddress: trace.connection.peerAddress))
        for field in problem.fields where field.name != .wwwAuthenticate { response.fields.append(field) }
        return response
    }

    private func note(_ error: any Error, _ trace: RequestTrace) {
        environment.logger.error(
            "request failed", .request(trace.id), LogField("route", trace.routeName), .error(error)
        )
    }

    /// What the client has already is not sent again (RFC 9110 §13.1.2).
    private func validate(_ response: inout OutgoingResponse, _ head: HTTPRequest) {
        if head.method == .get || head.method == .head, (200..<300).contains(response.status),
            let tag = response.fields[.eTag], let condition = head.headerFields[.ifNoneMatch],
            EntityTag.list(condition, contains: tag)
        {
            let kept = response.fields.filter { [.cacheControl, .expires, .lastModified, .date].contains($0.name) }
            response = OutgoingResponse(
                status: 304, fields: HTTPFields(kept + [HTTPField(name: .eTag, value: tag)]), content: .empty)
        }
    }

    /// Why a large body is not sent to a client that nobody knows; `nil` when it is.
    private func refusesBody(
        _ response: inout OutgoingResponse, _ head: HTTPRequest, _ trace: RequestTrace
    ) -> Problem? {
        guard trace.route?.routeClass == .pki, head.method != .head, response.octetCount > LargeBodies.threshold
        else { return nil }
        response.lease = environment.largeBodies.lease(for: trace.clientAddress)
        guard response.lease == nil else { return nil }
        environment.metrics.limited(by: "large_bodies")
        return Problem(
            ServiceError(
                .rateLimited, "too many long answers are on their way to your address or to all; come back later",
                retryAfter: .seconds(30)))
    }

    // MARK: Small decisions

    func requestID(_ inbound: String?) -> String {
        if let inbound, (8...128).contains(inbound.utf8.count),
            inbound.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D
            })
        {
            return inbound
        }
        return UUIDv7.text(at: environment.time.now, random: environment.random)
    }

    private static func method(_ method: HTTPRequest.Method) -> HTTPMethod? {
        method == .head ? .get : HTTPMethod(rawValue: method.rawValue)
    }

    private static func allowed(_ methods: [HTTPMethod: BoundRoute]) -> String {
        var names = methods.keys.map(\.rawValue)
        if methods[.get] != nil { names.append("HEAD") }
        names.append("OPTIONS")
        return names.sorted().joined(separator: ", ")
    }

    /// `Prefer: handling=strict` (RFC 7240 §4.4).
    private static func isStrict(_ field: String?) -> Bool {
        guard let field else { return false }
        return field.split(separator: ",").contains { $0.filter { $0 != " " }.lowercased() == "handling=strict" }
    }
}

/// The two parts of a request target.
struct Target {
    let path: Substring
    let query: Substring
    let length: Int

    init(_ text: String) {
        length = text.utf8.count
        path = text.prefix { $0 != "?" }
        query = text.dropFirst(path.count).dropFirst()
    }
}
