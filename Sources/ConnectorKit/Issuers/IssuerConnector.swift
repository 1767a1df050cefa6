package import PKI

/// A certification authority that certctl can order from (specification, issuers §2.1).
///
/// Construction does no I/O. Calls may run concurrently and end by their own deadline; a cancelled call
/// throws ``IssuerError/Class/timeout``, and its caller asks `Task.isCancelled` before recording a failure.
package protocol IssuerConnector: Sendable {
    var capabilities: IssuerCapabilities { get }

    /// Orders one certificate. Safe to repeat with the same ``IssuanceRequest/idempotencyKey``.
    func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome

    /// Asks again for an order that ``issue(_:)`` left pending; an issuer that always answers at once
    /// has no such orders and throws ``IssuerError/Class/validation``.
    func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome

    /// The certificates of the authority, issuing certificate first, root last when it is known.
    func authorityChain() async throws(IssuerError) -> [X509Certificate]

    /// Looks whether the issuer could issue now, without issuing anything.
    func testConnection() async -> [ConnectionCheck]
}

/// The answer of an issuer to an order.
package enum IssuanceOutcome: Sendable {
    case issued(IssuedCertificate)
    /// The issuer works on it; `retryAfter` is its own wish, `nil` leaves the delay to the caller.
    case pending(UpstreamOrder, retryAfter: Duration?)
}

/// What an issuer handed out. Nothing in it is trusted until `PKI` has compared it with the request.
package struct IssuedCertificate: Sendable {
    package let leaf: X509Certificate
    /// Intermediates in order, without the leaf and without a self-signed root (specification, issuers §2.8).
    package let chain: [X509Certificate]
    /// What the issuer needs to find this certificate again, kept with the version.
    package let upstream: UpstreamOrder?

    package init(leaf: X509Certificate, chain: [X509Certificate], upstream: UpstreamOrder? = nil) {
        self.leaf = leaf
        self.chain = chain
        self.upstream = upstream
    }
}

/// An order as the issuer knows it. Stored in `issuer_orders` before anything waits for it.
package struct UpstreamOrder: Hashable, Sendable {
    /// The issuer's own name of the order.
    package let reference: String
    /// Opaque JSON text that the connector wrote for itself.
    package let state: String

    package init(reference: String, state: String = "{}") {
        self.reference = reference
        self.state = state
    }
}

/// One named step of a connection test.
package struct ConnectionCheck: Hashable, Sendable {
    package let name: String
    package let isOK: Bool
    /// What was found; on failure also what to do.
    package let detail: String

    package init(name: String, isOK: Bool, detail: String) {
        self.name = name
        self.isOK = isOK
        self.detail = detail
    }
}
