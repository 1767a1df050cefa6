/// Who acts: the type of an audited actor (specification, domain §2).
package enum ActorType: String, Sendable, CaseIterable {
    case user = "User"
    case system = "System"
    case agent = "Agent"
    case apiKey = "APIKey"
    case anonymous = "Anonymous"
    /// A client of an enrolment protocol: it proves itself by the protocol and signs in nowhere.
    case `protocol` = "Protocol"
}

/// An actor as the audit trail names it.
package struct Actor: Hashable, Sendable {
    package let id: String
    package let type: ActorType

    package init(id: String, type: ActorType) {
        self.id = id
        self.type = type
    }

    /// The control plane itself: scheduler, recovery, start-up.
    package static let system = Actor(id: "system", type: .system)
}

/// Where a request came from, recorded with everything that it changes.
package struct RequestOrigin: Hashable, Sendable {
    package let requestID: String
    package let clientAddress: String
    /// `cli`, `mcp`, `web` or `api`, from the client's `User-Agent`.
    package let channel: String
    /// Present when the client sent `Idempotency-Key`: the effect and the key are recorded in one transaction.
    package let idempotency: IdempotencyReference?

    package init(
        requestID: String,
        clientAddress: String,
        channel: String,
        idempotency: IdempotencyReference? = nil
    ) {
        self.requestID = requestID
        self.clientAddress = clientAddress
        self.channel = channel
        self.idempotency = idempotency
    }
}

/// The request that an `Idempotency-Key` belongs to; together with the actor it identifies the key.
package struct IdempotencyReference: Hashable, Sendable {
    package let method: String
    package let path: String
    package let key: String

    package init(method: String, path: String, key: String) {
        self.method = method
        self.path = path
        self.key = key
    }
}

/// An actor together with the origin of the request it makes, and how far the access decision lets it go: what every
/// audited change needs.
package struct Authorship: Hashable, Sendable {
    package let actor: Actor
    package let origin: RequestOrigin?
    package let clearance: Clearance

    package init(actor: Actor, origin: RequestOrigin?, clearance: Clearance) {
        self.actor = actor
        self.origin = origin
        self.clearance = clearance
    }

    package static let system = Authorship(actor: .system, origin: nil, clearance: .system)
}
