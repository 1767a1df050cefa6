import Domain
package import Encoding

/// The OpenAPI 3.1 description, made from the route table that the server runs.
package enum OpenAPIDocument {
    package static func make(from routes: [Route]) -> JSONValue {
        var components = ComponentCollector()
        var paths = JSONObject()
        for route in routes {
            var item = paths[route.path.text] ?? [:]
            item[route.method.rawValue.lowercased()] = operation(route, &components)
            paths[route.path.text] = item
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "certctl", "version": "v1",
                "description": "Certificate lifecycle management. Errors have one model and two renderings.",
            ],
            "servers": [["url": "/"]],
            "security": [["bearer": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": ["bearer": ["type": "http", "scheme": "bearer"]],
                "schemas": .object(components.schemas),
            ],
        ]
    }

    /// A strong tag of the served octets: FNV-1a is enough to tell two builds apart.
    package static func entityTag(of octets: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for octet in octets { hash = (hash ^ UInt64(octet)) &* 0x100_0000_01B3 }
        return "\"\(Hex.encode((0..<8).map { UInt8(truncatingIfNeeded: hash >> UInt64(56 - 8 * $0)) }))\""
    }

    private static func operation(_ route: Route, _ components: inout ComponentCollector) -> JSONValue {
        var operation: JSONValue = [
            "operationId": .string(route.id),
            "summary": .string(route.summary),
            "tags": [.string(route.path.segments.count > 2 ? tag(route) : "server")],
        ]
        let pathParameters = route.path.parameters.map { name -> JSONValue in
            [
                "name": .string(name), "in": "path", "required": true,
                "schema": components.reference(.text(1...255, example: "mc-api-prod")),
            ]
        }
        let queryParameters = route.query.map { parameter(for: $0, &components) }
        if !(pathParameters + queryParameters).isEmpty {
            operation["parameters"] = .array(pathParameters + queryParameters)
        }
        if let request = route.request {
            let content: JSONValue = [
                "schema": components.reference(request.schema), "example": request.schema.example,
            ]
            operation["requestBody"] = [
                "required": .bool(request.isRequired),
                "content": .object(JSONObject(request.mediaTypes.map { .init(key: $0, value: content) })),
            ]
        }
        operation["responses"] = responses(route, &components)
        if !route.access.needsPrincipal {
            operation["security"] = route.access == .open ? [] : [["bearer": []], [:]]
        }
        operation["x-certctl-permission"] = route.access.permission.map { .string($0.rawValue) } ?? .null
        operation["x-certctl-access"] = .string(accessName(route.access))
        operation["x-certctl-class"] = .string(route.routeClass.rawValue)
        if let scope = route.scope { operation["x-certctl-scope"] = .string(scope.rawValue) }
        switch route.cli {
        case .verb(let verb): operation["x-certctl-cli"] = .string("certctl \(verb)")
        case .excluded(let reason): operation["x-certctl-cli-excluded"] = .string(reason)
        }
        return operation
    }

    private static func parameter(for query: QueryParameter, _ components: inout ComponentCollector) -> JSONValue {
        let name = query.isPrefix ? "\(query.name){key}" : query.name
        var schema = components.reference(query.schema)
        if let fallback = query.fallback { schema["default"] = fallback }
        if query.acceptsSeveral { schema = ["type": "array", "items": schema] }
        var parameter: JSONValue = [
            "name": .string(name), "in": "query", "required": false, "description": .string(query.summary),
            "schema": schema,
        ]
        if query.acceptsSeveral {
            parameter["style"] = "form"
            parameter["explode"] = false
        }
        return parameter
    }

    /// Answers of one status are merged: different media types stand beside each other, schemas of one type as `oneOf`.
    private static func responses(_ route: Route, _ components: inout ComponentCollector) -> JSONValue {
        var merged = JSONObject()
        for response in route.responses {
            let status = String(response.status)
            var entry = merged[status] ?? ["description": .string(response.summary)]
            if let mediaType = response.mediaType, let schema = response.schema {
                var content = entry["content"] ?? [:]
                var media = content[mediaType] ?? [:]
                if media["schema"] == nil {
                    media["schema"] = components.reference(schema)
                    media["example"] = response.example
                }
                content[mediaType] = media
                entry["content"] = content
            }
            merged[status] = entry
        }
        merged["default"] = [
            "description": "An error.",
            "content": [
                "application/json": ["schema": components.reference(ErrorBody.wireSchema)],
                "application/problem+json": ["schema": components.reference(ProblemBody.wireSchema)],
            ],
        ]
        return .object(merged)
    }

    private static func tag(_ route: Route) -> String {
        guard case .literal(let text) = route.path.segments[2] else { return "server" }
        return text
    }

    private static func accessName(_ access: Access) -> String {
        switch access {
        case .open: "open"
        case .authenticated: "authenticated"
        case .permission: "permission"
        case .agentSelf: "agent-self"
        case .ownAgentOr: "own-agent-or-permission"
        case .ownKeyOr: "own-key-or-permission"
        case .selfOr: "self-or-permission"
        case .permissionOrEnrolmentToken: "permission-or-enrolment-token"
        }
    }
}
