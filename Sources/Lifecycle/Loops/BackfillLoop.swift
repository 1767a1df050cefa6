import Domain
import Store

/// The loop of the leader that fills what earlier releases did not know; started servers serve meanwhile.
struct BackfillLoop: Sendable {
    /// How long one run goes on before it lets the loop's figures be written.
    private static let slice = Duration.seconds(30)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let runner: BackfillRunner

    init(_ context: LifecycleContext, leadership: Leadership) {
        self.context = context
        self.leadership = leadership
        runner = BackfillRunner(database: context.database, time: context.time, name: leadership.holder)
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome {
        let rows = try await runner.run(
            until: now + Self.slice,
            guarding: {
                let fence = try leadership.fence()
                return { try fence.check(in: $0) }
            },
            observe: context.observers.backfillAdvanced
        )
        return LoopOutcome(rows: rows, wakeAt: try await nextWork())
    }

    /// Now, while something is left to fill.
    func nextWork() async throws -> Timestamp? {
        let all = try await runner.progress()
        for progress in all { context.observers.backfillSeen(progress) }
        return all.contains(where: \.isPending) ? context.time.now : nil
    }
}
