package import Domain
import Encoding

/// An error answer (specification, rest-api §3.2), in the rendering that every client understands.
package struct ErrorBody: WireValue {
    /// The reason phrase, or a fixed text that older clients compare.
    package var error = ""
    package var message: String?
    package var requestID: String?
    package var code: String?
    package var errors: [FieldProblemBody]?
    package var counts: [String: Int]?
    package var requiredPermission: String?
    package var missing: [String]?
    /// What start-up is doing, with a 503 before the server is ready.
    package var step: String?

    package init() {}

    package static let contract = Contract<Self>(
        "Error", "What went wrong.",
        example: [
            "error": "Bad Request", "message": "name is required", "request_id": "0b6c5a1e-7c1f-4d0e-9d51-1a2b3c4d5e6f",
            "code": "validation_failed",
            "errors": [["pointer": "/name", "code": "required", "detail": "name is required"]],
        ],
        [
            .required("error", \.error, .text(0...255, example: "Bad Request"), "Reason phrase."),
            .optional("message", \.message, .text(0...8192, example: ""), "What happened and what to do."),
            .optional("request_id", \.requestID, "Find the request in the log by it."),
            .optional("code", \.code, "Stable name of the error."),
            .optional("errors", \.errors, "Every field that is wrong."),
            .optional("counts", \.counts, "What stands in the way, by kind."),
            .optional("required_permission", \.requiredPermission, "With 403."),
            .optional("missing", \.missing, "What the caller may not do itself, with privilege_escalation."),
            .optional("step", \.step, "With 503 during start-up."),
        ]
    )

    /// The stable code, when this program knows it.
    package var errorCode: ErrorCode? { code.flatMap(ErrorCode.init(rawValue:)) }
}

package struct FieldProblemBody: WireValue, Hashable {
    package var pointer = ""
    package var code = ""
    package var detail = ""

    package init() {}
    package init(_ problem: FieldProblem) {
        pointer = problem.pointer
        code = problem.code
        detail = problem.detail
    }

    package static let contract = Contract<Self>(
        "FieldProblem", "A field that is wrong.",
        [
            .required("pointer", \.pointer, .text(0...1024, example: "/name"), "JSON pointer (RFC 6901)."),
            .required("code", \.code, .text(1...64, example: "required"), "Stable name."),
            .required("detail", \.detail, .text(0...1024, example: "name is required"), "In words."),
        ]
    )
}

/// The same error as a problem document (RFC 9457).
package struct ProblemBody: WireValue {
    package var type = ""
    package var title = ""
    package var status = 500
    package var detail = ""
    package var instance = ""
    package var requestID = ""
    package var code = ""
    package var errors: [FieldProblemBody]?
    package var counts: [String: Int]?
    package var requiredPermission: String?
    package var missing: [String]?
    package var step: String?

    package init() {}

    package static let contract = Contract<Self>(
        "Problem", "What went wrong (RFC 9457).",
        [
            .required("type", \.type, .text(1...255, example: "urn:certctl:error:not_found"), "Kind of error."),
            .required("title", \.title, .text(0...255, example: "Not Found"), "Reason phrase."),
            .required("status", \.status, .integer(400...599), "HTTP status."),
            .required("detail", \.detail, .text(0...8192, example: ""), "What happened and what to do."),
            .required("instance", \.instance, .text(0...8192, example: "/api/v1/teams/x"), "Path of the request."),
            .required("request_id", \.requestID, "Find the request in the log by it."),
            .required("code", \.code, .text(1...64, example: "not_found"), "Stable name of the error."),
            .optional("errors", \.errors, "Every field that is wrong."),
            .optional("counts", \.counts, "What stands in the way, by kind."),
            .optional("required_permission", \.requiredPermission, "With 403."),
            .optional("missing", \.missing, "What the caller may not do itself, with privilege_escalation."),
            .optional("step", \.step, "With 503 during start-up."),
        ]
    )
}
