import ConnectorKit
import Domain
import PKI
import Query
import Store
import Synchronization

extension RevocationListPublisher {
    /// Changes read from the database at a time.
    static let page = 5000

    /// A list that is being made: its entries as they will be.
    private struct Draft {
        let previous: RevocationListRow?
        var blocks: RevocationListBlocks
    }

    /// Brings the lists of an authority up to a change, and renews those that are due.
    ///
    /// - Returns: How many lists were made.
    func refresh(
        _ scopes: [RevocationListScope], _ known: [RevocationListScope: RevocationListRow], through lastChange: Int,
        _ work: Work
    ) async throws -> Int {
        var drafts: [RevocationListScope: Draft] = [:]
        for scope in scopes
        where (scope == .full && work.mustFollow) || known[scope].map({ Self.isDue($0, work.plan, work.now) }) ?? true {
            drafts[scope] = try await draft(scope, known[scope], work)
        }
        var cursor = scopes.map { known[$0]?.throughChange ?? 0 }.min() ?? 0
        while cursor < lastChange {
            try Task.checkCancellation()
            let after = cursor
            let changes = try await context.database.read { tx in
                try RevocationStore().changes(of: work.authority, after: after, limit: Self.page, in: tx)
            }
            guard let last = changes.last else { break }
            for scope in scopes {
                let floor = known[scope]?.throughChange ?? 0
                let own = changes.filter { $0.changeNumber > floor && scope.covers($0) }
                if own.isEmpty { continue }
                var draft = try await draft(scope, known[scope], work, unless: drafts[scope])
                try Self.apply(own, to: &draft.blocks, at: work.now)
                drafts[scope] = draft
            }
            cursor = last.changeNumber
        }
        for scope in scopes where drafts[scope] == nil {
            guard let row = known[scope], row.throughChange < lastChange else { continue }
            try await context.database.write { [lists] tx in
                try work.fence.check(in: tx)
                try lists.advance(scope, of: work.authority, number: row.number, to: lastChange, in: tx)
            }
        }
        var made = 0
        for scope in scopes {
            guard let draft = drafts[scope] else { continue }
            try Task.checkCancellation()
            if try await make(scope, draft, through: max(cursor, lastChange), work) { made += 1 }
        }
        return made
    }

    /// The entries of the list that stands, from memory or else from the database.
    private func draft(
        _ scope: RevocationListScope, _ row: RevocationListRow?, _ work: Work,
        unless present: Draft? = nil
    ) async throws -> Draft {
        if let present { return present }
        guard let row else { return Draft(previous: nil, blocks: RevocationListBlocks()) }
        if let own = held.withLock({ $0[work.authority]?[scope] }), own.number == row.number {
            return Draft(previous: row, blocks: own.blocks)
        }
        let stored = try await context.database.read { [lists] tx in
            try lists.blocks(of: work.authority, scope, in: tx)
        }
        let blocks = RevocationListBlocks(stored.map { RevocationListBlock(entries: $0.entries, count: $0.count) })
        return Draft(previous: row, blocks: blocks)
    }

    /// A serial number that is no certificate's has no entry: nobody could look for it.
    private static func apply(
        _ changes: [Revocation], to blocks: inout RevocationListBlocks, at now: Timestamp
    ) throws {
        let revised = changes.filter(\.isRevised).compactMap { try? SerialNumber(hex: $0.serialNumber) }
        try blocks.remove(Set(revised))
        for change in changes where change.isInForce && !change.isShortLived && change.notAfter > now {
            guard let serial = try? SerialNumber(hex: change.serialNumber) else { continue }
            blocks.append(
                RevocationListEntry(
                    serialNumber: serial, revocationDate: change.revokedAt, reason: change.reason,
                    invalidityDate: change.invalidityDate))
        }
    }

