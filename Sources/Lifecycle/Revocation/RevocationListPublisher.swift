import ConnectorKit
import Crypto
package import Domain
import Encoding
import PKI
import Query
package import Store
import Synchronization

/// How lists are made (specification, protocol-servers §5.2).
package struct RevocationListPlan: Sendable {
    /// `CERTCTL_CRL_VALIDITY`: from thisUpdate to nextUpdate.
    package var validity = Duration.hours(24)
    /// `CERTCTL_CRL_GENERATION_INTERVAL`: a list is renewed that often although nothing was revoked.
    package var interval = Duration.hours(1)
    /// `CERTCTL_PKI_PUBLIC_URL`, without a slash at its end. Without it there are no shards, since a shard says where it
    /// is published.
    package var publicURL: String?

    /// The end of a last list, which stands for ever (RFC 5280 §4.1.2.5).
    static let end = Timestamp(secondsSinceEpoch: 253_402_300_799)
    /// Whether the lists are the last ones.
    var isLast = false

    package init() {}

    func last(_ isLast: Bool) -> RevocationListPlan {
        var plan = self
        plan.isLast = isLast
        return plan
    }

    func nextUpdate(after now: Timestamp) -> Timestamp { isLast ? Self.end : now + validity }

    /// Where a list is published.
    func location(of authority: AuthorityID, _ scope: RevocationListScope) -> String? {
        guard let publicURL else { return nil }
        let list = "\(publicURL)/.well-known/pki/crl/\(authority.text)"
        return scope == .full ? list : "\(list)/\(scope)"
    }
}

/// Makes the revocation lists of every issuer whose key certctl holds.
///
/// A revocation is on the lists within ten seconds of its commit, with room for a slow signature: the loop looks every
/// ``lookInterval``. Each change costs the entries that changed, one block of entries written, and one hash over
/// the list; never a look at all revoked certificates.
package final class RevocationListPublisher: Sendable {
    package static let lookInterval = Duration.seconds(3)
    /// The time limit of one pass.
    static let budget = Duration.minutes(5)
    /// How long an issuer that failed is left alone.
    private static let failurePause = Duration.minutes(1)

    /// The state of one pass over the lists of an authority.
    struct Work {
        let authority: AuthorityID
        let issuer: IssuerID
        let signing: any RevocationListSigning
        let now: Timestamp
        let plan: RevocationListPlan
        let fence: Fence
        /// Whether there are delta lists to the complete one.
        let hasDelta: Bool
        /// Whether another complete list is made although the first one is good, so that a delta list has a base.
        let mustFollow: Bool
    }

    let context: LifecycleContext
    private let registry: IssuerRegistry
    let leadership: Leadership
    private let shelf: RevocationListShelf
    private let readPlan: @Sendable () -> RevocationListPlan
    private let failed: @Sendable (IssuerID, any Error) -> Void
    let tell: @Sendable (RevocationListAlert) -> Void
    private let release: @Sendable (IntermediateCA) async throws -> Void
    let lists = RevocationListStore()
    /// Who is left alone until when, and why.
    private let paused = Mutex<[AuthorityID: (until: Timestamp, reason: String)]>([:])
    /// The entries of lists that this process made, by their number.
    let held = Mutex<[AuthorityID: [RevocationListScope: (number: Int, blocks: RevocationListBlocks)]]>([:])

    /// - `failed`: Hears of each issuer whose lists could not be made, for the log.
    /// - `tell`: Hears of lists that come to their end while no newer one can be made, and of their successors.
    /// - `release`: Ends the use of the key of a CA that has ended, whose last lists stand.
    package init(
        _ context: LifecycleContext, registry: IssuerRegistry, leadership: Leadership, shelf: RevocationListShelf,
        plan: @autoclosure @escaping @Sendable () -> RevocationListPlan = RevocationListPlan(),
        failed: @escaping @Sendable (IssuerID, any Error) -> Void = { _, _ in },
        tell: @escaping @Sendable (RevocationListAlert) -> Void = { _ in },
        release: @escaping @Sendable (IntermediateCA) async throws -> Void = { _ in }
    ) {
        self.release = release
        self.context = context
        self.registry = registry
        self.leadership = leadership
        self.shelf = shelf
        readPlan = plan
        self.failed = failed
        self.tell = tell
    }

    package var loop: Loop {
        Loop(
            name: .revocationLists, interval: Self.lookInterval, budget: Self.budget, placement: .leader,
            tick: tick)
    }

    /// Makes the lists of one authority that are due, unless it was left alone, and notes why it could not.
    ///
    /// - Throws: What ends the pass over all authorities: leadership that was lost, and cancellation.
    func attempt(_ source: ListSource) async throws -> Int {
        let (authority, issuer, now) = (source.authority, source.issuer, context.time.now)
        if let pause = paused.withLock({ $0[authority] }), now < pause.until, pause.until - now <= Self.failurePause {
            try await alert(of: authority, because: pause.reason)
            return 0
        }
        do {
            let made = try await publish(source, now)
            paused.withLock { $0[authority] = nil }
            return made
        } catch let error as LostLeadership {
            throw error
        } catch {
            try Task.checkCancellation()
            let text = (error as? ServiceError)?.detail ?? (error as? IssuerError)?.message ?? "\(error)"
            let reason = String(text.prefix(1024))
            paused.withLock { $0[authority] = (context.time.now + Self.failurePause, reason) }
            failed(issuer.id, error)
            try await note(failure: reason, of: authority, issuer.id, at: now)
            return 0
        }
    }

    private func publish(_ source: ListSource, _ now: Timestamp) async throws -> Int {
        let (authority, issuer) = (source.authority, source.issuer)
        if let node = source.node, node.state.isFinal, let end = node.notAfter, end <= now {
            try await release(node)
            return 0
        }
        let plan = readPlan().following(RevocationListTerms(of: issuer, source.node)).last(source.isLast)
        try await share(issuer, authority, plan)
        let (rows, lastChange, partitions) = try await context.database.read { [lists] tx in
            (
                try lists.rows(of: authority, in: tx), try RevocationStore().lastChange(of: authority, in: tx),
                plan.publicURL == nil ? [] : try lists.partitions(of: authority, in: tx)
            )
        }
        let known = Dictionary(uniqueKeysWithValues: rows.map { ($0.scope, $0) })
        let scopes =
            [.full]
            + partitions.flatMap { count in
                (0..<count).map { RevocationListScope.shard($0, of: count) }
            }
        let hasDelta =
            plan.publicURL != nil && !plan.isLast && issuer.config.objectValue?["crl_delta"]?.boolValue == true
        if !hasDelta, known[.delta] != nil { try await withdrawDelta(of: authority) }
        var mustFollow = false
        if hasDelta, known[.delta] == nil, let full = known[.full] {
            mustFollow = try await isFirst(full, of: authority)
        }
        let isComplete = known[.delta].map { $0.number == known[.full]?.number } ?? false
        let isQuiet =
            (isComplete || !hasDelta)
            && scopes.allSatisfy { scope in
                guard let row = known[scope] else { return false }
                return row.throughChange >= lastChange && !Self.isDue(row, plan, now)
            }
        if isQuiet {
            if let node = source.node, plan.isLast { try await release(node) }
            return 0
        }
        let connector = try await registry.signer(
            for: issuer.id, source.node?.id, revision: issuer.configRevision)
        guard let signing = connector as? any RevocationListSigning else { return 0 }
        let work = Work(
            authority: authority, issuer: issuer.id, signing: signing, now: now, plan: plan,
            fence: try leadership.fence(), hasDelta: hasDelta, mustFollow: mustFollow)
        let made = try await refresh(scopes, known, through: lastChange, work)
        guard hasDelta else { return made }
        return made + (try await refreshDelta(work) ? 1 : 0)
    }

    /// Notes the shards that an issuer's certificates name from now on; those of before stay.
    private func share(_ issuer: Issuer, _ authority: AuthorityID, _ plan: RevocationListPlan) async throws {
        let wanted = Int(issuer.config.objectValue?["crl_partitions"]?.integerValue ?? 0)
        guard plan.publicURL != nil, (1...RevocationListScope.mostShards).contains(wanted) else { return }
        let isKnown = try await context.database.read { [lists] tx in
            try lists.partitions(of: authority, in: tx).contains(wanted)
        }
        if isKnown { return }
        let fence = try leadership.fence()
        try await context.database.write { [lists] tx in
            try fence.check(in: tx)
            try lists.addPartitions(wanted, of: authority, issuer: issuer.id, in: tx)
        }
    }

    /// Once in an interval, and in good time before the end of the list. A list from the future was made before the
    /// clock was set back, and is replaced too.
    static func isDue(_ row: RevocationListRow, _ plan: RevocationListPlan, _ now: Timestamp) -> Bool {
        if plan.isLast { return row.nextUpdate < RevocationListPlan.end }
        let left = row.nextUpdate - now
        return now - row.thisUpdate >= plan.interval || left < plan.validity / 4 || now >= row.endingAt
            || row.thisUpdate - now > .minutes(5)
    }

    func shelve(_ list: ShelvedList, of authority: AuthorityID) { shelf.place(list, of: authority) }

    private func note(
        failure reason: String, of authority: AuthorityID, _ issuer: IssuerID, at now: Timestamp
    ) async throws {
        let ending = try await context.database.write { [self] tx in
            try lists.recordGeneration(
                of: .full, authority, issuer: issuer, number: nil, through: nil, revokedCount: 0, startedAt: now,
                took: .zero, error: reason, in: tx)
            return try raiseAlerts(of: authority, because: reason, at: now, in: tx)
        }
        for list in ending { tell(.ending(list, because: reason)) }
    }
}

