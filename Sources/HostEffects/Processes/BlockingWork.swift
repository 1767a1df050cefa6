import Threads

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
        guard duration > .zero else { return }
        await withCheckedContinuation { continuation in
            start {
                BlockingThread.pause(duration)
                continuation.resume()
            }
        }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) {
        // Out of threads: the caller's thread does the work, which is slow but correct.
        if !BlockingThread.start(body) { body() }
    }
}
