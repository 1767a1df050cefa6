import Domain
import TestSupport
import Testing

@Suite("Job transitions are those of the table and no others")
struct JobTransitionsTests {
    static let events: [JobEvent] = [
        .approved(.server), .approved(.agent), .claimed, .csrAccepted, .csrRefused, .csrTimedOut(retry: true),
        .csrTimedOut(retry: false), .completed, .failed(retry: true), .failed(retry: false), .leaseExpired(.server),
        .leaseExpired(.agent), .orderParked, .retryDue(.server), .retryDue(.agent), .operatorRetried(.server),
        .operatorRetried(.agent), .cancelled,
    ]

    /// Everything that is allowed; each other pair of phase and event must be refused.
    static let allowed: [JobPhase: [JobEvent: JobPhase]] = [
        .awaitingApproval: [
            .approved(.server): .pending, .approved(.agent): .awaitingCSR, .cancelled: .cancelled,
        ],
        .pending: [.claimed: .running, .cancelled: .cancelled],
        .awaitingCSR: [
            .csrAccepted: .running, .csrRefused: .failed, .csrTimedOut(retry: true): .retryScheduled,
            .csrTimedOut(retry: false): .failed, .cancelled: .cancelled,
        ],
        .running: [
            .completed: .completed, .failed(retry: true): .retryScheduled, .failed(retry: false): .failed,
            .leaseExpired(.server): .pending, .leaseExpired(.agent): .awaitingCSR, .orderParked: .pending,
            .cancelled: .cancelled,
        ],
        .retryScheduled: [
            .retryDue(.server): .pending, .retryDue(.agent): .awaitingCSR, .operatorRetried(.server): .pending,
            .operatorRetried(.agent): .awaitingCSR, .cancelled: .cancelled,
        ],
        .failed: [.operatorRetried(.server): .pending, .operatorRetried(.agent): .awaitingCSR],
        .completed: [:],
        .cancelled: [:],
    ]

    @Test("every phase × event pair", arguments: JobPhase.allCases, events)
    func transition(phase: JobPhase, event: JobEvent) {
        let next = try? phase.after(event)
        #expect(next == Self.allowed[phase]?[event])
    }

    @Test("a phase survives being stored as a status and a flag", arguments: JobPhase.allCases)
    func storedForm(phase: JobPhase) {
        #expect(JobPhase(status: phase.status, retryScheduled: phase == .retryScheduled) == phase)
    }

    @Test("no walk through the table leaves a closed job except by an operator's retry", arguments: 0..<50)
    func closedJobsStayClosed(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var phase = JobPhase.awaitingCSR
        for _ in 0..<200 {
            let event = Self.events[Int(generator.next() % UInt64(Self.events.count))]
            guard let next = try? phase.after(event) else { continue }
            if !phase.isOpen {
                #expect(phase == .failed)
                #expect(event == .operatorRetried(.server) || event == .operatorRetried(.agent))
            }
            phase = next
        }
    }
}
