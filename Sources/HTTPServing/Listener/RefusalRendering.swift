import HTTPTypes

/// Makes the answer to a request that never reached a route, and notes it in log and metrics.
protocol RefusalRendering: Sendable {
    func refusal(of reason: RefusedRequest, from peerAddress: String) -> (HTTPResponse, [UInt8])
}
