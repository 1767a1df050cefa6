import Domain
import Testing

@Suite("Back-off of failed jobs (domain §6.3)")
struct RetryScheduleTests {
    @Test(
        "issuance waits double, up to six hours",
        arguments: [(1, 3600), (2, 7200), (3, 14_400), (4, 21_600), (5, 21_600), (400, 21_600)]
    )
    func issuanceDelay(attempts: Int, seconds: Int64) {
        let delay = RetrySchedule.issuanceDelay(attempts: attempts, interval: .seconds(3600), unit: 0.5)
        #expect(delay == .seconds(seconds))
    }

    @Test("deployments wait 1, 5, then 25 minutes", arguments: [(0, 1), (1, 1), (2, 5), (3, 25), (9, 25)])
    func deploymentDelay(attempts: Int, minutes: Int64) {
        #expect(RetrySchedule.deploymentDelay(attempts: attempts, unit: 0.5) == .minutes(minutes))
    }

    @Test("jitter stays within ±20 %", arguments: 0..<100)
    func jitterStaysInRange(step: Int) {
        let delay = RetrySchedule.deploymentDelay(attempts: 1, unit: Double(step) / 100)
        #expect(delay >= .seconds(48))
        #expect(delay < .seconds(72))
    }

    @Test("a CA's Retry-After only ever raises the wait, to at most a day")
    func retryAfter() {
        func delay(_ retryAfter: Duration) -> Duration {
            RetrySchedule.issuanceDelay(attempts: 1, interval: .minutes(10), retryAfter: retryAfter, unit: 0.5)
        }
        #expect(delay(.seconds(1)) == .minutes(10))
        #expect(delay(.hours(2)) == .hours(2))
        #expect(delay(.days(30)) == .hours(24))
    }
}

@Suite("Polling of asynchronous orders (issuers §2.4)")
struct OrderPollingTests {
    @Test(
        "5 s, tripled, at most five minutes",
        arguments: [(0, 5), (1, 15), (2, 45), (3, 135), (4, 300), (5, 300), (1000, 300)]
    )
    func fastPhase(polls: Int, seconds: Int64) {
        #expect(OrderPolling.wait(polls: polls, age: .zero, unit: 0.5) == .seconds(seconds))
    }

    @Test(
        "after ten minutes 15 min, about doubling, at most six hours",
        arguments: [(600, 900), (1500, 900), (2400, 1800), (4200, 3600), (90_000, 21_600)]
    )
    func slowPhase(age: Int64, seconds: Int64) {
        #expect(OrderPolling.wait(polls: 9, age: .seconds(age), unit: 0.5) == .seconds(seconds))
    }

    @Test(
        "Retry-After overrides the schedule within one second and one day",
        arguments: [(0, 1), (7, 7), (1_000_000, 86_400)]
    )
    func retryAfter(asked: Int64, seconds: Int64) {
        let wait = OrderPolling.wait(polls: 0, age: .zero, retryAfter: .seconds(asked), unit: 0.9)
        #expect(wait == .seconds(seconds))
    }
}
