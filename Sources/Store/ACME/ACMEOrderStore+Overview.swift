package import Domain
package import Query

/// An order as operators see it: with what stands behind it.
package struct ACMEOrderOverview: Hashable, Sendable {
    package let order: ACMEOrder
    /// Where time has brought it.
    package let status: ACMEOrderStatus
    /// Who issued for it; else from whom it is to come. `nil` while there is no certificate yet.
    package let issuerID: IssuerID?

    init(_ row: Row, at now: Timestamp) throws(DatabaseError) {
        order = try ACMEOrder(row)
        status = order.status(at: now)
        issuerID = try row.optionalID("issuer_id")
    }

    /// The version first: the certificate may have come to another issuer since.
    static let columns: SQL = """
        \(fragment: ACMEOrder.columns), COALESCE(
            (SELECT v.issuer_id FROM certificate_versions v WHERE v.id = acme_orders.version_id),
            (SELECT c.issuer_id FROM managed_certificates c WHERE c.id = acme_orders.certificate_id)) AS issuer_id
        """
}

extension ACMEOrderStore {
    package func overview(_ id: ACMEOrderID, in tx: any Transaction) throws -> ACMEOrderOverview? {
        try tx.row("SELECT \(fragment: ACMEOrderOverview.columns) FROM acme_orders WHERE order_id = \(id)")
            .map { try ACMEOrderOverview($0, at: tx.now) }
    }

    package func overviews(
        _ request: ListRequest<ACMEOrderFilter, ACMEOrderSort>, in tx: any Transaction
    ) throws -> Page<ACMEOrderOverview> {
        try listing(request, columns: ACMEOrderOverview.columns, at: tx.now)
            .page(request.page, total: request.total, in: tx) { try ACMEOrderOverview($0, at: tx.now) }
    }
}
