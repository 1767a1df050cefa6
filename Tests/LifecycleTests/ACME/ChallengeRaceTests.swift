import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.1.6, §7.5.1: two challenges of one authorization, answered at once")
struct ChallengeRaceTests {
    private static let fault = ACMEFault(.incorrectResponse, "another page", isTransient: false)

    /// Each challenge is taken up by another server, at the same moment.
    private static func workOff(_ stage: ValidationStage, _ validate: @escaping ACMEValidator) async throws {
        let pools = [stage.pool("one", validate: validate), stage.pool("two", validate: validate)]
        let jobs = try await [pools[0].claim(.http01, limit: 1), pools[1].claim(.dns01, limit: 1)]
        #expect(jobs.map(\.count) == [1, 1])
        await withTaskGroup(of: Void.self) { group in
            for (pool, jobs) in zip(pools, jobs) {
                for job in jobs { group.addTask { await pool.work(on: job) } }
            }
        }
    }

    @Test("the first outcome decides, once, and the other challenge ends with it", arguments: Engine.available)
    func outcomes(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            for round in 0..<8 {
                let view = try await stage.order(["r\(round).test"])
                let authorization = view.authorizations[0]
                #expect(try await stage.answer(authorization, .http01).status == .processing)
                #expect(try await stage.answer(authorization, .dns01).status == .processing)
                // Both see the proof, or one of them does not.
                let isSplit = round % 2 == 1
                try await Self.workOff(stage) { attempt, _ throws(ACMEFault) in
                    if isSplit, attempt.type == .http01 { throw Self.fault }
                }
                let ends = try await [ACMEChallengeType.http01, .dns01].async { type in
                    try await stage.challenge(authorization, type).status
                }
                let status = try await stage.status(authorization)
                let order = try await stage.stored(view).status
                switch status {
                case .valid:
                    #expect(order == .ready && Set(ends) == [.valid, .invalid], "round \(round): \(ends)")
                case .invalid:
                    #expect(isSplit && order == .invalid && ends == [.invalid, .invalid], "round \(round): \(ends)")
                default: Issue.record("round \(round): the authorization is \(String(describing: status))")
                }
            }
            #expect(try await stage.audited("acme_challenge_completed") == 16)
            // Whatever comes later finds nothing to do.
            #expect(try await stage.workOff() == 0)
        }
    }
}

extension Array {
    fileprivate func async<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
