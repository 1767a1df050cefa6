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

    package init(actor: Actor?, clientAddress: String, operation: String, reason: String, requestID: String) {
        self.actor = actor
        self.clientAddress = clientAddress
        self.operation = operation
        self.reason = reason
        self.requestID = requestID
    }
}
