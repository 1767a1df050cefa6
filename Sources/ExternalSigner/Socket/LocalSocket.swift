import PKI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One end of a connection over a Unix socket. Every call blocks its thread, and none for longer than its deadline.
final class LocalSocket: Sendable {
    let descriptor: Int32

    /// Takes the descriptor over.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// The user at the other end, as the kernel says: at the time of `connect` or `listen`.
    var peer: (user: UInt32, process: Int32)? {
        #if canImport(Darwin)
            var (user, group): (uid_t, gid_t) = (0, 0)
            return getpeereid(descriptor, &user, &group) == 0 ? (user, 0) : nil
        #else
            // `struct ucred` of unix(7): process, user, group.
            var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
            var length = socklen_t(MemoryLayout.size(ofValue: credentials))
            guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0,
                Int(length) == MemoryLayout.size(ofValue: credentials)
            else { return nil }
            return (credentials.1, credentials.0)
        #endif
    }

    func send(_ octets: [UInt8], by deadline: ContinuousClock.Instant) throws(SignerFault) {
        var sent = 0
        while sent < octets.count {
            let count = octets[sent...].withUnsafeBytes { transmit(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                sent += count
            } else if count < 0, errno == EAGAIN {
                try wait(for: Int16(POLLOUT), by: deadline)
            } else if errno != EINTR {
                throw .connection("the connection to the other side was cut (\(errno))")
            }
        }
    }

    /// Exactly `count` octets, which grow as they come: nobody reserves memory by a promise.
    func receive(_ count: Int, by deadline: ContinuousClock.Instant) throws(SignerFault) -> [UInt8] {
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(max(count, 1), 256 << 10))
        while octets.count < count {
            let wanted = min(chunk.count, count - octets.count)
            let got = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, wanted, 0) }
            if got > 0 {
                octets += chunk[..<got]
            } else if got == 0 {
                throw .connection("the other side closed the connection")
            } else if errno == EAGAIN {
                try wait(for: Int16(POLLIN), by: deadline)
            } else if errno != EINTR {
                throw .connection("the connection to the other side was cut (\(errno))")
            }
        }
        return octets
    }

    func wait(for events: Int16, by deadline: ContinuousClock.Instant) throws(SignerFault) {
        while true {
            let rest = ContinuousClock.now.duration(to: deadline)
            guard rest > .zero else { throw .connection("the other side did not answer in time") }
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let milliseconds = Int32(
                clamping: rest.components.seconds * 1000 + rest.components.attoseconds / 1_000_000_000_000_000)
            if poll(&entry, 1, max(1, milliseconds)) > 0 { return }
        }
    }

    /// Whether the other side hung up, or sent what nobody asked for: a connection that is not used again.
    var isSpent: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) != 0
    }

    static let readable = Int16(POLLIN)

    /// Whether the other side closed, and sent nothing before that. Asked of a socket that is readable.
    var isAtEnd: Bool {
        var octet: UInt8 = 0
        return recv(descriptor, &octet, 1, Int32(peeking)) == 0
    }

    /// Reads on as if the other side had closed. What is being written still goes out.
    func hangUp() { shutdown(descriptor, Int32(readingEnd)) }

    /// Tells the other side that nothing follows, and takes what it still sends, so that it sees the last answer.
    func finish() {
        shutdown(descriptor, Int32(writingEnd))
        let deadline = ContinuousClock.now + .seconds(1)
        while (try? receive(1, by: deadline)) != nil {}
    }
}

private let peeking = MSG_PEEK

#if canImport(Glibc)
    private let (readingEnd, writingEnd) = (SHUT_RD, SHUT_WR)
    private let streamType = Int32(SOCK_STREAM.rawValue)
#else
    private let (readingEnd, writingEnd) = (SHUT_RD, SHUT_WR)
    private let streamType = SOCK_STREAM
#endif

/// No signal when the other side is gone.
private func transmit(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
        send(descriptor, start, count, 0)
    #else
        send(descriptor, start, count, Int32(MSG_NOSIGNAL))
    #endif
}

extension LocalSocket {
    /// The longest path that a Unix socket can have.
    static let longestPath = 107

    /// Connects to whoever listens at `path`.
    static func connect(to path: String) throws(SignerFault) -> LocalSocket {
        let socket = try make()
        guard let code = withAddress(path, { systemConnect(socket.descriptor, $0, $1) == 0 ? 0 : errno }) else {
            throw .refused(.unsupported("the socket \(path) has a path of more than \(longestPath) octets"))
        }
        switch code {
        case 0: return socket
        case ENOENT: throw .connection("there is no socket \(path); is certctl signer serve running?")
        case ECONNREFUSED: throw .connection("nobody listens at \(path); is certctl signer serve running?")
        case EACCES, EPERM:
            throw .refused(
                .permission("this user may not open the socket \(path); it has to be in the group of the socket"))
        case EAGAIN: throw .connection("too many connections wait at \(path)")
        default: throw .connection("the socket \(path) cannot be connected to (\(code))")
        }
    }

    static func make() throws(SignerFault) -> LocalSocket {
        let descriptor = socket(AF_UNIX, streamType, 0)
        guard descriptor >= 0 else { throw .connection("the system has no socket to give (\(errno))") }
        return LocalSocket(descriptor)
    }

    /// The result of `body` with the address of `path`; `nil` when it is too long.
    static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result? {
        guard (1...longestPath).contains(path.utf8.count) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    connect(descriptor, address, length)
}
