import Domain
import PKI
import Query
import Store

/// The background work of OCSP: responders are appointed and replaced before anybody waits for one, and answers that are
/// asked for are signed before they age.
package struct OCSPLoops: Sendable {
    private static let batch = 100
    /// How long an answer is kept after its end.
    private static let retention = Duration.days(7)

    private let service: OCSPService
    private let leadership: Leadership

    package init(_ service: OCSPService, leadership: Leadership) {
        self.service = service
        self.leadership = leadership
    }

    package var loops: [Loop] {
        [
            Loop(
                name: .ocspResponders, interval: min(.hours(1), service.plan().rotationGrace / 4),
                budget: .minutes(5), placement: .leader, tick: rotate),
            Loop(
                name: .ocspPresigning, interval: service.plan().presignInterval, budget: .minutes(5),
                placement: .leader, tick: presign),
        ]
    }

    @Sendable
    private func rotate(_: Timestamp) async throws -> LoopOutcome {
        let fence = try leadership.fence()
        let count = try await service.keeper.rotate(
            service.authorities.all(), fence: { try fence.check(in: $0) }, failed: service.observers.failed)
        return LoopOutcome(rows: count)
    }

    /// Signs anew what is asked for and grows old, then forgets what ended long ago.
    @Sendable
    private func presign(_ now: Timestamp) async throws -> LoopOutcome {
        let (plan, store) = (service.plan(), service.store)
        var rows = 0
        while true {
            try Task.checkCancellation()
            let fence = try leadership.fence()
            let due = try await service.context.database.read { tx in
                try store.due(
                    signedBefore: now - plan.presignAge, requestedSince: now - plan.responseValidity * 2,
                    limit: Self.batch, in: tx)
            }
            var signed = 0
            for answer in due where try await renew(answer, fence) { signed += 1 }
            rows += signed
            // What could not be signed stays due, and would come again at once.
            if due.count < Self.batch || signed < due.count { break }
        }
        let purged = try await service.context.database.write { tx in
            try store.purge(endedBefore: tx.now - Self.retention, limit: 10_000, in: tx)
        }
        return LoopOutcome(rows: rows + purged)
    }

    private func renew(_ old: CachedOCSPResponse, _ fence: Fence) async throws -> Bool {
        let store = service.store
        guard case .authority(let authority) = try await service.authorities.find(old.authority.text),
            case .answer(let answer) = try OCSPReply(der: old.response), let certID = answer.responses.first?.certID,
            certID.matches(authority.identity)
        else { return false }
        let subject = try await service.context.database.read { tx in
            try store.subject(
                authority: authority.id, issuer: authority.issuer, serial: old.serialNumber, in: tx)
        }
        guard let subject else { return false }
        do {
            let new = try await service.sign(certID, subject, authority, requestedAt: old.requestedAt)
            return try await service.context.database.write { tx in
                try fence.check(in: tx)
                return try store.put(new, issuer: authority.issuer, in: tx)
            }
        } catch let error as LostLeadership {
            throw error
        } catch {
            service.observers.failed(old.authority, error)
            return false
        }
    }
}
