package import Domain
import Query

extension RevocationListScope {
    /// Whether a list of this scope has to say something about a certificate.
    package func covers(_ revocation: Revocation) -> Bool {
        switch self {
        case .full, .delta: true
        case .shard(_, let count): !revocation.isCA && Self(shardOf: revocation.serialNumber, among: count) == self
        }
    }
}

/// What is known of a list without its octets.
package struct RevocationListRow: Hashable, Sendable {
    package let scope: RevocationListScope
    package let number: Int
    /// The newest change that the list has taken into account.
    package let throughChange: Int
    package let thisUpdate: Timestamp
    package let nextUpdate: Timestamp
    /// Since when it is known that no newer one can be made although this one comes to its end; `nil` while all is well.
    package let alertedAt: Timestamp?
    /// Certificates that ended by then have left the list.
    package let prunedThrough: Timestamp
    package let revokedCount: Int
    /// Octets of the whole list.
    package let length: Int
    /// Lower-case hexadecimal digest of the whole list.
    package let sha256: String

    /// From when on less than a quarter of its validity is left (protocol-servers §5.2).
    package var endingAt: Timestamp { nextUpdate - (nextUpdate - thisUpdate) / 4 }

    package init(
        scope: RevocationListScope, number: Int, throughChange: Int, thisUpdate: Timestamp,
        nextUpdate: Timestamp, prunedThrough: Timestamp, revokedCount: Int, length: Int, sha256: String
    ) {
        self.scope = scope
        self.number = number
        self.throughChange = throughChange
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
        alertedAt = nil
        self.prunedThrough = prunedThrough
        self.revokedCount = revokedCount
        self.length = length
        self.sha256 = sha256
    }

    static let columns: SQL = """
        scope, crl_number, through_change, this_update, next_update, alerted_at, pruned_through,
        revoked_count, length, sha256
        """

    init(_ row: Row) throws {
        let text = try row.text("scope")
        guard let scope = RevocationListScope(text) else { throw StoreError.notFound(.authority, id: text) }
        self.scope = scope
        number = try row.int("crl_number")
        throughChange = try row.int("through_change")
        thisUpdate = try row.time("this_update")
        nextUpdate = try row.time("next_update")
        alertedAt = try row.optionalTime("alerted_at")
        prunedThrough = try row.time("pruned_through")
        revokedCount = try row.int("revoked_count")
        length = try row.int("length")
        sha256 = try row.text("sha256")
    }
}

/// The octets of a list around its entries.
package struct RevocationListOctets: Hashable, Sendable {
    package let head: [UInt8]
    package let tail: [UInt8]

    package init(head: [UInt8], tail: [UInt8]) {
        self.head = head
        self.tail = tail
    }
}

/// The entries of one block of a list.
package struct StoredBlock: Hashable, Sendable {
    package let position: Int
    package let count: Int
    package let entries: [UInt8]

    package init(position: Int, count: Int, entries: [UInt8]) {
        self.position = position
        self.count = count
        self.entries = entries
    }
}
