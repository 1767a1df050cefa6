package import Domain
package import Encoding

/// One operation of the API: everything that dispatch, authorisation, limits, audit and documentation need to know.
package struct Route: Sendable {
    /// The name of the operation, unique; `operationId` in OpenAPI.
    package let id: String
    package let method: HTTPMethod
    package let path: PathPattern
    package let routeClass: RouteClass
    package let access: Access
    /// The audit action of a successful request; `nil` for requests that change nothing.
    package let auditAction: String?
    package let bodyLimit: Int?
    package let summary: String
    package let query: [QueryParameter]
    package let request: RequestContent?
    package let responses: [ResponseContent]
    package let cli: CommandLineExposure

    /// How a grant that is narrowed to an issuer or a profile counts; `nil` where it counts for nothing.
    package var scope: ScopeMark?

    /// What has to be switched on for the route to exist; `nil` for what always does.
    package var feature: RouteFeature?

    package var rateClass: RateClass {
        switch routeClass {
        // A relying party that is refused by HTTP takes it for a failure: what answers counts by itself.
        case .probe, .pki: .unlimited
        case .bootstrap: .bootstrap
        case .acme, .open, .login, .enrolment, .api, .agent: isExport ? .export : .general
        }
    }

    /// Events or long polls: the write timeout does not apply.
    package var isLongLived = false

    /// Hands out a whole stock at once: counted for each actor besides the general limits.
    package var isExport = false

    /// The body of the first success answer.
    package var successStatus: Int { responses.first?.status ?? 200 }

    package var pathExample: String {
        var path = ""
        for segment in self.path.segments {
            switch segment {
            case .literal(let text): path += "/\(text)"
            case .parameter(let name), .rest(let name): path += "/\(name == "id" ? "mc-api-prod" : name)"
            }
        }
        return path
    }
}

/// Which part of the pipeline a route goes through.
package enum RouteClass: String, Sendable, CaseIterable {
    /// Answers always, also during start-up and drain; open to any origin.
    case probe
    /// Needs no credential.
    case open
    /// Certificates, revocation lists and OCSP for relying parties: needs no credential, is served in the clear too, and
    /// keeps to what their simple clients understand (protocol-servers §1.3).
    case pki
    /// The ACME protocol (RFC 8555): a request proves itself by its signature, and errors have the form of the protocol.
    case acme
    /// Signs in or out, and so looks at a session cookie by itself.
    case login
    /// Needs the one-time set-up token in its body.
    case bootstrap
    /// Accepts an operator, or an enrolment token in place of a credential.
    case enrolment
    case api
    /// Used by agents for themselves.
    case agent

    /// Where every path belongs to the protocol of this class, unknown ones too (protocol-servers §1.2); `nil` for routes of the
    /// API.
    package var protocolPrefix: String? {
        switch self {
        case .acme: "/acme"
        case .pki: "/.well-known/pki"
        case .probe, .open, .login, .bootstrap, .enrolment, .api, .agent: nil
        }
    }
}

/// What an operator switches on.
package enum RouteFeature: String, Sendable, CaseIterable {
    /// Local accounts with passwords (`CERTCTL_BREAKGLASS_ENABLED`).
    case breakglass
    /// The ACME server (`CERTCTL_ACME_SERVER_ENABLED`).
    case acme
}

/// Who may call a route. There is no default: a route without a decision cannot be written down.
package enum Access: Hashable, Sendable {
    /// Anybody.
    case open
    /// Any live principal.
    case authenticated
    case permission(Permission)
    /// The permission, and for agents only the agent that the path names.
    case agentSelf(Permission)
    /// The agent that the path names, or a principal with the permission.
    case ownAgentOr(Permission)
    /// The owner of the credential that the path names, or a principal with the permission.
    case ownKeyOr(Permission)
    /// Any live principal about itself, or one with the permission about anybody: the handler tells them apart by
    /// its clearance.
    case selfOr(Permission)
    /// A principal with the permission, or a caller with an enrolment token.
    case permissionOrEnrolmentToken(Permission)

    package var permission: Permission? {
        switch self {
        case .open, .authenticated: nil
        case .permission(let permission), .agentSelf(let permission), .ownAgentOr(let permission),
            .ownKeyOr(let permission), .selfOr(let permission), .permissionOrEnrolmentToken(let permission):
            permission
        }
    }

    package var needsPrincipal: Bool {
        switch self {
        case .open, .permissionOrEnrolmentToken: false
        case .authenticated, .permission, .agentSelf, .ownAgentOr, .ownKeyOr, .selfOr: true
        }
    }
}

/// Which scopes a permission is measured against (specification, security §3.3). Without a mark it must hold everywhere.
package enum ScopeMark: String, Sendable, CaseIterable {
    /// The issuer, or the profile, that the path names.
    case issuer, profile
    /// Those of the object, through its issuer and profile: whoever reads the object compares.
    case object
    /// A list shows what lies in reach.
    case list
}

/// Which limit counts a request.
package enum RateClass: String, Sendable, CaseIterable { case unlimited, general, bootstrap, export }

/// What a request may carry.
package struct RequestContent: Sendable {
    package let schema: Schema
    package let isRequired: Bool
    package let mediaTypes: [String]
}

/// One answer of a route.
package struct ResponseContent: Sendable {
    package let status: Int
    package let summary: String
    package let mediaType: String?
    package let schema: Schema?
    package let example: JSONValue?
}

/// How the command line offers a route.
package enum CommandLineExposure: Sendable, Hashable {
    case verb(String)
    case excluded(reason: String)
}

/// A parameter in the query of a URL.
package struct QueryParameter: Sendable {
    package let name: String
    package let schema: Schema
    package let fallback: JSONValue?
    package let summary: String
    /// Repeated or comma-separated values mean any of them.
    package let acceptsSeveral: Bool
    /// The name is a prefix; the rest of it is free (`tag.<key>`).
    package let isPrefix: Bool

    package init(
        _ name: String, _ schema: Schema, default fallback: JSONValue? = nil, several: Bool = false,
        isPrefix: Bool = false, _ summary: String
    ) {
        self.name = name
        self.schema = schema
        self.fallback = fallback
        self.summary = summary
        acceptsSeveral = several
        self.isPrefix = isPrefix
    }
}
