#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A thread of our own for calls that block, so that neither an event loop nor the cooperative pool waits.
enum BlockingThread {
    /// Frames of a transaction body and of libpq with TLS stay far below this.
    private static let stackSize = 1 << 20

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new detached thread; false when the system has no thread to give.
    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackSize)
        let work = Unmanaged.passRetained(Work(body))
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let code = pthread_create(
            &thread,
            &attributes,
            { argument in
                #if canImport(Darwin)
                    Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                #else
                    if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
                #endif
                return nil
            },
            work.toOpaque()
        )
        guard code == 0 else {
            work.release()
            return false
        }
        return true
    }

    /// Threads that can run at the same time.
    static var processors: Int { Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

    /// Blocks this thread; only for threads of our own.
    static func pause(_ duration: Duration) {
        let microseconds = max(0, duration.wholeMicrosecondsRoundedUp)
        var remaining = timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000) * 1000)
        var wanted = remaining
        while nanosleep(&wanted, &remaining) != 0, errno == EINTR { wanted = remaining }
    }
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
