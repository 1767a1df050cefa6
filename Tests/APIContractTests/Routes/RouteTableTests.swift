import APIContract
import Domain
import Encoding
import Testing

extension Route: CustomTestStringConvertible {
    public var testDescription: String { "\(method.rawValue) \(path.text)" }
}

@Suite("The route table is complete")
struct RouteTableTests {
    @Test("every route has summary, access decision, schemas and examples", arguments: RouteTable.all)
    func complete(route: Route) throws {
        #expect(route.summary.hasSuffix("."))
        #expect(!route.responses.isEmpty)
        let success = try #require(route.responses.first)
        #expect((200..<300).contains(success.status))
        for response in route.responses {
            #expect(!response.summary.isEmpty)
            guard response.status != 204 else { continue }
            #expect(response.schema != nil && response.mediaType != nil && response.example != nil)
            if response.status < 300, response.mediaType == "application/json", let schema = response.schema,
                let example = response.example
            {
                var check = SchemaCheck(mode: .answer)
                check.check(example, against: schema)
                #expect(check.problems == [], "the example does not have the declared shape")
            }
        }
        if let request = route.request {
            var check = SchemaCheck(mode: route.method == .patch ? .mergePatch : .whole, refusesUnknownMembers: true)
            check.check(request.schema.example, against: request.schema)
            #expect(check.problems == [], "the request example does not have the declared shape")
        }
        switch route.cli {
        case .verb(let verb): #expect(!verb.isEmpty)
        case .excluded(let reason): #expect(!reason.isEmpty)
        }
    }

    @Test("what changes something names its audit action, or is a heartbeat", arguments: RouteTable.all)
    func audited(route: Route) {
        // OCSP by POST asks, as by GET; so do the ACME operations that are POST-as-GET alone (RFC 8555 §6.3).
        let reading = ["AccountOrders", "Order", "Certificate", "CertificateAlternate"].flatMap {
            ["acme\($0)", "acmeProfile\($0)"]
        }
        let trying = ["checkProfile", "evaluateProfile"]
        let asking = Set(["heartbeat", "explainAccess", "postOCSP"] + reading + trying)
        if !route.method.isSafe, !asking.contains(route.id) {
            #expect(route.auditAction != nil)
        }
    }

