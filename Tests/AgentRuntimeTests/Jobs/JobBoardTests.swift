import Domain
import Encoding
import PKI
import Testing

@testable import AgentRuntime

@Suite("which jobs an agent holds and starts")
struct JobBoardTests {
    static let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    static func deployment(_ job: String, target: String, attempt: Int = 1) -> Assignment {
        .deployment(
            DeploymentAssignment(
                job: JobID(stored: job), attempt: attempt, certificate: CertificateID(stored: "cert-1"),
                target: TargetID(stored: target), targetType: .nginx, config: JSONObject(), version: nil,
                fingerprint: nil, isForced: false, leaseExpiresAt: nil, item: .null
            )
        )
    }

    static func csr(_ job: String, certificate: String) -> Assignment {
        .csr(
            CSRAssignment(
                job: JobID(stored: job), attempt: 1, certificate: CertificateID(stored: certificate),
                commonName: "a.test", subjectAltNames: [], keySpec: .ecdsaP256, mustStaple: false,
                extendedKeyUsages: []
            )
        )
    }

    @Test("a job is held once, whether it waits or runs")
    func heldOnce() {
        var board = JobBoard(maxParallel: 4)
        #expect(board.admit(Self.deployment("j1", target: "t1"), at: Self.now) == .admitted)
        #expect(board.admit(Self.deployment("j1", target: "t1"), at: Self.now) == .held)
        #expect(board.takeNext()?.job.text == "j1")
        #expect(board.admit(Self.deployment("j1", target: "t1", attempt: 2), at: Self.now) == .held)
        #expect(board.heldJobs.map(\.text) == ["j1"])
    }

    @Test("two deployments of one target run one after the other, of two targets at once")
    func oneForEachTarget() {
        var board = JobBoard(maxParallel: 4)
        for (job, target) in [("j1", "t1"), ("j2", "t1"), ("j3", "t2")] {
            #expect(board.admit(Self.deployment(job, target: target), at: Self.now) == .admitted)
        }
        #expect(board.takeNext()?.job.text == "j1")
        #expect(board.takeNext()?.job.text == "j3")
        #expect(board.takeNext() == nil)
        board.settle(JobID(stored: "j1"), attempt: 1)
        #expect(board.takeNext()?.job.text == "j2")
    }

    @Test("two signing requests of one certificate run one after the other")
    func oneForEachKeySlot() {
        var board = JobBoard(maxParallel: 4)
        _ = board.admit(Self.csr("j1", certificate: "c1"), at: Self.now)
        _ = board.admit(Self.csr("j2", certificate: "c1"), at: Self.now)
        _ = board.admit(Self.deployment("j3", target: "t1"), at: Self.now)
        #expect(board.takeNext()?.job.text == "j1")
        #expect(board.takeNext()?.job.text == "j3")
        #expect(board.takeNext() == nil)
    }

    @Test("no more run than allowed, and no more are asked for", arguments: 1...4)
    func parallelism(limit: Int) {
        var board = JobBoard(maxParallel: limit)
        for number in 0..<6 { _ = board.admit(Self.deployment("j\(number)", target: "t\(number)"), at: Self.now) }
        var started = 0
        while board.takeNext() != nil { started += 1 }
        #expect(started == limit)
        #expect(!board.hasRoom)
    }

    @Test("a finished attempt is not repeated, a later one is")
    func settled() {
        var board = JobBoard(maxParallel: 1)
        _ = board.admit(Self.deployment("j1", target: "t1", attempt: 2), at: Self.now)
        _ = board.takeNext()
        board.settle(JobID(stored: "j1"), attempt: 2)
        #expect(board.admit(Self.deployment("j1", target: "t1", attempt: 1), at: Self.now) == .settled)
        #expect(board.admit(Self.deployment("j1", target: "t1", attempt: 2), at: Self.now) == .settled)
        #expect(board.admit(Self.deployment("j1", target: "t1", attempt: 3), at: Self.now) == .admitted)
    }

    @Test("a paused job rests longer with each failure and is then taken again")
    func resting() {
        var board = JobBoard(maxParallel: 1)
        let cadence = Cadence(interval: .seconds(30))
        var now = Self.now
        for failures in 1...3 {
            #expect(board.admit(Self.csr("j1", certificate: "c1"), at: now) == .admitted)
            _ = board.takeNext()
            board.rest(JobID(stored: "j1"), at: now, cadence: cadence, random: CadenceTests.middle)
            let rest = Duration.seconds(30 * failures)
            #expect(board.admit(Self.csr("j1", certificate: "c1"), at: now + rest - .seconds(1)) == .resting)
            now = now + rest
        }
        #expect(board.admit(Self.csr("j1", certificate: "c1"), at: now) == .admitted)
    }

    @Test("a job left without a report is known until it is taken again, and its lease is not extended")
    func left() {
        var board = JobBoard(maxParallel: 1)
        let job = JobID(stored: "j1")
        _ = board.admit(Self.deployment("j1", target: "t1"), at: Self.now)
        #expect(board.knownJobs == [job])
        _ = board.takeNext()
        board.settle(job, attempt: 1)
        #expect(board.knownJobs.isEmpty)
        board.leave(job)
        #expect(board.knownJobs == [job] && board.heldJobs.isEmpty)
        #expect(board.admit(Self.deployment("j1", target: "t1", attempt: 2), at: Self.now) == .admitted)
        _ = board.takeNext()
        board.settle(job, attempt: 2)
        #expect(board.knownJobs.isEmpty)
        for number in 0..<100 { board.leave(JobID(stored: "left-\(number)")) }
        #expect(board.knownJobs.count == 32)
    }

    @Test("the queue is bounded")
    func bounded() {
        var board = JobBoard(maxParallel: 1)
        for number in 0..<JobBoard.queueLimit {
            #expect(board.admit(Self.deployment("j\(number)", target: "t"), at: Self.now) == .admitted)
        }
        #expect(board.admit(Self.deployment("last", target: "t"), at: Self.now) == .full)
    }

    @Test("at shutdown what has not started is given up, what runs is kept")
    func abandon() {
        var board = JobBoard(maxParallel: 1)
        for job in ["j1", "j2", "j3"] { _ = board.admit(Self.deployment(job, target: job), at: Self.now) }
        _ = board.takeNext()
        #expect(board.abandonQueue().map(\.text) == ["j2", "j3"])
        #expect(board.heldJobs.map(\.text) == ["j1"])
        #expect(!board.isIdle)
    }
}
