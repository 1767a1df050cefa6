package import APIContract
package import Domain
package import Encoding
package import HTTPTypes
package import Telemetry

/// The answer of a handler. The pipeline adds what every answer carries.
package struct OutgoingResponse: Sendable {
    enum Content: Sendable {
        case empty
        case octets([UInt8])
        /// One body in parts that may be shared with other responses.
        case parts([[UInt8]])
        case stream(@Sendable (ResponseStream) async throws -> Void)
    }

    package var status: Int
    package var fields: HTTPFields
    var content: Content
    /// Why a handler refused the request, for the audit trail, when it says so in the form of a protocol.
    package var refusalReason: String?
    /// What it refused by that.
    package var refusedSubject = RefusedSubject.request
    /// What the access line says of the request besides, where a handler knows it and the pipeline does not.
    package var logFields: [LogField] = []
    /// Of a large body: held for as long as the response is.
    var lease: BodyLease?

    package static func json(
        _ body: some WireValue, status: Int = 200, version: Int? = nil, location: String? = nil
    ) -> OutgoingResponse {
        json(value: body.json, status: status, version: version, location: location)
    }

    /// `version` is the row version and becomes the entity tag; `location` is the path of what was created or of the
    /// job to follow.
    package static func json(
        value: JSONValue, status: Int = 200, version: Int? = nil, location: String? = nil
    ) -> OutgoingResponse {
        var response = octets(status, "application/json", value.octets)
        if let version { response.fields[.eTag] = EntityTag.of(version: version) }
        if let location { response.fields[.location] = location }
        return response
    }

    package static func octets(_ status: Int, _ mediaType: String, _ octets: [UInt8]) -> OutgoingResponse {
        OutgoingResponse(status: status, fields: [.contentType: mediaType], content: .octets(octets))
    }

    /// A body that is long and that many responses share: written piece by piece, at no cost of memory for each of them.
    package static func parts(_ status: Int, _ mediaType: String, _ parts: [[UInt8]]) -> OutgoingResponse {
        OutgoingResponse(status: status, fields: [.contentType: mediaType], content: .parts(parts))
    }

    package static func text(_ status: Int = 200, _ mediaType: String, _ text: String) -> OutgoingResponse {
        octets(status, mediaType, Array(text.utf8))
    }

    /// A status with fields alone.
    package static func empty(_ status: Int) -> OutgoingResponse {
        OutgoingResponse(status: status, fields: [:], content: .empty)
    }

    /// Tells that a preference of the request was followed (RFC 7240 §3).
    package mutating func applyPreference(_ preference: String) { fields[.preferenceApplied] = preference }

    package static var noContent: OutgoingResponse { OutgoingResponse(status: 204, fields: [:], content: .empty) }

    package static func stream(
        _ mediaType: String, _ produce: @escaping @Sendable (ResponseStream) async throws -> Void
    ) -> OutgoingResponse {
        OutgoingResponse(status: 200, fields: [.contentType: mediaType], content: .stream(produce))
    }

    /// 204 and 304 have no body and no length (RFC 9110 §8.6).
    var allowsContentLength: Bool { status != 204 && status != 304 && status >= 200 }

    var octetCount: Int {
        switch content {
        case .octets(let octets): octets.count
        case .parts(let parts): parts.reduce(0) { $0 + $1.count }
        case .empty, .stream: 0
        }
    }
}
