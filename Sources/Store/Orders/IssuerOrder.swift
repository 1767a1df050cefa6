package import Domain
package import Encoding
import Query

/// Where an order at a certification authority stands (specification, issuers §2.4).
package enum OrderState: String, Sendable, CaseIterable, Bindable {
    /// Written before the authority is asked.
    case submitting
    /// Accepted; the certificate comes later.
    case pending
    case issued, failed, cancelled, expired
    /// The process ended between intent and result. The serial number is never used again.
    case abandoned
}

/// What an order is for.
package enum OrderPurpose: String, Sendable, CaseIterable, Bindable {
    case issue, renew, revoke
}

/// An order at a certification authority, as stored.
package struct IssuerOrder: Hashable, Sendable {
    package let id: OrderID
    package let issuerID: IssuerID
    package let certificateID: CertificateID?
    package let jobID: JobID?
    /// The CA of a tree that was chosen to sign; `nil` when the issuer is one authority.
    package let issuingCA: AuthorityID?
    package let purpose: OrderPurpose
    package let idempotencyKey: String
    /// Allocated before signing by a built-in authority; unknown before the answer of an upstream one.
    package let serialNumber: String?
    package let csrPEM: String?
    package let upstreamOrderID: String?
    package let upstreamReference: JSONValue
    package let state: OrderState
    package let attempts: Int
    package let nextPollAt: Timestamp?
    package let deadlineAt: Timestamp?
    package let lastError: String?
    package let rowVersion: Int
    package let createdAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        issuerID = try row.id("issuer_id")
        certificateID = try row.optionalID("certificate_id")
        jobID = try row.optionalID("job_id")
        issuingCA = try row.optionalID("issuing_ca_id")
        purpose = try row.value("kind")
        idempotencyKey = try row.text("idempotency_key")
        serialNumber = try row.optionalText("serial_number")
        csrPEM = try row.optionalText("csr_pem")
        upstreamOrderID = try row.optionalText("upstream_order_id")
        upstreamReference = try row.json("upstream_ref")
        state = try row.value("state")
        attempts = try row.int("attempts")
        nextPollAt = try row.optionalTime("next_poll_at")
        deadlineAt = try row.optionalTime("deadline_at")
        lastError = try row.optionalText("last_error")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
    }
}

/// Why an order at a certification authority came to nothing.
package struct OrderFailure: Hashable, Sendable {
    /// A class of issuer errors, by its name in the API.
    package let errorClass: String
    /// What it is about, by its name; `nil` when nobody can tell.
    package let cause: String?
    package let message: String

    init(_ row: Row) throws(DatabaseError) {
        errorClass = try row.text("error_class")
        cause = try row.optionalText("error_cause")
        message = try row.optionalText("last_error") ?? ""
    }
}

/// The intent to have a certificate issued, recorded before anybody signs.
package struct NewOrder: Sendable {
    package let id: OrderID
    package let issuerID: IssuerID
    package let certificateID: CertificateID?
    package let jobID: JobID?
    package let purpose: OrderPurpose
    /// The same for every repetition of one piece of work.
    package let idempotencyKey: String
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String?
    package let csrPEM: String?
    package let csrSHA256: String
    package let deadlineAt: Timestamp?
    /// The CA of a tree that was chosen to sign.
    package var issuingCA: AuthorityID?
    /// The replica that asks the CA.
    package var holder: String?

    package init(
        id: OrderID,
        issuerID: IssuerID,
        certificateID: CertificateID?,
        jobID: JobID?,
        purpose: OrderPurpose,
        idempotencyKey: String,
        serialNumber: String?,
        csrPEM: String?,
        csrSHA256: String,
        deadlineAt: Timestamp? = nil
    ) {
        self.id = id
        self.issuerID = issuerID
        self.certificateID = certificateID
        self.jobID = jobID
        self.purpose = purpose
        self.idempotencyKey = idempotencyKey
        self.serialNumber = serialNumber
        self.csrPEM = csrPEM
        self.csrSHA256 = csrSHA256
        self.deadlineAt = deadlineAt
    }
}
