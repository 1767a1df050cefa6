import Domain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs blocking system calls on a thread of their own, so that the cooperative pool never waits for a disk
/// or a child process.
///
/// Work that has begun is not cancelled: it ends by its own deadline, and the caller gets its result.
package enum BlockingWork {
    /// Runs `body` on a fresh thread and suspends the caller until it returns.
    package static func run<Success: Sendable>(
        _ body: @escaping @Sendable () throws -> Success
    ) async throws -> Success {
        try await withCheckedThrowingContinuation { continuation in
            start { continuation.resume(with: Result(catching: body)) }
        }
    }

    /// Waits in full even when the surrounding task is cancelled; for steps that must not be cut short.
    package static func pause(_ duration: Duration) async {
        let microseconds = max(0, duration.wholeMicroseconds)
        guard microseconds > 0 else { return }
        await withCheckedContinuation { continuation in
            start {
                var rest = timespec(
                    tv_sec: Int(microseconds / 1_000_000),
                    tv_nsec: Int(microseconds % 1_000_000) * 1000
                )
                var unslept = timespec()
                while nanosleep(&rest, &unslept) != 0, errno == EINTR { rest = unslept }
                continuation.resume()
            }
        }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(run: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        // Out of threads: the caller's thread does the work, which is slow but correct.
        if status != 0 { box.takeRetainedValue().run() }
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
