import Domain
import PKI
import Query
import Store
import Synchronization

/// The background work of OCSP: responders are appointed and replaced before anybody waits for one, and answers that are
/// asked for are signed before they age.
package final class OCSPLoops: Sendable {
    private static let batch = 100
    /// Authorities that are served at a time.
    private static let width = 8
    /// Answers of one authority that may fail before the rest of them is left to the next look.
    private static let mostFailures = 3
    /// How long an answer is kept after its end.
    private static let retention = Duration.days(7)

    private let service: OCSPService
    private let leadership: Leadership
    /// Who could not sign at the last look.
    private let failing = Mutex<Set<AuthorityID>>([])

    package init(_ service: OCSPService, leadership: Leadership) {
        self.service = service
        self.leadership = leadership
    }

    package var loops: [Loop] {
        let plan = service.plan
        return [
            Loop(
                name: .ocspResponders, interval: min(.hours(1), plan().rotationGrace / 4), budget: .minutes(5),
                placement: .leader, tick: rotate),
            Loop(
                name: .ocspPresigning, interval: plan().presignInterval, budget: .minutes(5), placement: .leader,
                tick: presign),
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
    ///
    /// Authorities are served side by side, those that could not sign the last time after all others, so that one that
    /// cannot sign keeps none of the others from it.
    @Sendable
    private func presign(_ now: Timestamp) async throws -> LoopOutcome {
        let (plan, store) = (service.plan(), service.store)
        let window = Window(
            signedBefore: now - plan.presignAge, requestedSince: now - plan.responseValidity * 2,
            fence: try leadership.fence())
        let due = try await service.context.database.read { tx in
            try store.dueAuthorities(
                signedBefore: window.signedBefore, requestedSince: window.requestedSince, in: tx)
        }
        let failing = failing.withLock { $0 }
        let ordered = due.filter { !failing.contains($0) } + due.filter { failing.contains($0) }
        let rows = try await withThrowingTaskGroup(of: Int.self) { group in
            var rows = 0
            for (index, authority) in ordered.enumerated() {
                if index >= Self.width { rows += try await group.next() ?? 0 }
                group.addTask { try await self.presign(authority, window) }
            }
            for try await count in group { rows += count }
            return rows
        }
        let purged = try await service.context.database.write { tx in
            try store.purge(endedBefore: tx.now - Self.retention, limit: 10_000, in: tx)
        }
        return LoopOutcome(rows: rows + purged)
    }

    private struct Window: Sendable {
        let signedBefore: Timestamp
        let requestedSince: Timestamp
        let fence: Fence
    }

    /// Goes through the answers of one authority once; what could not be signed is the next look's.
    private func presign(_ authority: AuthorityID, _ window: Window) async throws -> Int {
        let store = service.store
        var (signed, failures) = (0, 0)
        var last: CachedOCSPResponse?
        while true {
            try Task.checkCancellation()
            let page = try await service.context.database.read { [last] tx in
                try store.due(
                    of: authority, signedBefore: window.signedBefore, requestedSince: window.requestedSince,
                    after: last, limit: Self.batch, in: tx)
            }
            for answer in page {
                do {
                    if try await renew(answer, window.fence) { signed += 1 }
                } catch let error as LostLeadership {
                    throw error
                } catch {
                    try Task.checkCancellation()
                    service.observers.failed(authority, error)
                    failures += 1
                    // It is not about one answer, then; each attempt may take as long as a device may.
                    guard failures < Self.mostFailures else {
                        failing.withLock { _ = $0.insert(authority) }
                        return signed
                    }
                }
            }
            last = page.last
            if page.count < Self.batch { break }
        }
        failing.withLock { _ = $0.remove(authority) }
        return signed
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
        let new = try await service.sign(certID, subject, authority, requestedAt: old.requestedAt)
        return try await service.context.database.write { tx in
            try fence.check(in: tx)
            return try store.put(new, issuer: authority.issuer, in: tx)
        }
    }
}
