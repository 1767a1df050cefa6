#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A thread of our own for calls that block or compute for long, so that neither an event loop nor the cooperative pool
/// waits.
package enum BlockingThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new detached thread; false when the system has no thread to give.
    ///
    /// - `stackSize`: In octets; the system's choice when absent.
    /// - `yields`: Whether the thread leaves the processor to all others that have something to do.
    package static func start(stackSize: Int? = nil, yields: Bool = false, _ body: @escaping @Sendable () -> Void)
        -> Bool
    {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        if let stackSize { pthread_attr_setstacksize(&attributes, stackSize) }
        let work = Unmanaged.passRetained(
            Work {
                if yields { lowerPriority() }
                body()
            })
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

    /// Ten steps below the others of this process. Linux keeps a priority for each thread; elsewhere it is that of the
    /// whole process and stays.
    private static func lowerPriority() {
        #if canImport(Glibc)
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        #endif
    }

    /// Threads that can run at the same time.
    package static var processors: Int { Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

    /// Blocks this thread for at least `duration`; only for threads of our own.
    package static func pause(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return }
        let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
        var remaining = timespec(
            tv_sec: Int(seconds + nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        var wanted = remaining
        while nanosleep(&wanted, &remaining) != 0, errno == EINTR { wanted = remaining }
    }
}
