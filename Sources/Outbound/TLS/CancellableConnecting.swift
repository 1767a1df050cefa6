import NIOCore

extension EventLoopFuture<any Channel> {
    /// The channel. When the task is cancelled first, nobody waits for it, and it is closed once it is there.
    ///
    /// - Throws: What kept it from being connected, or `CancellationError`.
    func unlessCancelled() async throws -> any Channel {
        let promise = eventLoop.makePromise(of: (any Channel).self)
        promise.futureResult.whenFailure { _ in self.whenSuccess { $0.close(promise: nil) } }
        whenComplete { promise.completeWith($0) }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }
}
