package import Domain
import Encoding

extension RequestContent {
    package static func body<Body: WireValue>(_: Body.Type) -> RequestContent {
        RequestContent(schema: Body.wireSchema, isRequired: true, mediaTypes: ["application/json"])
    }

    /// An action whose body may be left out.
    package static func optionalBody<Body: WireValue>(_: Body.Type) -> RequestContent {
        RequestContent(schema: Body.wireSchema, isRequired: false, mediaTypes: ["application/json"])
    }

    /// JSON texts, one a line; a single one may also come as JSON. The schema is that of a line.
    package static func lines<Body: WireValue>(of _: Body.Type) -> RequestContent {
        RequestContent(
            schema: Body.wireSchema, isRequired: true, mediaTypes: ["application/x-ndjson", "application/json"])
    }

    /// RFC 7396.
    package static func mergePatch<Body: WireValue>(_: Body.Type) -> RequestContent {
        RequestContent(
            schema: Body.wireSchema, isRequired: true, mediaTypes: ["application/merge-patch+json", "application/json"]
        )
    }
}

extension ResponseContent {
    package static func json<Body: WireValue>(_ status: Int, _: Body.Type, _ summary: String) -> ResponseContent {
        ResponseContent(
            status: status, summary: summary, mediaType: "application/json", schema: Body.wireSchema,
            example: Body.wireSchema.example
        )
    }

    package static func page<Row: WireValue>(of _: Row.Type, _ summary: String = "A page.") -> ResponseContent {
        json(200, PageEnvelope<Row>.self, summary)
    }

    package static func text(_ status: Int, _ mediaType: String, _ example: String, _ summary: String)
        -> ResponseContent
    {
        ResponseContent(
            status: status, summary: summary, mediaType: mediaType, schema: .text(0...1_000_000),
            example: .string(example)
        )
    }

    package static let noContent = ResponseContent(
        status: 204, summary: "Done.", mediaType: nil, schema: nil, example: nil
    )

    /// An error that is particular to the route.
    package static func error(_ code: ErrorCode, _ summary: String) -> ResponseContent {
        ResponseContent(
            status: code.status, summary: summary, mediaType: "application/json", schema: ErrorBody.wireSchema,
            example: ["error": .string(ReasonPhrase.of(code.status)), "code": .string(code.rawValue)]
        )
    }

    package static let notFound = error(.notFound, "There is no such resource.")
    package static let invalid = error(.validationFailed, "The body does not have the required form.")
    package static let nameTaken = error(.alreadyExists, "The name or identifier is taken.")
    package static let unknownReference = error(.unknownReference, "A referenced resource does not exist.")
    package static let stale = error(.preconditionFailed, "The row has changed since it was read.")
}

/// The standard reason phrases (RFC 9110 §15).
package enum ReasonPhrase {
    package static func of(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Entity"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Error"
        }
    }
}
