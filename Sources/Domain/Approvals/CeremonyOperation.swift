/// What a ceremony does to a CA of a tree (protocol-servers §6.2).
package enum CeremonyOperation: String, Sendable, CaseIterable {
    /// A root or a CA below another is made here, with its key.
    case create
    /// A root that exists elsewhere becomes one of a tree.
    case register
    /// A key is made, and a request for somebody elsewhere to sign.
    case request
    /// The certificate for such a request comes in.
    case certify
    /// A CA that exists comes in with its key.
    case adopt
    /// A CA stops signing.
    case retire
    /// A CA that stopped ends, and its key with it.
    case end
}
