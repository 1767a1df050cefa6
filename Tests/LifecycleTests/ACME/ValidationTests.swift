import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Synchronization
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.1.6, §7.5.1, §8.2: what becomes of an answered challenge")
struct ValidationTests {
    private static let mismatch = ACMEFault(.incorrectResponse, "another page", isTransient: true)
    private static let refused = ACMEFault(.connection, "not connected to", isTransient: false)

    @Test("proofs of all names make an order ready, one after the other or at once", arguments: Engine.available)
    func proofs(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let view = try await stage.order(["a.test", "b.test"])
            #expect(view.order.status == .pending && view.authorizations.count == 2)
            let offered = try await stage.world.database.read { tx in
                try ACMEAuthorizationStore().challenges(of: view.authorizations[0], in: tx).map(\.type)
            }
            #expect(Set(offered) == [.http01, .dns01, .tlsALPN01])
            let answered = try await stage.answer(view.authorizations[0])
            #expect(answered.status == .processing)
            #expect(try await stage.workOff() == 1)
            #expect(try await stage.status(view.authorizations[0]) == .valid)
            #expect(try await stage.stored(view).status == .pending)
            try await stage.answer(view.authorizations[1], .dns01)
            #expect(try await stage.workOff() == 1)
            #expect(try await stage.stored(view).status == .ready)
            let challenge = try await stage.challenge(view.authorizations[1], .dns01)
            #expect(challenge.status == .valid && challenge.validatedAt != nil && challenge.error == nil)
            #expect(stage.script.attempts.map(\.type) == [.http01, .dns01])
            #expect(stage.script.attempts.allSatisfy { $0.thumbprint == "thumb-a" && !$0.token.isEmpty })
            #expect(try await stage.audited("acme_challenge_processing") == 2)
            #expect(try await stage.audited("acme_challenge_completed") == 2)
            #expect(try await stage.workOff() == 0)

            // At the same moment, each by another server.
            let pools = [stage.pool("one"), stage.pool("two")]
            for round in 0..<6 {
                let view = try await stage.order(["c\(round).test", "d\(round).test"])
                for authorization in view.authorizations { try await stage.answer(authorization) }
                let jobs = try await [pools[0].claim(.http01, limit: 1), pools[1].claim(.http01, limit: 1)]
                await withTaskGroup(of: Void.self) { group in
                    for (pool, jobs) in zip(pools, jobs) {
                        for job in jobs { group.addTask { await pool.work(on: job) } }
                    }
                }
                #expect(try await stage.stored(view).status == .ready, "round \(round)")
            }
        }
    }

    @Test("a fault that stays ends challenge, authorization and order, and says why", arguments: Engine.available)
    func refusal(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            stage.script.set("b.test", [Self.refused])
            let view = try await stage.order(["a.test", "b.test"])
            for authorization in view.authorizations { try await stage.answer(authorization) }
            #expect(try await stage.workOff() == 2)
            #expect(try await stage.status(view.authorizations[0]) == .valid)
            #expect(try await stage.status(view.authorizations[1]) == .invalid)
            let challenge = try await stage.challenge(view.authorizations[1])
            #expect(challenge.status == .invalid && challenge.validatedAt == nil)
            #expect(challenge.error?["type"]?.stringValue == "urn:ietf:params:acme:error:connection")
            #expect(challenge.error?["subproblems"]?.arrayValue?.count == 1)
            let order = try await stage.stored(view)
            #expect(order.status == .invalid)
            #expect(order.error?["type"]?.stringValue == "urn:ietf:params:acme:error:connection")
            #expect(
                order.error?["subproblems"]?.arrayValue?.first?["identifier"]?["value"]?.stringValue == "b.test")
            #expect(try await stage.audited("acme_order_failed") == 1)
            // An authorization that has ended takes no other answer.
            let late = await #expect(throws: ACMEProblem.self) {
                try await stage.answer(view.authorizations[1], .dns01)
            }
            #expect(late?.kind == .malformed)
            // And a repeated answer changes nothing.
            #expect(try await stage.answer(view.authorizations[1]).status == .invalid)
            #expect(try await stage.workOff() == 0)
        }
    }

    @Test("a fault that may pass is tried again after 2, 5, 10 and 20 s, each told of; then it stays")
    func retries() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            stage.script.set("a.test", [Self.mismatch])
            let view = try await stage.answered("a.test")
            var moments: [Int] = []
            for second in 0..<40 {
                if try await stage.workOff() > 0 {
                    moments.append(second)
                    let challenge = try await stage.challenge(view.authorizations[0])
                    let told = challenge.error?["subproblems"]?.arrayValue
                    #expect(told?.count == moments.count, "\(String(describing: challenge.error))")
                    #expect(challenge.status == (moments.count < 5 ? .processing : .invalid))
                }
                stage.world.clock.advance(by: .seconds(1))
            }
            #expect(moments == [0, 2, 5, 10, 20])
            #expect(try await stage.stored(view).status == .invalid)
            #expect(try await stage.audited("acme_challenge_completed") == 1)

            stage.script.set("b.test", [Self.mismatch, Self.mismatch, nil])
            let lucky = try await stage.answered("b.test")
            for _ in 0..<6 {
                try await stage.workOff()
                stage.world.clock.advance(by: .seconds(1))
            }
            #expect(try await stage.stored(lucky).status == .ready)
            #expect(try await stage.challenge(lucky.authorizations[0]).error == nil)

            stage.script.set("c.test", [Self.mismatch])
            let short = try await stage.answered("c.test")
            let pool = stage.pool("one", change: { $0.validationTimeout = .seconds(4) })
            for _ in 0..<6 {
                try await stage.workOff(pool)
                stage.world.clock.advance(by: .seconds(1))
            }
            #expect(try await stage.stored(short).status == .invalid)
            #expect(stage.script.attempts.filter { $0.name.value == "c.test" }.count == 2)
        }
    }

    @Test(
        "answers at the same moment are one answer, and servers that share a database validate once",
        arguments: Engine.available)
    func once(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let views = try await (0..<12).asyncMap { try await stage.order(["n\($0).test"]) }
            let running = ["one", "two", "three"].map { name in
                let pool = stage.pool(name)
                return Task { await pool.run() }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for view in views {
                    for _ in 0..<3 { group.addTask { _ = try await stage.answer(view.authorizations[0]) } }
                }
                try await group.waitForAll()
            }
            let areReady = try await eventually(within: .seconds(30)) {
                for view in views where try await stage.stored(view).status != .ready { return false }
                return true
            }
            for task in running {
                task.cancel()
                await task.value
            }
            #expect(areReady)
            #expect(stage.script.attempts.count == views.count)
            #expect(try await stage.audited("acme_challenge_processing") == views.count)
            #expect(try await stage.audited("acme_challenge_completed") == views.count)
        }
    }

    @Test("an answer is taken up at once, not when somebody looks", arguments: Engine.available)
    func wakeUp(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let pool = stage.pool()
            let running = Task { await pool.run() }
            // The pool has looked, and waits.
            try await Task.sleep(for: .milliseconds(300))
            let start = ContinuousClock.now
            let view = try await stage.answered("a.test")
            let isReady = try await eventually(within: .seconds(20), every: .milliseconds(10)) {
                try await stage.stored(view).status == .ready
            }
            #expect(
                isReady && ContinuousClock.now - start < .seconds(4), "the next look of its own would come after five")
            running.cancel()
            await running.value
        }
    }

    @Test("what a server was at when it died is taken up by another, and its own late outcome counts for nothing")
    func death() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            let view = try await stage.answered("a.test")
            let (one, two) = (stage.pool("one"), stage.pool("two"))
            let lost = try await one.claim(.http01, limit: 5)
            #expect(lost.count == 1)
            #expect(try await two.claim(.http01, limit: 5).isEmpty)
            stage.world.clock.advance(by: ACMEValidationPool.lease)
            let taken = try await two.claim(.http01, limit: 5)
            #expect(taken.map(\.challenge.attempts) == [2])
            stage.script.set("a.test", [Self.refused, nil])
            await one.work(on: try #require(lost.first))
            #expect(try await stage.stored(view).status == .pending)
            await two.work(on: try #require(taken.first))
            #expect(try await stage.stored(view).status == .ready)
            // Nor does the same server's outcome of an attempt before.
            let other = try await stage.answered("b.test")
            let before = try await one.claim(.http01, limit: 5)
            stage.world.clock.advance(by: ACMEValidationPool.lease)
            let after = try await one.claim(.http01, limit: 5)
            stage.script.set("b.test", [Self.refused, nil])
            await one.work(on: try #require(before.first))
            #expect(try await stage.stored(other).status == .pending)
            await one.work(on: try #require(after.first))
            #expect(try await stage.stored(other).status == .ready)
            // A challenge over which every server dies ends by itself.
            let deadly = try await stage.answered("c.test")
            for _ in 0..<ACMEValidationPool.mostAttempts {
                #expect(try await one.claim(.http01, limit: 5).count == 1)
                stage.world.clock.advance(by: ACMEValidationPool.lease)
            }
            try await stage.workOff(one)
            #expect(try await stage.stored(deadly).status == .invalid)
        }
    }

    @Test("a server that stops gives back what it is at; another goes on at once", arguments: Engine.available)
    func stop(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let begun = Mutex(0)
            let slow = stage.pool(
                "one",
                validate: { _, _ throws(ACMEFault) in
                    begun.withLock { $0 += 1 }
                    do { try await Task.sleep(for: .seconds(60)) } catch {}
                    throw Self.refused
                })
            let running = Task { await slow.run() }
            let view = try await stage.answered("a.test")
            let isAtWork = await eventually { begun.withLock { $0 } == 1 }
            #expect(isAtWork)
            running.cancel()
            await running.value
            #expect(try await stage.stored(view).status == .pending)
            #expect(try await stage.pool("two").claim(.http01, limit: 1).isEmpty)
            try await slow.giveBack()
            try await stage.workOff(stage.pool("two"))
            #expect(try await stage.stored(view).status == .ready)
        }
    }

    @Test("accounts take turns, whoever has many; no more is taken up than there are places")
    func fairness() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            for number in 0..<6 {
                try await stage.answered("many\(number).test", by: "greedy")
                stage.world.clock.advance(by: .milliseconds(10))
            }
            try await stage.answered("one.test", by: "modest")
            let pool = stage.pool()
            let first = try await pool.claim(.http01, limit: 2).map(\.identifier.value)
            #expect(Set(first) == ["many0.test", "one.test"])
            try await stage.answered("two.test", by: "other")
            // Whoever is at work has had its turn.
            #expect(try await pool.claim(.http01, limit: 1).map(\.identifier.value) == ["two.test"])
            #expect(try await pool.claim(.dns01, limit: 9).isEmpty)
            #expect(try await pool.claim(.http01, limit: 3).count == 3)
        }
    }

    @Test("of what was given up or ran out of time nobody asks, and its challenge ends", arguments: Engine.available)
    func unwanted(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let view = try await stage.answered("a.test")
            let account = try await stage.account("a").account
            _ = try await stage.orders.deactivate(view.authorizations[0].text, of: account, from: stage.world.origin)
            #expect(try await stage.workOff() == 1)
            #expect(stage.script.attempts.isEmpty)
            #expect(try await stage.challenge(view.authorizations[0]).status == .invalid)
            #expect(try await stage.status(view.authorizations[0]) == .deactivated)
            guard engine == .sqlite else { return }
            let late = try await stage.answered("b.test")
            stage.world.clock.advance(by: .hours(25))
            #expect(try await stage.workOff() == 1)
            #expect(stage.script.attempts.isEmpty)
            #expect(try await stage.challenge(late.authorizations[0]).status == .invalid)
            let expired = try await stage.order(["c.test"])
            stage.world.clock.advance(by: .hours(25))
            await #expect(throws: ACMEProblem.self) { try await stage.answer(expired.authorizations[0]) }
        }
    }

    @Test(
        "a database that fails at any write leaves no half of an outcome; the next attempt completes it",
        arguments: 1...3)
    func faults(write: Int) async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            let view = try await stage.order(["a.test"])
            stage.world.database.dieAtWrite(write)
            let pool = stage.pool()
            for _ in 0..<2 {
                _ = try? await stage.answer(view.authorizations[0])
                _ = try? await stage.workOff(pool)
                let order = try await stage.stored(view).status
                let authorization = try await stage.status(view.authorizations[0])
                let challenge = try await stage.challenge(view.authorizations[0]).status
                #expect((order == .ready) == (authorization == .valid) && (order == .ready) == (challenge == .valid))
                stage.world.clock.advance(by: ACMEValidationPool.lease)
            }
            #expect(try await stage.stored(view).status == .ready)
            #expect(try await stage.audited("acme_challenge_completed") == 1)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