    @Test("only probes and the documented public routes are open")
    func openRoutes() {
        let open = RouteTable.all.filter { $0.access == .open && $0.routeClass != .acme }.map {
            "\($0.method.rawValue) \($0.path.text)"
        }
        #expect(
            Set(open) == [
                "GET /health", "GET /livez", "GET /ready", "GET /readyz", "GET /api/v1/version",
                "GET /api/v1/openapi.json", "GET /api/v1/ca/control-plane", "GET /api/v1/auth/info",
                "GET /api/v1/auth/bootstrap", "POST /api/v1/auth/bootstrap", "GET /api/v1/audit/keys",
                "POST /auth/logout", "POST /auth/breakglass/login",
                "GET /.well-known/pki/crl/{issuer_id}", "GET /.well-known/pki/crl/{issuer_id}/{partition}",
                "GET /.well-known/pki/ocsp/{issuer_id}/{request}", "POST /.well-known/pki/ocsp/{issuer_id}",
                "GET /.well-known/pki/ca/{issuer_id}",
            ]
        )
    }

    @Test("ACME is open below /acme and nowhere else, and only where it is switched on")
    func acmeRoutes() {
        let acme = RouteTable.all.filter { $0.routeClass == .acme }
        #expect(acme.count == 2 * ACMERoutes.operations.count)
        #expect(acme.allSatisfy { $0.access == .open && $0.feature == .acme && $0.path.text.hasPrefix("/acme/") })
        let others = RouteTable.all.filter { $0.routeClass != .acme }
        #expect(!others.contains { $0.path.text.hasPrefix("/acme") })
        #expect(acme.filter { $0.method == .post }.allSatisfy { $0.bodyLimit == 65_536 })
    }

    @Test("the routes of a protocol lie below its prefix, and no others do")
    func prefixes() {
        for route in RouteTable.all {
            let owner = RouteClass.allCases.first { kind in
                kind.protocolPrefix.map { route.path.text == $0 || route.path.text.hasPrefix("\($0)/") } == true
            }
            #expect(owner == (route.routeClass.protocolPrefix == nil ? nil : route.routeClass), "\(route.id)")
        }
    }

    /// Parts of the product that come later, with the permissions that only their routes will ask for.
    static let later = [
        "cert.export_key", "ca.key.", "notification.", "discovery.", "network_scan.",
        "healthcheck.", "digest.", "stats.", "crl.", "scep.", "est.", "tenant.", "auth.user.edit",
        "auth.user.purge", "auth.oidc.", "auth.scim.", "auth.policy.", "auth.elevate", "auth.runtime.", "auth.demo.",
    ]

    @Test("A-34: every permission guards a route, but for four that open none and those of parts that come later")
    func permissionsGuard() {
        let guarding = Set(RouteTable.all.compactMap(\.access.permission))
        let idle = Permission.allCases.filter { permission in
            !guarding.contains(permission) && !Self.later.contains { permission.rawValue.hasPrefix($0) }
        }
        #expect(Set(idle) == [.authBootstrapUse, .agentJobReport, .authBreakglassLogin, .authSessionList])
        #expect(guarding.isSuperset(of: [.authKeyCreate, .authKeyRotate, .authKeyDelete]))
    }

    @Test("operation names and method-path pairs are unique")
    func unique() {
        let ids = RouteTable.all.map(\.id)
        let pairs = RouteTable.all.map { "\($0.method.rawValue) \($0.path.text)" }
        #expect(Set(ids).count == ids.count)
        #expect(Set(pairs).count == pairs.count)
    }

    @Test("item routes with PUT also have PATCH under the same permission")
    func patchBesidePut() {
        // The grants of an actor are replaced as a whole; there is no part to patch.
        let wholes: Set = ["replaceActorRoles"]
        for put in RouteTable.all where put.method == .put && put.request != nil && !wholes.contains(put.id) {
            let patch = RouteTable.all.first { $0.method == .patch && $0.path == put.path }
            #expect(patch?.access == put.access, "\(put.path.text)")
        }
    }

    @Test("the OpenAPI document describes every route, with its permission, and resolves its references")
    func openAPI() throws {
        let document = OpenAPIDocument.make(from: RouteTable.all)
        let schemas = document["components"]?["schemas"]
        for route in RouteTable.all {
            let operation = document["paths"]?[route.path.text]?[route.method.rawValue.lowercased()]
            #expect(operation?["operationId"] == .string(route.id))
            let permission = route.access.permission.map { JSONValue.string($0.rawValue) } ?? .null
            #expect(operation?["x-certctl-permission"] == permission)
        }
        var references: Set<String> = []
        func walk(_ value: JSONValue) {
            switch value {
            case .object(let object):
                for member in object {
                    if member.key == "$ref", let text = member.value.stringValue { references.insert(text) }
                    walk(member.value)
                }
            case .array(let elements): for element in elements { walk(element) }
            default: break
            }
        }
        walk(document)
        #expect(references.count > 50)
        for reference in references {
            let name = String(reference.dropFirst("#/components/schemas/".count))
            #expect(schemas?[name]?["type"] == "object", "\(reference)")
        }
        #expect(try JSONValue(parsing: document.text) == document)
    }

    @Test("path parameters are percent-encoded as one segment")
    func paths() {
        #expect(CertificateRoutes.get.route.path.path("a/b c") == "/api/v1/certificates/a%2Fb%20c")
        #expect(PercentEncoding.decode("a%2Fb%20c") == "a/b c")
        #expect(PercentEncoding.decode("%zz") == nil)
        #expect(PercentEncoding.decode("%ff") == nil)
    }
}
