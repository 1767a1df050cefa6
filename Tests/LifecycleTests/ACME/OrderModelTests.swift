import DatabaseTestSupport
import Domain
import Query
import TestSupport
import Testing

@testable import Lifecycle

/// Random sequences of what clients, servers and the clock do, on the real flow and on a model of it (protocol-servers §12.2).
@Suite("RFC 8555 §7.1.6: orders follow their model, whatever happens in whatever order")
struct OrderModelTests {
    /// Sequences of each of the four runs on SQLite, and steps of each before its end.
    private static let (sequences, length) = (40, 45)

    @Test("160 sequences of 45 steps with a clock that moves, on SQLite", arguments: 0..<4)
    func sequences(run: Int) async throws {
        try await Self.check(.sqlite, seeds: UInt64(run * Self.sequences)..<UInt64((run + 1) * Self.sequences))
    }

    @Test(
        "20 sequences of 45 steps of clients alone, on PostgreSQL",
        .enabled(if: Engine.available.contains(.postgres)))
    func postgres() async throws {
        try await Self.check(.postgres, seeds: 1000..<1020)
    }

    private static func check(_ engine: Engine, seeds: Range<UInt64>) async throws {
        let requests = RequestShelf()
        var failed: (seed: UInt64, steps: [OrderStep])?
        try await ValidationStage.with(engine) { stage async throws in
            let authority = MoodyAuthority(stage.world)
            for seed in seeds {
                let steps = OrderStep.sequence(seed, length: length, movesClock: engine == .sqlite)
                if let failure = try await failure(of: steps, "s\(seed)", stage, authority, requests) {
                    failed = (seed, Array(steps.prefix(failure.step + 1)))
                    return
                }
            }
        }
        guard let failed else { return }
        let shrunk = try await shrink(failed.steps, engine, requests)
        Issue.record(
            """
            seed \(failed.seed): \(shrunk.message)
            \(shrunk.steps.map { ".\($0)" }.joined(separator: "\n"))
            """)
    }

    /// The step at which the flow and the model part, and how; `nil` when they never do.
    private static func failure(
        of steps: [OrderStep], _ account: String, _ stage: ValidationStage, _ authority: MoodyAuthority,
        _ requests: RequestShelf
    ) async throws -> (step: Int, message: String)? {
        var rig = try await OrderRig(stage, authority, account: account, requests)
        return try await rig.desk.working { try await failure(of: steps, with: &rig) }
    }

    private static func failure(
        of steps: [OrderStep], with rig: inout OrderRig
    ) async throws -> (step: Int, message: String)? {
        for (index, step) in steps.enumerated() {
            do {
                try await rig.perform(step)
            } catch {
                return (index, "\(error)")
            }
        }
        guard Array(steps.suffix(OrderStep.epilogue.count)) == OrderStep.epilogue else { return nil }
        do {
            try rig.requireEnd()
        } catch {
            return (steps.count - 1, "\(error)")
        }
        return nil
    }

    /// Leaves out every step without which it fails all the same, each time in a world of its own.
    private static func shrink(
        _ steps: [OrderStep], _ engine: Engine, _ requests: RequestShelf
    ) async throws -> (steps: [OrderStep], message: String) {
        func message(_ steps: [OrderStep]) async throws -> String? {
            var message: String?
            try await ValidationStage.with(engine) { stage async throws in
                let authority = MoodyAuthority(stage.world)
                message = try await failure(of: steps, "shrunk", stage, authority, requests)?.message
            }
            return message
        }
        var (steps, last) = (steps, "only after the sequences before it")
        guard let first = try await message(steps) else { return (steps, last) }
        last = first
        for index in steps.indices.reversed() {
            var fewer = steps
            fewer.remove(at: index)
            guard let found = try await message(fewer) else { continue }
            (steps, last) = (fewer, found)
        }
        return (steps, last)
    }
}