    /// Signs and stores one list, unless another replica was faster.
    private func make(
        _ scope: RevocationListScope, _ draft: Draft, through change: Int, _ work: Work
    ) async throws -> Bool {
        let began = ContinuousClock.now
        var blocks = draft.blocks
        if let previous = draft.previous { try await prune(&blocks, of: previous, work) }
        let number = try await context.database.write { [lists] tx in
            try work.fence.check(in: tx)
            return try lists.takeNumber(of: work.authority, issuer: work.issuer, in: tx)
        }
        let template = try template(scope, number: number, work)
        let (octets, parts) = try await signed(template, blocks, work)
        let (sha256, length) = try await ShelvedList.measure(parts)
        let row = RevocationListRow(
            scope: scope, number: number, throughChange: change, thisUpdate: template.thisUpdate,
            nextUpdate: template.nextUpdate, prunedThrough: draft.previous?.thisUpdate ?? template.thisUpdate,
            revokedCount: blocks.entryCount, length: length, sha256: sha256)
        guard try await store(row, octets, blocks, draft.previous?.number, since: began, work) else { return false }
        blocks.markStored()
        held.withLock { [blocks] in $0[work.authority, default: [:]][scope] = (number, blocks) }
        shelve(ShelvedList(row: row, parts: parts), of: work.authority)
        return true
    }

    /// The octets around the entries, and the whole list in parts.
    func signed(
        _ template: RevocationListTemplate, _ blocks: RevocationListBlocks, _ work: Work
    ) async throws -> (RevocationListOctets, [[UInt8]]) {
        let frame = try template.frame(entryOctets: blocks.octetCount)
        let closed = frame.closed(signature: try await work.signing.signList(frame.permit(blocks)))
        let octets = RevocationListOctets(head: closed.head, tail: closed.tail)
        return (octets, [octets.head] + blocks.blocks.map(\.entries) + [octets.tail])
    }

    func template(_ scope: RevocationListScope, number: Int, _ work: Work) throws -> RevocationListTemplate {
        let issuer = work.signing.listIssuer
        let now = Timestamp(secondsSinceEpoch: work.now.secondsSinceEpoch)
        var template = RevocationListTemplate(
            issuer: issuer.subject, updates: (this: now, next: work.plan.nextUpdate(after: now)),
            number: CRLNumber(UInt64(number)), signatureAlgorithm: issuer.subjectPublicKey.signatureAlgorithm,
            authorityKeyIdentifier: issuer.extensions.subjectKeyIdentifier ?? issuer.subjectPublicKey.keyIdentifier)
        if case .shard = scope, let location = work.plan.location(of: work.authority, scope) {
            template.issuingDistributionPoint = IssuingDistributionPoint(
                urls: [try URIName(location)], coverage: .userCertificates)
        }
        if scope == .full, work.hasDelta, let location = work.plan.location(of: work.authority, .delta) {
            template.freshestCRL = [try URIName(location)]
        }
        return template
    }

    /// Takes out what ended before the list that stands was made: that one had it, so it may go (RFC 5280 §3.3).
    private func prune(
        _ blocks: inout RevocationListBlocks, of previous: RevocationListRow, _ work: Work
    ) async throws {
        let ended = try await context.database.read { tx in
            try RevocationStore().ended(
                of: work.authority, after: previous.prunedThrough, through: previous.thisUpdate, in: tx)
        }
        try blocks.remove(Set(ended.compactMap { try? SerialNumber(hex: $0) }))
    }

    func store(
        _ row: RevocationListRow, _ octets: RevocationListOctets, _ blocks: RevocationListBlocks, _ previous: Int?,
        since began: ContinuousClock.Instant, _ work: Work
    ) async throws -> Bool {
        let changed = blocks.changed.filter { $0 < blocks.blocks.count }.sorted().map { position in
            StoredBlock(
                position: position, count: blocks.blocks[position].count, entries: blocks.blocks[position].entries)
        }
        let (isStored, ended) = try await context.database.write {
            [self, blockCount = blocks.blocks.count] tx -> (Bool, EndingList?) in
            try work.fence.check(in: tx)
            let alerted = try lists.alerted(row.scope, of: work.authority, in: tx)
            let took = ContinuousClock.now - began
            guard
                try lists.store(
                    row, octets, of: work.authority, issuer: work.issuer, replacing: previous, blocks: changed,
                    blockCount: blockCount, took: took, in: tx)
            else { return (false, nil) }
            if let alerted { try recordEnd(of: alerted, .replaced(by: row.number), in: tx) }
            try lists.recordGeneration(
                of: row.scope, work.authority, issuer: work.issuer, number: row.number,
                through: row.throughChange,
                goodUntil: row.scope == .full && !work.plan.isLast ? row.nextUpdate : nil,
                revokedCount: row.revokedCount, startedAt: work.now, took: took, error: nil,
                in: tx)
            return (true, alerted)
        }
        if let ended { tell(.over(ended, .replaced(by: row.number))) }
        return isStored
    }
}
