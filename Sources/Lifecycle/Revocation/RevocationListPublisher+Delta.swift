import ConnectorKit
import Domain
import PKI
import Query
import Store

extension RevocationListPublisher {
    /// Makes the delta list that belongs to the complete list that stands: it has its number, and tells what has changed
    /// since a list that is old enough for every relying party whose complete list has not ended (RFC 5280 §5.2.4).
    ///
    /// - Returns: Whether one was made. Not when it is there, or when there is no complete list before.
    func refreshDelta(_ work: Work) async throws -> Bool {
        let began = ContinuousClock.now
        let found = try await context.database.read { [lists] tx -> Found? in
            guard let full = try lists.row(of: work.authority, .full, in: tx) else { return nil }
            let delta = try lists.row(of: work.authority, .delta, in: tx)
            guard delta?.number != full.number,
                let base = try lists.base(
                    of: work.authority, below: full.number, endedBy: full.thisUpdate, in: tx)
            else { return nil }
            return Found(full: full, previous: delta?.number, base: base.number, since: base.throughChange)
        }
        guard let found else { return false }
        let blocks = try await changes(since: found.since, through: found.full.throughChange, work)
        var template = try template(.delta, number: found.full.number, work)
        template.baseNumber = CRLNumber(UInt64(found.base))
        let (octets, parts) = try await signed(template, blocks, work)
        let (sha256, length) = try await ShelvedList.measure(parts)
        let row = RevocationListRow(
            scope: .delta, number: found.full.number, throughChange: found.full.throughChange,
            thisUpdate: template.thisUpdate, nextUpdate: template.nextUpdate,
            prunedThrough: template.thisUpdate, revokedCount: blocks.entryCount, length: length, sha256: sha256)
        guard try await store(row, octets, blocks, found.previous, since: began, work) else { return false }
        shelve(ShelvedList(row: row, parts: parts), of: work.authority)
        return true
    }

    private struct Found: Sendable {
        let full: RevocationListRow
        let previous: Int?
        let base: Int
        let since: Int
    }

    /// Everything that changed, each certificate once, as it is now: revoked, or off the lists again. That a certificate
    /// is off is also told of those that were never on a list, which changes nothing for anybody.
    private func changes(since: Int, through: Int, _ work: Work) async throws -> RevocationListBlocks {
        var blocks = RevocationListBlocks()
        var cursor = since
        while cursor < through {
            try Task.checkCancellation()
            let after = cursor
            let page = try await context.database.read { tx in
                try RevocationStore().changes(of: work.authority, after: after, limit: Self.page, in: tx)
            }
            guard let last = page.last else { break }
            for change in page where change.changeNumber <= through && !change.isShortLived {
                guard let serial = try? SerialNumber(hex: change.serialNumber) else { continue }
                if change.isInForce {
                    guard change.notAfter > work.now else { continue }
                    blocks.append(
                        RevocationListEntry(
                            serialNumber: serial, revocationDate: change.revokedAt, reason: change.reason,
                            invalidityDate: change.invalidityDate))
                } else {
                    blocks.append(
                        RevocationListEntry(
                            serialNumber: serial, revocationDate: change.releasedAt ?? change.revokedAt,
                            reason: .removeFromCRL))
                }
            }
            cursor = last.changeNumber
        }
        return blocks
    }

    /// Whether the complete list that stands has none before it, so that there can be no delta list until another follows.
    func isFirst(_ full: RevocationListRow, of authority: AuthorityID) async throws -> Bool {
        try await context.database.read { [lists] tx in
            try lists.base(of: authority, below: full.number, endedBy: full.thisUpdate, in: tx) == nil
        }
    }

    /// Certificates that name a delta list are told by its absence to go by the complete one.
    func withdrawDelta(of authority: AuthorityID) async throws {
        let fence = try leadership.fence()
        let alerted = try await context.database.write { [self] tx in
            try fence.check(in: tx)
            let alerted = try lists.alerted(.delta, of: authority, in: tx)
            try lists.withdraw(.delta, of: authority, in: tx)
            if let alerted { try recordEnd(of: alerted, .needless, in: tx) }
            return alerted
        }
        if let alerted { tell(.over(alerted, .needless)) }
    }
}
