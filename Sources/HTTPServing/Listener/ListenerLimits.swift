/// Bounds of connections and requests (specification, security §11.2).
package struct ListenerLimits: Sendable {
    /// From the first octet of a request to the end of its header block; also the TLS handshake.
    package var headerTimeout = Duration.seconds(5)
    /// From the end of the header block to the end of the body.
    package var requestTimeout = Duration.seconds(30)
    /// The least rate of a body, in octets per second, once it had ``bodyGrace``.
    package var bodyRate = 512
    package var bodyGrace = Duration.seconds(5)
    /// From the end of the request to the end of the response; of a long-lived one, for each piece until it is taken.
    package var responseTimeout = Duration.seconds(120)
    /// For each 64 KiB of a long body until the peer has taken it; the body as a whole may take as long as it likes.
    package var pieceTimeout = Duration.seconds(30)
    /// Between requests.
    package var idleTimeout = Duration.seconds(60)
    /// More connections wait in the kernel's queue.
    package var maximumConnections = 10_000
    package var maximumConnectionsPerAddress = 256
    /// Names and values of the header fields, in octets.
    package var headerBytes = 16 * 1024
    package var headerFields = 100
    /// Path and query, in octets.
    package var targetBytes = 8 * 1024
    package var bodyBytes = 1_048_576
    /// Open requests of one HTTP/2 connection.
    package var streamsPerConnection = 100

    package init() {}
}
