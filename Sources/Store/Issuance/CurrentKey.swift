package import Domain
package import Query

/// The key of a certificate's current version, and the request that it came with: what the next renewal is expected to
/// look like.
package struct CurrentKey: Hashable, Sendable {
    package let certificateID: CertificateID
    /// The agent that holds the key; `nil` when a client does, or the server.
    package let agentID: AgentID?
    package let algorithm: KeyAlgorithm
    package let size: Int
    /// `nil` for what was imported.
    package let csrPEM: String?
    /// Whoever asked for the version; `nil` when its job is gone, or there was none.
    package let requestedBy: Actor?
    /// How many versions have this key, of any certificate.
    package let versions: Int

    /// The current keys of several certificates, in one statement.
    package static func read(
        of certificates: [CertificateID], in tx: any Transaction
    ) throws -> [CertificateID: [CurrentKey]] {
        guard !certificates.isEmpty else { return [:] }
        let rows = try tx.rows(
            """
            SELECT v.certificate_id, v.agent_id, v.key_algorithm, v.key_size, v.csr_pem, j.requested_by,
                j.requested_by_type,
                (SELECT COUNT(*) FROM certificate_versions o WHERE o.spki_sha256 = v.spki_sha256) AS versions
            FROM certificate_versions v LEFT JOIN jobs j ON j.id = v.job_id
            WHERE v.certificate_id IN \(list: certificates) AND v.superseded_at IS NULL
            ORDER BY v.certificate_id, v.created_at, v.id
            """
        )
        return Dictionary(grouping: try rows.map { try CurrentKey($0) }, by: \.certificateID)
    }

    private init(_ row: Row) throws(DatabaseError) {
        certificateID = try row.id("certificate_id")
        agentID = try row.optionalID("agent_id")
        algorithm = try row.value("key_algorithm")
        size = try row.int("key_size")
        csrPEM = try row.optionalText("csr_pem")
        let type: ActorType? = try row.optionalValue("requested_by_type")
        requestedBy = try row.optionalText("requested_by").flatMap { id in type.map { Actor(id: id, type: $0) } }
        versions = try row.int("versions")
    }
}
