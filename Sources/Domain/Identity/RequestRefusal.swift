/// A request that was turned away before it could do anything.
package struct RequestRefusal: Hashable, Sendable {
    /// `nil` when nobody was recognised.
    package let actor: Actor?
    package let clientAddress: String
    /// Method and pattern, such as `POST /api/v1/teams/{id}`: never what the client wrote.
    package let operation: String
    /// The code that the client was told.
    package let reason: String
    package let requestID: String
    package let subject: RefusedSubject

    package init(
        actor: Actor?, clientAddress: String, operation: String, reason: String, requestID: String,
        subject: RefusedSubject = .request
    ) {
        self.actor = actor
        self.clientAddress = clientAddress
        self.operation = operation
        self.reason = reason
        self.requestID = requestID
        self.subject = subject
    }
}

/// What was refused, as the audit trail tells it.
package enum RefusedSubject: Hashable, Sendable {
    /// A request like any other.
    case request
    /// A key that asked for an ACME account under a profile (protocol-servers §2.16).
    case acmeAccount(ProfileID)
}
