package import APIContract
package import Access
package import Domain
import Encoding
package import HTTPTypes

/// One request, after everything that the pipeline checks.
package struct RequestContext: Sendable {
    package let id: String
    package let route: Route
    package let path: String
    package let query: QueryValues
    package let fields: HTTPFields
    package let connection: ConnectionInfo
    /// Behind trusted proxies.
    package let clientAddress: String
    package let body: [UInt8]
    package let condition: VersionCondition
    /// Present when the client sent `Idempotency-Key`; a flow may store it in the transaction of its effect.
    package let idempotencyClaim: IdempotencyClaim?
    /// The host, with its port, that the client named.
    package let authority: String?
    /// Whether the client wants the fields of the answer alone.
    package let isHead: Bool
    /// Whether the client is still connected. False once its connection, or its stream, is known to have ended; whoever
    /// waits long before giving something away asks first.
    package let isAwaited: @Sendable () -> Bool
    let rawQuery: String
    let parameters: [String]
    let accepted: MediaRanges
    let isStrict: Bool

    /// The value of a path parameter, decoded.
    package func parameter(_ name: String) -> String {
        guard let index = route.path.parameters.firstIndex(of: name), parameters.indices.contains(index) else {
            return ""
        }
        return parameters[index]
    }

    /// The identifier in a path parameter. Text that can be no identifier names no resource.
    package func id<Kind: EntityKind>(
        _ name: String = "id", as _: EntityID<Kind>.Type = EntityID<Kind>.self
    ) throws(ServiceError) -> EntityID<Kind> {
        do {
            return try EntityID<Kind>(parameter(name))
        } catch {
            throw ServiceError(.notFound, "there is no such resource")
        }
    }

    /// Reads the body as JSON of a type, collecting everything that is wrong with it.
    package func decode<Body: WireValue>(_: Body.Type = Body.self) throws(ServiceError) -> Body {
        let json: JSONValue
        do {
            json = body.isEmpty && route.request?.isRequired != true ? [:] : try JSONValue(parsing: body)
        } catch {
            throw ServiceError(.malformedJSON, error.description)
        }
        do {
            return try Body.decode(json, mode: bodyMode, refusesUnknownMembers: isStrict)
        } catch {
            throw error.serviceError
        }
    }

    /// Path and query as they were sent.
    package var target: String { rawQuery.isEmpty ? path : "\(path)?\(rawQuery)" }

    private var bodyMode: BodyMode { route.method == .patch ? .mergePatch : .whole }

    package var origin: RequestOrigin {
        RequestOrigin(
            requestID: id, clientAddress: clientAddress, channel: Self.channel(fields[.userAgent]),
            idempotency: idempotencyClaim.map {
                IdempotencyReference(method: $0.method.rawValue, path: $0.path, key: $0.key)
            }
        )
    }

    /// Where a client of the event stream goes on.
    package var lastEventID: String? { fields[.lastEventID] ?? query.text("since") }

    /// Whether the client prefers one media type of a route over another.
    package func prefers(_ mediaType: String, over other: String) -> Bool {
        accepted.quality(of: mediaType) > accepted.quality(of: other)
            || (accepted.lists(mediaType) && !accepted.lists(other))
    }

    /// `Prefer: respond-async` (RFC 7240 §4.1).
    package var prefersAsynchronous: Bool {
        (fields[.prefer] ?? "").split(separator: ",").contains {
            $0.filter { $0 != " " }.lowercased() == "respond-async"
        }
    }

    private static func channel(_ userAgent: String?) -> String {
        switch userAgent {
        case let agent? where agent.hasPrefix("certctl-agent/"): "agent"
        case let agent? where agent.hasPrefix("certctl-mcp/"): "mcp"
        case let agent? where agent.hasPrefix("certctl-cli/"): "cli"
        case let agent? where agent.hasPrefix("Mozilla/"): "web"
        default: "api"
        }
    }
}

/// What a handler of an open route gets.
@dynamicMemberLookup
package struct PublicContext: Sendable {
    package let request: RequestContext

    package subscript<Value>(dynamicMember path: KeyPath<RequestContext, Value>) -> Value { request[keyPath: path] }
}

/// What a handler of a protected route gets: there is none without the gate's ``Authorisation``.
@dynamicMemberLookup
package struct AuthenticatedContext: Sendable {
    package let request: RequestContext
    package let principal: Principal
    /// How far the access decision lets the handler go: whatever lies in a scope is read and changed within it.
    package let clearance: Clearance

    init(request: RequestContext, _ authorisation: Authorisation) {
        self.request = request
        principal = authorisation.principal
        clearance = authorisation.clearance
    }

    package subscript<Value>(dynamicMember path: KeyPath<RequestContext, Value>) -> Value { request[keyPath: path] }

    /// Who changes something, where from, and how far.
    package var authorship: Authorship { principal.authorship(from: request.origin, clearance: clearance) }
}

/// What the handler of an enrolment gets.
@dynamicMemberLookup
package struct EnrolmentContext: Sendable {
    package enum Credential: Sendable {
        case principal(Principal)
        /// Not checked yet: redeeming it is part of the transaction that enrols.
        case token(Secret)
    }

    package let request: RequestContext
    package let credential: Credential

    init(request: RequestContext, _ authorisation: Authorisation) {
        self.request = request
        credential = .principal(authorisation.principal)
    }

    init(request: RequestContext, token: Secret) {
        self.request = request
        credential = .token(token)
    }

    package subscript<Value>(dynamicMember path: KeyPath<RequestContext, Value>) -> Value { request[keyPath: path] }
}

extension HTTPField.Name {
    package static let requestID = HTTPField.Name(known: "X-Request-ID")
    package static let lastEventID = HTTPField.Name(known: "Last-Event-ID")
    static let csrfToken = HTTPField.Name(known: "X-CSRF-Token")
    static let fetchSite = HTTPField.Name(known: "Sec-Fetch-Site")
    static let idempotencyKey = HTTPField.Name(known: "Idempotency-Key")
    static let idempotencyReplayed = HTTPField.Name(known: "Idempotency-Replayed")
    static let prefer = HTTPField.Name(known: "Prefer")
    static let preferenceApplied = HTTPField.Name(known: "Preference-Applied")
    static let rateLimit = HTTPField.Name(known: "RateLimit")
    static let rateLimitPolicy = HTTPField.Name(known: "RateLimit-Policy")
    static let forwardedFor = HTTPField.Name(known: "X-Forwarded-For")
    static let enrolmentToken = HTTPField.Name(known: "X-Certctl-Bootstrap-Token")
    package static let link = HTTPField.Name(known: "Link")
    package static let replayNonce = HTTPField.Name(known: "Replay-Nonce")
    package static let forwardedHost = HTTPField.Name(known: "X-Forwarded-Host")
    package static let forwardedProto = HTTPField.Name(known: "X-Forwarded-Proto")
    static let referrerPolicy = HTTPField.Name(known: "Referrer-Policy")
    static let permissionsPolicy = HTTPField.Name(known: "Permissions-Policy")
    static let frameOptions = HTTPField.Name(known: "X-Frame-Options")
    static let openerPolicy = HTTPField.Name(known: "Cross-Origin-Opener-Policy")
    static let resourcePolicy = HTTPField.Name(known: "Cross-Origin-Resource-Policy")

    /// A literal name that is known to be a token; a mistake here is ours and shows in every test.
    private init(known text: StaticString) {
        guard let name = HTTPField.Name(text.description) else { preconditionFailure("not a field name: \(text)") }
        self = name
    }
}
