import Domain
package import Query

/// The loop that looks after API keys; what it does belongs to whoever decides about access.
package struct KeyLoop: Sendable {
    /// Keeps a leader that was replaced from writing.
    package typealias Guard = @Sendable (any Transaction) throws -> Void

    private let run: @Sendable (@escaping Guard) async throws -> Int

    /// - `run`: One pass; how many rows it changed.
    package init(_ run: @escaping @Sendable (@escaping Guard) async throws -> Int) { self.run = run }

    func loop(_ leadership: Leadership) -> Loop {
        Loop(
            name: .apiKeys,
            interval: .hours(1),
            budget: .minutes(5),
            placement: .leader,
            tick: { [run] _ in
                let fence = try leadership.fence()
                return LoopOutcome(rows: try await run { tx in try fence.check(in: tx) })
            }
        )
    }
}
