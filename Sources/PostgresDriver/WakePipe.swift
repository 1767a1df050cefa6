#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What threads of the driver need.
enum PostgresThread {
    /// Frames of a transaction body and of libpq with TLS stay far below this.
    static let stackSize = 1 << 20
}

/// Wakes a thread that waits for it, alone or together with a socket.
final class WakePipe: Sendable {
    private let readEnd: CInt
    private let writeEnd: CInt

    init() throws(PipeUnavailable) {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else { throw PipeUnavailable(code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A full pipe already holds the news that a writer wants to bring.
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func wake() {
        var octet: UInt8 = 1
        _ = write(writeEnd, &octet, 1)
    }

    /// Waits for ``wake()``, for data on `socket`, or for the end of `timeout`; takes all wake-ups at once.
    func wait(orFor socket: CInt? = nil, timeout: Duration?) {
        let milliseconds = timeout.map { CInt(clamping: ($0.wholeMicrosecondsRoundedUp + 999) / 1000) } ?? -1
        var descriptors = [pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)]
        if let socket { descriptors.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
        _ = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        var octets: (UInt64, UInt64) = (0, 0)
        while read(readEnd, &octets, 16) == 16 {}
    }
}

/// The process has no file descriptor left.
struct PipeUnavailable: Error {
    let code: CInt
}

extension Duration {
    var wholeMicrosecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + (attoseconds + 999_999_999_999) / 1_000_000_000_000
    }
}
