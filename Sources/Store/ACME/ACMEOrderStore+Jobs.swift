package import Domain
package import Query

/// Orders that are being issued, and the jobs under which that happens.
extension ACMEOrderStore {
    /// The jobs under which an account is being issued for; its orders are locked until the transaction ends.
    package func jobs(of account: ACMEAccountID, in tx: any Transaction) throws -> [JobID] {
        let jobs = try tx.rows(
            """
            SELECT job_id FROM acme_orders WHERE account_id = \(account) AND status = 'processing'
            ORDER BY order_id\(lock: .forUpdate)
            """
        ).compactMap { row -> JobID? in try row.optionalID("job_id") }
        return Set(jobs).sorted { $0.text < $1.text }
    }

    /// Orders that wait for what a job comes to.
    package func waiting(for job: JobID, in tx: any Transaction) throws -> [ACMEOrder] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEOrder.columns) FROM acme_orders
            WHERE job_id = \(job) AND status = 'processing' ORDER BY order_id
            """
        ).map { try ACMEOrder($0) }
    }

    /// Orders with the same request that wait for an open job, such as one that nobody has approved yet.
    package func waiting(
        with csrSHA256: String, for certificate: CertificateID, in tx: any Transaction
    ) throws -> [ACMEOrder] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEOrder.columns) FROM acme_orders
            WHERE certificate_id = \(certificate) AND csr_sha256 = \(csrSHA256) AND status = 'processing'
                AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = acme_orders.job_id AND \(fragment: JobStore.isOpen))
            ORDER BY order_id
            """
        ).map { try ACMEOrder($0) }
    }

    /// The CAA records of its names were looked at again.
    package func recordLook(at id: ACMEOrderID, _ time: Timestamp, in tx: any Transaction) throws {
        try tx.execute("UPDATE acme_orders SET caa_seen_at = \(time) WHERE order_id = \(id)")
    }
}
