package import Domain
import Encoding
package import Query

/// A revocation whose issuer is to be told, claimed by one server.
package struct ClaimedNotification: Sendable {
    package let revocation: Revocation
    /// Leaf first; `nil` when the version is gone.
    package let pemChain: String?
    package let upstream: NewVersion.UpstreamName?
}

/// How a notification ends.
package enum NotificationEnd: Hashable, Sendable {
    case done
    case refused(String)
    case expired(String)

    var notification: RevocationNotification {
        switch self {
        case .done: .done
        case .refused: .refused
        case .expired: .expired
        }
    }

    var error: String? {
        switch self {
        case .done: nil
        case .refused(let text), .expired(let text): text
        }
    }
}

/// How many revocations of an issuer it does not know, or does not want to know.
package struct NotificationCount: Hashable, Sendable {
    package let issuerID: IssuerID
    package let notification: RevocationNotification
    package let count: Int
    /// When the first of them was revoked.
    package let oldest: Timestamp
}

/// Telling upstream issuers (issuers §2.9). The row of the revocation is the order: it is written with the revocation, and a
/// claim puts off its next attempt, so that a server that died holds nothing for longer than its lease.
///
/// What an attempt brought is stored only if neither the change nor the attempt is another by then.
extension RevocationStore {
    /// Those that are due, claimed; other servers skip them.
    package func claimNotifications(
        limit: Int, leaseFor lease: Duration, in tx: any Transaction
    ) throws -> [ClaimedNotification] {
        let claimed = try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM certificate_revocations WHERE next_notify_at <= \(tx.now)
                ORDER BY next_notify_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE certificate_revocations SET next_notify_at = \(tx.now + lease),
                notify_attempts = notify_attempts + 1, updated_at = \(tx.now)
            WHERE id IN (SELECT id FROM due) RETURNING \(fragment: Revocation.columns)
            """
        ).map { try Revocation($0) }
        return try claimed.map { revocation in
            let row = try Self.certificate(of: revocation, in: tx)
            let upstream = try row?.optionalText("upstream_id").map { id in
                NewVersion.UpstreamName(id: id, reference: try row?.json("upstream_ref") ?? .object([:]))
            }
            return ClaimedNotification(
                revocation: revocation, pemChain: try row?.text("pem_chain"), upstream: upstream)
        }
    }

    /// What was revoked, and by what its issuer knows it: a version, or what an order was answered with and refused.
    private static func certificate(of revocation: Revocation, in tx: any Transaction) throws -> Row? {
        if let version = revocation.versionID {
            return try tx.row(
                "SELECT pem_chain, upstream_id, upstream_ref FROM certificate_versions WHERE id = \(version)")
        }
        return try tx.row(
            """
            SELECT o.rejected_pem AS pem_chain, o.upstream_order_id AS upstream_id, o.upstream_ref
            FROM certificate_revocations r JOIN issuer_orders o ON o.id = r.order_id
            WHERE r.id = \(revocation.id) AND o.rejected_pem IS NOT NULL
            """
        )
    }

    /// Ends a claim for good.
    ///
    /// - Returns: Whether it was stored; not when the claim was lost, or the revocation changed.
    package func settle(_ claimed: Revocation, _ end: NotificationEnd, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE certificate_revocations SET notification = \(end.notification), next_notify_at = NULL,
                notify_error = \(end.error), notify_ended_at = \(tx.now), updated_at = \(tx.now)
            WHERE \(fragment: Self.isStill(claimed))
            """
        ) == 1
    }

    /// Puts a claim off until `next`.
    ///
    /// - `reference`: What the issuer calls a request that it decides later; `nil` keeps what is known.
    package func postpone(
        _ claimed: Revocation, until next: Timestamp, error: String?, reference: String? = nil,
        in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE certificate_revocations SET next_notify_at = \(next), notify_error = \(error),
                notify_reference = COALESCE(\(reference), notify_reference), updated_at = \(tx.now)
            WHERE \(fragment: Self.isStill(claimed))
            """
        ) == 1
    }

    private static func isStill(_ claimed: Revocation) -> SQL {
        """
        id = \(claimed.id) AND notification = 'pending' AND change_number = \(claimed.changeNumber)
            AND notify_attempts = \(claimed.notifyAttempts)
        """
    }

    /// Has an issuer told at once; the revocation as it is now, and `nil` when there is nothing to tell. What an attempt
    /// under way brings is not stored any more.
    package func renewNotification(_ id: RevocationID, in tx: any Transaction) throws -> Revocation? {
        try tx.row(
            """
            UPDATE certificate_revocations SET notification = 'pending', next_notify_at = \(tx.now),
                notify_attempts = notify_attempts + 1, notify_ended_at = NULL, updated_at = \(tx.now)
            WHERE id = \(id) AND notification IN ('pending', 'refused') AND not_after > \(tx.now)
            RETURNING \(fragment: Revocation.columns)
            """
        ).map { try Revocation($0) }
    }

    /// What is open or refused, by issuer.
    package func notificationCounts(in tx: any Transaction) throws -> [NotificationCount] {
        try tx.rows(
            """
            SELECT issuer_id, notification, COUNT(*) AS n, MIN(revoked_at) AS oldest FROM certificate_revocations
            WHERE notification IN ('pending', 'refused') GROUP BY issuer_id, notification
            ORDER BY issuer_id, notification
            """
        ).map {
            NotificationCount(
                issuerID: try $0.id("issuer_id"), notification: try $0.value("notification"), count: try $0.int("n"),
                oldest: try $0.time("oldest"))
        }
    }
}
