import DatabaseTestSupport
import Domain
import Query
import Store
import Synchronization
import TestSupport
import Testing

@testable import Lifecycle

@Suite("protocol-servers §2.8: the pool of validations has work taken up when there is some")
struct ValidationPoolTests {
    /// Counts who is at work.
    private final class Crowd: Sendable {
        private let state = Mutex((now: 0, most: 0))

        var most: Int { state.withLock { $0.most } }

        var validator: ACMEValidator {
            { _, _ throws(ACMEFault) in
                self.state.withLock { state in
                    state.now += 1
                    state.most = max(state.most, state.now)
                }
                defer { self.state.withLock { $0.now -= 1 } }
                try? await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    private static func areReady(_ views: [ACMEOrderView], _ stage: ValidationStage) async throws -> Bool {
        for view in views where try await stage.stored(view).status != .ready { return false }
        return true
    }

    /// On SQLite the clock stands still, so that a pool that waits for time to pass waits for ever; on PostgreSQL six looks of its
    /// own, each after five seconds, would take longer than anybody waits here.
    @Test("who waits for a place gets the next one that is free", arguments: Engine.available)
    func crowd(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            var views: [ACMEOrderView] = []
            for number in 0..<12 { views.append(try await stage.answered("n\(number).test")) }
            let crowd = Crowd()
            let pool = stage.pool(
                validate: crowd.validator, time: engine == .sqlite ? stage.world.clock.exactSource : nil,
                change: { $0.validations[.http01] = 2 })
            let running = Task { await pool.run() }
            let all = try await eventually(within: .seconds(20)) { try await Self.areReady(views, stage) }
            running.cancel()
            await running.value
            #expect(all)
            #expect(crowd.most == 2)
        }
    }

    @Test("what is put off is taken up when its time has come, and not at the next look")
    func putOff() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            let mismatch = ACMEFault(.incorrectResponse, "another page", isTransient: true)
            stage.script.set("a.test", [mismatch, nil])
            let pool = stage.pool(time: stage.world.clock.exactSource)
            let running = Task { await pool.run() }
            let view = try await stage.answered("a.test")
            // Less than the five seconds until the next look.
            let next = stage.world.clock.now + .seconds(2)
            #expect(await eventually(within: .seconds(20)) { stage.world.clock.isAwaited(next) })
            #expect(try await stage.challenge(view.authorizations[0]).error != nil)
            #expect(try await stage.stored(view).status == .pending)
            stage.world.clock.advance(by: .seconds(2))
            let isReady = try await eventually(within: .seconds(20)) { try await Self.areReady([view], stage) }
            running.cancel()
            await running.value
            #expect(isReady)
        }
    }
}
