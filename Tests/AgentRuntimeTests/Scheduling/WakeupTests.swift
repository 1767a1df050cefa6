import Domain
import Testing

@testable import AgentRuntime

@Suite("a wake-up is seen once, and never lost")
struct WakeupTests {
    @Test("raised before anybody waits, it ends the next wait at once")
    func raisedEarly() async {
        let wakeup = Wakeup()
        wakeup.raise()
        wakeup.raise()
        await wakeup.wait()
        // The second raise counted with the first: another wait has nothing to see and ends by its time alone.
        let started = ContinuousClock.now
        await wakeup.wait(atMost: .milliseconds(30), time: .system)
        #expect(ContinuousClock.now - started >= .milliseconds(25))
    }

    @Test("raised while somebody waits, it ends the wait", .timeLimit(.minutes(1)))
    func raisedLate() async {
        let wakeup = Wakeup()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await wakeup.wait(atMost: .hours(1), time: .system) }
            group.addTask {
                await Task.yield()
                wakeup.raise()
            }
        }
    }

    @Test("cancellation ends a wait", .timeLimit(.minutes(1)))
    func cancelled() async {
        let wakeup = Wakeup()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await wakeup.wait() }
            await Task.yield()
            group.cancelAll()
        }
        wakeup.raise()
        await wakeup.wait()
    }
}
