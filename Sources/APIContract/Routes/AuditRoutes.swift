import Domain
import Encoding

/// The audit trail (specification, rest-api §7.16).
package enum AuditRoutes {
    package static let list = ProtectedRoute(
        "listAuditEvents", .get, "/api/v1/audit", .permission(.auditRead), "Lists the audit trail, newest first.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("category", AuditCategory.allCases.map(\.rawValue), "Area."),
            CommonQuery.time("since", "Not before."), CommonQuery.time("until", "Before."),
            QueryParameter("actor", .text(1...255, example: "ops"), several: true, "Who."),
            QueryParameter("actor_id", .text(1...255, example: "ops"), several: true, "The same as actor."),
            CommonQuery.choice("actor_type", ActorType.allCases.map(\.rawValue), "Kind of actor."),
            QueryParameter("action", .text(1...128, example: "certificate_created"), several: true, "What."),
            QueryParameter("resource_type", .text(1...64, example: "certificate"), several: true, "On what kind."),
            QueryParameter("resource_id", .text(1...255, example: "mc-api-prod"), several: true, "On which one."),
            QueryParameter("request_id", .text(1...128, example: "0b6c5a1e"), "By which request."),
            QueryParameter("order", .choice(["asc", "desc"]), default: "desc", "Oldest or newest first."),
            QueryParameter("limit", .integer(1...500), "The same as per_page."),
        ],
        responses: [.page(of: AuditEventBody.self)], cli: .verb("audit list")
    )

    package static let get = ProtectedRoute(
        "getAuditEvent", .get, "/api/v1/audit/{id}", .permission(.auditRead), "Reads one entry.",
        responses: [.json(200, AuditEventBody.self, "The entry."), .notFound], cli: .verb("audit get")
    )

    package static let all: [Route] = [list.route, get.route]
}
