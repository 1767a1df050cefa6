import HTTPTypes

/// A request that the server makes of itself.
package struct InnerRequest: Sendable {
    package let method: String
    /// The path as a client sends it.
    package let path: String
    package var mediaType: String?
    package var body: [UInt8] = []

    package init(_ method: String, _ path: String) {
        self.method = method
        self.path = path
    }
}

/// The answer to a request that the server made of itself.
package struct InnerAnswer: Sendable {
    package let status: Int
    private let fields: HTTPFields
    /// Empty for an answer that is a stream.
    package let body: [UInt8]

    init(_ response: OutgoingResponse) {
        status = response.status
        fields = response.fields
        body =
            switch response.content {
            case .octets(let octets): octets
            case .parts(let parts): Array(parts.joined())
            case .empty, .stream: []
            }
    }

    /// The value of a field; `nil` when it is missing.
    package func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }
}

extension Dispatcher {
    /// Who asks, in the access log.
    private static let agent = "certctl-self-test"

    /// Takes a request through the whole pipeline as if it had come by a connection from the host itself, without a credential.
    package func ask(_ request: InnerRequest) async -> InnerAnswer {
        var head = HTTPRequest(
            method: HTTPRequest.Method(request.method) ?? .get, scheme: "https", authority: "localhost",
            path: request.path)
        head.headerFields[.userAgent] = Self.agent
        if let type = request.mediaType { head.headerFields[.contentType] = type }
        let connection = ConnectionInfo(
            peerAddress: "127.0.0.1", httpVersion: .http1, tlsVersion: "TLSv1.3", isInner: true)
        return InnerAnswer(await respond(to: head, body: RequestBody(request.body), connection: connection))
    }
}
