import Domain
import Query
import Store

/// Looks at CAA records from the perspectives once more, when names were proved too long ago (RFC 8659 §4; ballot SC-067).
extension ACMEPerspectiveFlow {
    /// Asks every perspective about the CAA records of names that the caller has looked at, and waits until it is decided or nobody can
    /// be waited for any longer.
    ///
    /// - `challenges`: By which the names were proved.
    /// - `thumbprint`: Of the key of their account.
    /// - Returns: What was said of each challenge; of one that is gone, that nobody answered.
    func askAboutCAA(
        _ challenges: [ACMEChallengeID], thumbprint: String, of witnesses: ACMEWitnesses
    ) async throws -> [ACMEChallengeID: ACMEPerspectiveTally] {
        let questions = challenges.flatMap { challenge in
            witnesses.perspectives.map {
                (id: context.newID(ACMECheckID.self), challenge: challenge, perspective: $0.name)
            }
        }
        let alarm = Alarm()
        // Subscribed before anybody can answer.
        let signals = context.database.signals(on: .perspectives)
        let start = ContinuousClock.now
        let rounds = try await context.write { tx in
            try store.askAboutCAA(questions, thumbprint: thumbprint, until: tx.now + patience, in: tx)
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { alarm.ring() } }
            defer { group.cancelAll() }
            while true {
                let rest = patience - (ContinuousClock.now - start)
                let tallies = try await tallies(challenges, in: rounds, witnesses, isOver: rest <= .zero)
                guard rest > .zero, tallies.values.contains(where: { $0.decision == .open }) else { return tallies }
                await alarm.wait(atMost: min(rest, Self.recheckInterval), by: .system)
                try Task.checkCancellation()
            }
        }
    }

    private func tallies(
        _ challenges: [ACMEChallengeID], in rounds: [ACMEChallengeID: Int], _ witnesses: ACMEWitnesses, isOver: Bool
    ) async throws -> [ACMEChallengeID: ACMEPerspectiveTally] {
        let votes = try await context.read { tx in
            try challenges.map { challenge in
                try rounds[challenge].map { round in
                    try store.votes(on: challenge, .caa, attempt: round, in: tx)
                } ?? []
            }
        }
        var tallies: [ACMEChallengeID: ACMEPerspectiveTally] = [:]
        for (challenge, votes) in zip(challenges, votes) {
            tallies[challenge] = ACMEPerspectiveTally(votes, of: witnesses, isOver: isOver)
        }
        return tallies
    }
}
