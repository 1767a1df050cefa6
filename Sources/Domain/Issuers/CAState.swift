/// The state of a certification authority in a tree (specification, domain §4.9).
package enum CAState: String, Sendable, CaseIterable {
    /// Its key is here, and its certificate is to come from an authority whose key is elsewhere.
    case pending
    /// Takes the place of another later: it is published and made known as one to trust, and signs nothing but lists.
    case staged
    /// Signs whatever it is for.
    case active
    /// Signs nothing new; its lists and answers go on.
    case retiring
    /// Its last list stands, and its key is destroyed. There is no way back.
    case retired
    /// Its parent answers that it is no good: nothing is signed by it or below it any more. Its lists and answers go on while
    /// something hangs on it, then its key is destroyed. There is no way back.
    case revoked

    /// Whether it still signs revocation lists and appoints who answers for it.
    package var keepsRevocations: Bool { self != .pending && self != .retired }
    /// Whether it has come to its end: there is no way back.
    package var isFinal: Bool { self == .retired || self == .revoked }
}
