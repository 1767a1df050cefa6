package import Domain
package import Query

/// A target with a file of trusted CAs, and a certificate of a tree that is attached to it.
package struct TrustConsumer: Hashable, Sendable {
    package let targetID: TargetID
    package let targetName: String
    package let agentID: AgentID
    package let agentName: String
    package let certificateID: CertificateID
    package let certificateName: String
    /// Whether deployments go to it.
    package let isEnabled: Bool
    /// Since when the certificate of the authority that was asked about is there; `nil` when it is not.
    package let trustedSince: Timestamp?

    init(_ row: Row) throws(DatabaseError) {
        targetID = try row.id("target_id")
        targetName = try row.text("target_name")
        agentID = try row.id("agent_id")
        agentName = try row.text("agent_name")
        certificateID = try row.id("certificate_id")
        certificateName = try row.text("certificate_name")
        isEnabled = try row.bool("enabled")
        trustedSince = try row.optionalTime("reported_at")
    }
}

/// Which CAs the files of trusted CAs of targets hold, as their agents said.
package struct TrustHoldingStore: Sendable {
    package init() {}

    /// Puts down what a target holds by now.
    package func replace(_ target: TargetID, with fingerprints: Set<String>, in tx: any Transaction) throws {
        try forget(target, in: tx)
        guard !fingerprints.isEmpty else { return }
        let rows = fingerprints.sorted().map { print -> SQL in "(\(target), \(print), \(tx.now))" }
        for part in rows.inFewSizes(upTo: 32) {
            try tx.execute(
                """
                INSERT INTO trust_holdings (target_id, cert_sha256, reported_at)
                VALUES \(fragment: SQL.joined(part, by: ", "))
                """)
        }
    }

    package func forget(_ target: TargetID, in tx: any Transaction) throws {
        try tx.execute("DELETE FROM trust_holdings WHERE target_id = \(target)")
    }

    // MARK: Who trusts an authority

    /// How many targets have to trust a certificate of an authority of a tree, and how many of them do not yet.
    package func counts(
        of issuer: IssuerID, certificate: String, in tx: any Transaction
    ) throws -> (all: Int, lacking: Int) {
        let row = try tx.row(
            """
            SELECT COUNT(*) AS n, COUNT(h.target_id) AS held \(fragment: Self.consumers(of: issuer, certificate))
            """)
        let (all, held) = (try row?.int("n") ?? 0, try row?.int("held") ?? 0)
        return (all, all - held)
    }

    /// Those targets, the ones that lack it first.
    package func consumers(
        of issuer: IssuerID, certificate: String, isLacking: Bool, limit: Int, in tx: any Transaction
    ) throws -> [TrustConsumer] {
        let lacking: SQL = isLacking ? " AND h.target_id IS NULL" : ""
        return try tx.rows(
            """
            SELECT d.id AS target_id, d.name AS target_name, a.id AS agent_id, a.name AS agent_name,
                c.id AS certificate_id, c.name AS certificate_name, d.enabled, h.reported_at
            \(fragment: Self.consumers(of: issuer, certificate))\(fragment: lacking)
            ORDER BY CASE WHEN h.target_id IS NULL THEN 0 ELSE 1 END, d.name, d.id, c.id LIMIT \(limit)
            """
        ).map { try TrustConsumer($0) }
    }

    private static func consumers(of issuer: IssuerID, _ certificate: String) -> SQL {
        """
        \(fragment: attachments(of: issuer))
        LEFT JOIN trust_holdings h ON h.target_id = d.id AND h.cert_sha256 = \(certificate)
        WHERE \(fragment: counting(issuer))
        """
    }

    private static func attachments(of issuer: IssuerID) -> SQL {
        """
        FROM deployment_targets d JOIN certificate_target_mappings m ON m.target_id = d.id
        JOIN managed_certificates c ON c.id = m.certificate_id JOIN agents a ON a.id = d.agent_id
        """
    }

    private static func counting(_ issuer: IssuerID) -> SQL {
        """
        d.carries_trust AND d.retired_at IS NULL AND c.issuer_id = \(issuer)
            AND c.status NOT IN ('Archived', 'Revoked')
        """
    }

    // MARK: Whose file is to be written

    /// Targets whose files differ from `bundle`, the fingerprints of what is to be trusted; none of those for which a deployment is
    /// open or was asked for after `since`.
    package func stale(
        of issuer: IssuerID, _ bundle: Set<String>, notTriedAfter since: Timestamp, limit: Int, in tx: any Transaction
    ) throws -> [(certificate: CertificateID, target: TargetID)] {
        guard !bundle.isEmpty else { return [] }
        let wanted = bundle.sorted()
        return try tx.rows(
            """
            SELECT c.id AS certificate_id, d.id AS target_id \(fragment: Self.attachments(of: issuer))
            WHERE \(fragment: Self.counting(issuer)) AND d.enabled
                AND (
                    (SELECT COUNT(*) FROM trust_holdings h WHERE h.target_id = d.id AND h.cert_sha256 IN \(list: wanted))
                        <> \(wanted.count)
                    OR EXISTS (
                        SELECT 1 FROM trust_holdings h WHERE h.target_id = d.id AND h.cert_sha256 NOT IN \(list: wanted))
                )
                AND NOT EXISTS (
                    SELECT 1 FROM jobs j WHERE j.target_id = d.id AND j.certificate_id = c.id AND j.type = 'Deployment'
                        AND (j.created_at > \(since)
                            OR j.status IN ('Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running')))
                AND EXISTS (
                    SELECT 1 FROM certificate_versions v WHERE v.certificate_id = c.id AND v.agent_id = d.agent_id
                        AND v.superseded_at IS NULL AND v.not_after > \(tx.now))
            ORDER BY d.id, c.id LIMIT \(limit)
            """
        ).map { (certificate: try $0.id("certificate_id"), target: try $0.id("target_id")) }
    }

    /// Trees of which some target has to trust the authorities.
    package func trees(in tx: any Transaction) throws -> [IssuerID] {
        try tx.rows(
            """
            SELECT i.id FROM issuers i WHERE i.hierarchy_mode = 'tree' AND EXISTS (
                SELECT 1 FROM deployment_targets d JOIN certificate_target_mappings m ON m.target_id = d.id
                JOIN managed_certificates c ON c.id = m.certificate_id
                WHERE c.issuer_id = i.id AND d.carries_trust AND d.retired_at IS NULL)
            ORDER BY i.id
            """
        ).map { try $0.id("id") }
    }
}
