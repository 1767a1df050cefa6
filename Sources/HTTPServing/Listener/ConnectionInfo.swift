/// What is known about the peer of a request.
package struct ConnectionInfo: Sendable {
    /// The address of the socket's peer, without port.
    package let peerAddress: String
    package let httpVersion: HTTPVersionName
    /// Empty for a connection in the clear.
    package let tlsVersion: String

    /// No connection at all: the server asks itself.
    let isInner: Bool

    init(peerAddress: String, httpVersion: HTTPVersionName, tlsVersion: String, isInner: Bool = false) {
        self.isInner = isInner
        self.peerAddress = peerAddress
        self.httpVersion = httpVersion
        self.tlsVersion = tlsVersion
    }

    package var isEncrypted: Bool { !tlsVersion.isEmpty }
}

package enum HTTPVersionName: String, Sendable {
    case http1 = "HTTP/1.1"
    case http2 = "HTTP/2"
}
