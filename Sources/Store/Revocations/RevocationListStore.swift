package import Domain
package import Query

/// The newest revocation list of each scope (protocol-servers §5.2).
package struct RevocationListStore: Sendable {
    package init() {}

    /// The lists of an authority, without their octets.
    package func rows(of authority: AuthorityID, in tx: any Transaction) throws -> [RevocationListRow] {
        try tx.rows(
            """
            SELECT \(fragment: RevocationListRow.columns) FROM crl_cache WHERE authority_id = \(authority)
            """
        ).map { try RevocationListRow($0) }
    }

    package func row(
        of authority: AuthorityID, _ scope: RevocationListScope, in tx: any Transaction
    ) throws -> RevocationListRow? {
        try tx.row(
            """
            SELECT \(fragment: RevocationListRow.columns) FROM crl_cache
            WHERE authority_id = \(authority) AND scope = \(scope.description)
            """
        ).map { try RevocationListRow($0) }
    }

    /// The complete lists of all authorities, for the figures.
    package func completeLists(in tx: any Transaction) throws -> [(authority: AuthorityID, list: RevocationListRow)] {
        try tx.rows(
            """
            SELECT authority_id, \(fragment: RevocationListRow.columns) FROM crl_cache WHERE scope = 'full'
            ORDER BY authority_id
            """
        ).map { (try $0.id("authority_id"), try RevocationListRow($0)) }
    }

    package func octets(
        of authority: AuthorityID, _ scope: RevocationListScope, in tx: any Transaction
    ) throws -> RevocationListOctets? {
        try tx.row(
            """
            SELECT head_der, tail_der FROM crl_cache
            WHERE authority_id = \(authority) AND scope = \(scope.description)
            """
        ).map { RevocationListOctets(head: try $0.bytes("head_der"), tail: try $0.bytes("tail_der")) }
    }

    /// The blocks of a list in order.
    package func blocks(
        of authority: AuthorityID, _ scope: RevocationListScope, in tx: any Transaction
    ) throws -> [StoredBlock] {
        try tx.rows(
            """
            SELECT block, entry_count, entries FROM crl_blocks
            WHERE authority_id = \(authority) AND scope = \(scope.description) ORDER BY block
            """
        ).map {
            StoredBlock(
                position: try $0.int("block"), count: try $0.int("entry_count"), entries: try $0.bytes("entries"))
        }
    }

    /// The next number of an authority. It is spent by this, whether a list comes of it or not, so that no two lists
    /// ever have the same (RFC 5280 §5.2.3).
    package func takeNumber(of authority: AuthorityID, issuer: IssuerID, in tx: any Transaction) throws -> Int {
        let row = try tx.row(
            """
            INSERT INTO revocation_counters (authority_id, issuer_id, last_crl_number)
            VALUES (\(authority), \(issuer), 1)
            ON CONFLICT (authority_id) DO UPDATE SET last_crl_number = revocation_counters.last_crl_number + 1
            RETURNING last_crl_number
            """
        )
        guard let row else { throw StoreError.notFound(.authority, id: authority.text) }
        return try row.int("last_crl_number")
    }

    /// Has the numbers of an authority that came from elsewhere go on after that of its last list there
    /// (RFC 5280 §5.2.3).
    package func continueNumbers(
        of authority: AuthorityID, issuer: IssuerID, after number: Int, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO revocation_counters (authority_id, issuer_id, last_crl_number)
            VALUES (\(authority), \(issuer), \(number))
            ON CONFLICT (authority_id) DO UPDATE SET last_crl_number = excluded.last_crl_number
            WHERE revocation_counters.last_crl_number < excluded.last_crl_number
            """
        )
    }

    /// Puts a list in the place of the one with the number `previous`.
    ///
    /// - `blocks`: Those that differ from the stored ones; `blockCount` is how many the list has.
    ///
    /// - Returns: Whether it was stored. Not when another replica has put a list there since.
    package func store(
        _ list: RevocationListRow, _ octets: RevocationListOctets, of authority: AuthorityID, issuer: IssuerID,
        replacing previous: Int?, blocks: [StoredBlock], blockCount: Int, took duration: Duration,
        in tx: any Transaction
    ) throws -> Bool {
        let milliseconds = Int(duration / .milliseconds(1))
        let stored = try tx.row(
            """
            INSERT INTO crl_cache (
                authority_id, scope, issuer_id, crl_number, through_change, this_update, next_update, ending_at,
                pruned_through, generated_at, generation_duration_ms, revoked_count, head_der, tail_der, length, sha256
            ) VALUES (
                \(authority), \(list.scope.description), \(issuer), \(list.number),
                \(list.throughChange), \(list.thisUpdate), \(list.nextUpdate), \(list.endingAt),
                \(list.prunedThrough), \(tx.now),
                \(milliseconds), \(list.revokedCount), \(octets.head), \(octets.tail), \(list.length), \(list.sha256)
            )
            ON CONFLICT (authority_id, scope) DO UPDATE SET
                crl_number = excluded.crl_number,
                through_change = excluded.through_change, this_update = excluded.this_update,
                next_update = excluded.next_update, ending_at = excluded.ending_at, alerted_at = NULL,
                pruned_through = excluded.pruned_through,
                generated_at = excluded.generated_at, generation_duration_ms = excluded.generation_duration_ms,
                revoked_count = excluded.revoked_count, head_der = excluded.head_der, tail_der = excluded.tail_der,
                length = excluded.length, sha256 = excluded.sha256
            WHERE crl_cache.crl_number = \(previous ?? -1)
            RETURNING crl_number
            """
        )
        guard stored != nil else { return false }
        try replace(blocks, count: blockCount, of: list, authority, in: tx)
        return true
    }

    private func replace(
        _ blocks: [StoredBlock], count: Int, of list: RevocationListRow, _ authority: AuthorityID,
        in tx: any Transaction
    ) throws {
        for block in blocks {
            _ = try tx.execute(
                """
                INSERT INTO crl_blocks (authority_id, scope, block, entry_count, entries)
                VALUES (
                    \(authority), \(list.scope.description), \(block.position), \(block.count), \(block.entries)
                )
                ON CONFLICT (authority_id, scope, block) DO UPDATE SET
                    entry_count = excluded.entry_count, entries = excluded.entries
                """
            )
        }
        _ = try tx.execute(
            """
            DELETE FROM crl_blocks
            WHERE authority_id = \(authority) AND scope = \(list.scope.description) AND block >= \(count)
            """
        )
    }

    /// Notes that changes up to `change` say nothing about a list, so that they are not looked at again.
    package func advance(
        _ scope: RevocationListScope, of authority: AuthorityID, number: Int, to change: Int, in tx: any Transaction
    ) throws {
        _ = try tx.execute(
            """
            UPDATE crl_cache SET through_change = \(change)
            WHERE authority_id = \(authority) AND scope = \(scope.description) AND crl_number = \(number)
                AND through_change < \(change)
            """
        )
    }

    /// How many shards an authority has or had.
    package func partitions(of authority: AuthorityID, in tx: any Transaction) throws -> [Int] {
        try tx.rows(
            "SELECT partitions FROM crl_partitions WHERE authority_id = \(authority) ORDER BY partitions"
        ).map { try $0.int("partitions") }
    }

    /// Notes that certificates may name one of `count` shards from now on.
    package func addPartitions(
        _ count: Int, of authority: AuthorityID, issuer: IssuerID, in tx: any Transaction
    ) throws {
        _ = try tx.execute(
            """
            INSERT INTO crl_partitions (authority_id, partitions, issuer_id, since)
            VALUES (\(authority), \(count), \(issuer), \(tx.now)) ON CONFLICT DO NOTHING
            """
        )
    }

    // MARK: What happened

    /// - `end`: When a complete list that was made ends; until then somebody may hold it.
    package func recordGeneration(
        of scope: RevocationListScope, _ authority: AuthorityID, issuer: IssuerID, number: Int?, through change: Int?,
        goodUntil end: Timestamp? = nil, revokedCount: Int, startedAt: Timestamp, took duration: Duration,
        error: String?, in tx: any Transaction
    ) throws {
        _ = try tx.execute(
            """
            INSERT INTO crl_generation_events (
                issuer_id, authority_id, scope, crl_number, through_change, next_update, duration_ms, revoked_count,
                started_at, succeeded, error
            ) VALUES (
                \(issuer), \(authority), \(scope.description), \(number), \(change), \(end),
                \(Int(duration / .milliseconds(1))), \(revokedCount), \(startedAt), \(error == nil), \(error)
            )
            """
        )
    }

    /// The complete list that a delta list is to: the newest of those that nobody may hold an older one of any more, or
    /// else the first of all. `nil` when there is none before `number`.
    ///
    /// - `end`: Lists that are good longer may be held by somebody, and so may every one that followed.
    package func base(
        of authority: AuthorityID, below number: Int, endedBy end: Timestamp, in tx: any Transaction
    ) throws -> (number: Int, throughChange: Int)? {
        let held = try tx.row(
            """
            SELECT MIN(crl_number) AS first FROM crl_generation_events
            WHERE authority_id = \(authority) AND scope = 'full' AND succeeded AND next_update > \(end)
            """)?.optionalInt("first")
        let made: SQL = """
            SELECT crl_number, through_change FROM crl_generation_events
            WHERE authority_id = \(authority) AND scope = 'full' AND succeeded AND crl_number < \(number)
                AND through_change IS NOT NULL
            """
        let row =
            try tx.row(
                "\(fragment: made) AND crl_number < \(held ?? number) ORDER BY crl_number DESC LIMIT 1")
            ?? tx.row("\(fragment: made) ORDER BY crl_number LIMIT 1")
        return try row.map { (try $0.int("crl_number"), try $0.int("through_change")) }
    }

    /// Takes away a list that is not made any more.
    package func withdraw(_ scope: RevocationListScope, of authority: AuthorityID, in tx: any Transaction) throws {
        _ = try tx.execute(
            "DELETE FROM crl_cache WHERE authority_id = \(authority) AND scope = \(scope.description)")
    }

    /// Forgets generations that began before `end`, except complete lists that were good after it.
    package func forgetGenerations(before end: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM crl_generation_events WHERE id IN (
                SELECT id FROM crl_generation_events
                WHERE started_at < \(end) AND (next_update IS NULL OR next_update < \(end))
                ORDER BY started_at LIMIT \(limit)
            )
            """
        )
    }
}
