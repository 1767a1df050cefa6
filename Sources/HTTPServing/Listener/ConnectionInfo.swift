import Synchronization

/// What is known about the peer of a request.
package struct ConnectionInfo: Sendable {
    /// The address of the socket's peer, without port.
    package let peerAddress: String
    package let httpVersion: HTTPVersionName
    /// Empty for a connection in the clear.
    package let tlsVersion: String
    private let certificates: PresentedCertificates

    init(peerAddress: String, httpVersion: HTTPVersionName, tlsVersion: String, certificates: PresentedCertificates) {
        self.peerAddress = peerAddress
        self.httpVersion = httpVersion
        self.tlsVersion = tlsVersion
        self.certificates = certificates
    }

    package var isEncrypted: Bool { !tlsVersion.isEmpty }

    /// The whole chain that the client presented, leaf first, DER, proven to be in possession of the leaf's key but
    /// verified against nothing. Empty when it presented none.
    package var clientCertificates: [[UInt8]] { certificates.chain.withLock { $0 } }
}

package enum HTTPVersionName: String, Sendable {
    case http1 = "HTTP/1.1"
    case http2 = "HTTP/2"
}

/// Filled during the handshake.
final class PresentedCertificates: Sendable {
    let chain = Mutex<[[UInt8]]>([])
}
