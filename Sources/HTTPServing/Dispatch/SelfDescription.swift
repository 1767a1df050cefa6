package import APIContract
import Encoding
import HTTPTypes
package import Telemetry

/// Handlers of the routes that need nothing but the server itself.
package enum SelfDescription {
    /// `readiness` asks the database and whatever else must live, and is bounded by its maker.
    package static func register(
        in handlers: inout HandlerTable, state: ServingState, registry: MetricsRegistry,
        health: @escaping @Sendable () -> HealthBody,
        readiness: @escaping @Sendable () async -> ReadyBody, version: @escaping @Sendable () async -> VersionBody
    ) {
        for route in [ServerRoutes.health, ServerRoutes.livez] { handlers.on(route) { _ in .json(health()) } }
        for route in [ServerRoutes.ready, ServerRoutes.readyz] {
            handlers.on(route) { _ in
                let body = await body(state, readiness)
                return .json(body, status: body.status == "ready" ? 200 : 503)
            }
        }
        handlers.on(ServerRoutes.version) { _ in .json(await version()) }
        let document = OpenAPIDocument.make(from: RouteTable.all)
        let octets = document.octets
        let tag = OpenAPIDocument.entityTag(of: octets)
        handlers.on(ServerRoutes.openAPI) { _ in
            var response = OutgoingResponse.octets(200, "application/json", octets)
            response.fields[.eTag] = tag
            return response
        }
        handlers.on(ServerRoutes.prometheus) { _ in
            .text(200, "text/plain; version=0.0.4; charset=utf-8", await registry.exposition())
        }
    }

    private static func body(_ state: ServingState, _ readiness: @Sendable () async -> ReadyBody) async -> ReadyBody {
        switch state.phase {
        case .starting(let step):
            ReadyBody {
                $0.status = state.awaitsMigrations ? "migrations_pending" : "starting"
                $0.step = step
            }
        case .draining: ReadyBody { $0.status = "draining" }
        case .ready: await readiness()
        }
    }
}
