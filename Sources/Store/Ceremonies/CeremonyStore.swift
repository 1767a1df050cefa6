package import Domain
import Encoding
package import Query

extension CeremonyOperation: Bindable {}

/// What was done to a CA, by whom and with whose agreement: signed, and kept whatever becomes of the CA.
package struct Ceremony: Hashable, Sendable {
    package let id: CeremonyID
    package let issuerID: IssuerID
    package let authorityID: AuthorityID
    package let operation: CeremonyOperation
    /// The approval that it used up; `nil` where nobody had to agree.
    package let approvalID: ApprovalID?
    /// Canonical JSON (RFC 8785): what is signed.
    package let record: String
    /// The key that signed: one of the audit log's.
    package let keyID: String
    package let signature: String
    package let createdAt: Timestamp

    package init(
        id: CeremonyID, _ terms: CeremonyTerms, on authority: AuthorityID, approval: ApprovalID?, record: String,
        keyID: String, signature: String, at time: Timestamp
    ) {
        self.id = id
        issuerID = terms.issuerID
        authorityID = authority
        operation = terms.operation
        approvalID = approval
        self.record = record
        self.keyID = keyID
        self.signature = signature
        createdAt = time
    }

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        issuerID = try row.id("issuer_id")
        authorityID = try row.id("authority_id")
        operation = try row.value("operation")
        approvalID = try row.optionalID("approval_id")
        record = try row.text("record")
        keyID = try row.text("key_id")
        signature = try row.text("signature")
        createdAt = try row.time("created_at")
    }
}

/// The ceremonies of CAs. Rows are added and never change.
package struct CeremonyStore: Sendable {
    package init() {}

    /// The most that one CA is answered with: it has a handful in its life.
    private static let most = 1000
    private static let columns: SQL = """
        id, issuer_id, authority_id, operation, approval_id, record, key_id, signature, created_at
        """
    private static let rules = [
        UniqueRule(constraint: "ca_ceremonies_approval_key", entity: .approval, field: "approval_id")
    ]

    /// Throws ``StoreError`` `alreadyExists` for an approval that another ceremony used up.
    package func insert(_ new: Ceremony, in tx: any Transaction) throws {
        _ = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO ca_ceremonies (
                    id, issuer_id, authority_id, operation, approval_id, record, key_id, signature, created_at
                ) VALUES (
                    \(new.id), \(new.issuerID), \(new.authorityID), \(new.operation), \(new.approvalID),
                    \(new.record), \(new.keyID), \(new.signature), \(new.createdAt)
                ) RETURNING id
                """
            )
        }
    }

    /// The oldest first.
    package func all(of authority: AuthorityID, in tx: any Transaction) throws -> [Ceremony] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM ca_ceremonies WHERE authority_id = \(authority)
            ORDER BY created_at, id LIMIT \(Self.most)
            """
        ).map { try Ceremony($0) }
    }

    /// What used an approval up.
    package func find(approval: ApprovalID, in tx: any Transaction) throws -> Ceremony? {
        try tx.row("SELECT \(fragment: Self.columns) FROM ca_ceremonies WHERE approval_id = \(approval)")
            .map { try Ceremony($0) }
    }
}