/// Whose lists are made here.
struct ListSource: Sendable {
    let authority: AuthorityID
    let issuer: Issuer
    /// The CA of a tree.
    let node: IntermediateCA?
    /// Whether its lists are the last ones: it is retired, or revoked with nothing left that hangs on it.
    let isLast: Bool
    /// The driver of its key: those of one driver wait for the same devices.
    let driver: String

    /// Every issuer that is one authority, and every CA of a tree whose key is here and that has not ended.
    static func all(in tx: any Transaction) throws -> [ListSource] {
        try IssuerStore().localAuthorities(in: tx).flatMap { issuer -> [ListSource] in
            guard issuer.hierarchyMode == .tree else {
                let stored = try AuthorityStore().find(issuer.id, in: tx)
                let driver = stored?.keyDriver ?? issuer.config.objectValue?["key_driver"]?.stringValue ?? "file"
                return [
                    ListSource(
                        authority: AuthorityID(soleOf: issuer.id), issuer: issuer, node: nil, isLast: false,
                        driver: driver)
                ]
            }
            let nodes = try IntermediateCAStore().all(of: issuer.id, in: tx)
            return try nodes.filter { node in
                node.hasKey && (node.state.isFinal || node.notAfter.map { $0 > tx.now } ?? false)
            }.map { node in
                var isLast = node.state == .retired
                if node.state == .revoked { isLast = try IntermediateCAStore().isDrained(node.id, in: tx) }
                return ListSource(
                    authority: node.id, issuer: issuer, node: node, isLast: isLast,
                    driver: node.keyDriver ?? "")
            }
        }
    }
}
