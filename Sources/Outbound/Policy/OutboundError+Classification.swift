import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL

extension OutboundError {
    /// Sorts an error of the libraries below into our classes, by type and code.
    init(classifying error: any Error, endpoint: String, timeout: Duration) {
        switch error {
        case let error as OutboundError: self = error
        case is CancellationError: self.init(.cancelled, endpoint: endpoint, message: "the request was cancelled")
        case let error as HTTPClientError: self.init(client: error, endpoint: endpoint, timeout: timeout)
        case let error as NIOConnectionError: self.init(connection: error, endpoint: endpoint)
        case let error as NIOSSLError: self.init(handshake: error, endpoint: endpoint)
        case is NIOSSLExtraError:
            self.init(.tlsVerification, endpoint: endpoint, message: "the certificate is for another name")
        case is BoringSSLError: self.init(.tlsHandshake, endpoint: endpoint, message: "the TLS handshake failed")
        case is ChannelError where Self.isTimeout(error):
            self.init(.timeout, endpoint: endpoint, message: "no connection within \(timeout.components.seconds) s")
        case is IOError: self.init(.unreachable, endpoint: endpoint, message: Self.text(of: error))
        case is ChannelError:
            self.init(.connectionLost, endpoint: endpoint, message: "the connection was closed early")
        default: self.init(.other, endpoint: endpoint, message: "the request failed (\(type(of: error)))")
        }
    }

    private init(client error: HTTPClientError, endpoint: String, timeout: Duration) {
        switch error {
        case .deadlineExceeded, .readTimeout, .writeTimeout, .connectTimeout, .tlsHandshakeTimeout,
            .httpProxyHandshakeTimeout, .socksHandshakeTimeout, .getConnectionFromPoolTimeout:
            self.init(.timeout, endpoint: endpoint, message: "no answer within \(timeout.components.seconds) s")
        case .cancelled, .requestStreamCancelled, .alreadyShutdown:
            self.init(.cancelled, endpoint: endpoint, message: "the request was cancelled")
        case .remoteConnectionClosed, .uncleanShutdown:
            self.init(.connectionLost, endpoint: endpoint, message: "the connection was closed before the answer")
        case .proxyAuthenticationRequired, .invalidProxyResponse:
            self.init(.unreachable, endpoint: endpoint, message: "the proxy refused the connection")
        default: self.init(.invalidRequest, endpoint: endpoint, message: "the request cannot be sent (\(error))")
        }
    }

    private init(connection error: NIOConnectionError, endpoint: String) {
        if error.connectionErrors.isEmpty {
            self.init(.nameResolution, endpoint: endpoint, message: "the name \(error.host) cannot be resolved")
            return
        }
        let timedOut = error.connectionErrors.contains { Self.isTimeout($0.error) }
        let reasons = error.connectionErrors.map { Self.text(of: $0.error) }
        self.init(
            timedOut ? .timeout : .unreachable,
            endpoint: endpoint,
            message: "no connection: \(Set(reasons).sorted().joined(separator: "; "))"
        )
    }

    private init(handshake error: NIOSSLError, endpoint: String) {
        switch error {
        case .handshakeFailed(.sslError(let stack)) where stack.contains(where: Self.isVerificationFailure):
            self.init(unverified: endpoint)
        case .unableToValidateCertificate, .noCertificateToValidate: self.init(unverified: endpoint)
        case .handshakeFailed(let cause):
            self.init(.tlsHandshake, endpoint: endpoint, message: "the TLS handshake failed (\(cause))")
        case .uncleanShutdown:
            self.init(.connectionLost, endpoint: endpoint, message: "the connection was closed before the answer")
        default: self.init(.tlsHandshake, endpoint: endpoint, message: "TLS failed (\(error))")
        }
    }

    private init(unverified endpoint: String) {
        self.init(
            .tlsVerification,
            endpoint: endpoint,
            message: "no trust anchor vouches for the certificate, or it has expired"
        )
    }

    /// BoringSSL's packed code of library SSL (16) and reason CERTIFICATE_VERIFY_FAILED (125). The library
    /// shows the number in the description only, in front of the words.
    private static func isVerificationFailure(_ error: BoringSSLInternalError) -> Bool { has(error, reason: 125) }

    private static func has(_ error: BoringSSLInternalError, reason: UInt32) -> Bool {
        error.description.split(separator: " ").dropFirst().first == "\(UInt32(16) << 24 | reason)"
    }

    /// Whether a handshake ended because the key usage of the certificate does not fit (KEY_USAGE_BIT_INCORRECT).
    static func isKeyUsage(_ error: any Error) -> Bool {
        switch error as? NIOSSLError {
        case .handshakeFailed(.sslError(let stack))?: stack.contains { has($0, reason: 302) }
        default: false
        }
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        if case .connectTimeout? = error as? ChannelError { return true }
        return false
    }

    private static func text(of error: any Error) -> String {
        switch error {
        case let error as IOError: IOErrorText.text(of: error.errnoCode)
        case let error as ChannelError where Self.isTimeout(error): "connecting timed out"
        default: "\(type(of: error))"
        }
    }
}
