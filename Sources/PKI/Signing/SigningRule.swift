/// The rules that a signing process keeps for a key (security §10.5), by the names of its policy, its log and its refusals.
package enum SigningRule: String, Sendable, CaseIterable {
    /// The policy of the key itself cannot be read or is not understood: then it allows nothing.
    case policy
    /// The kinds of structures that the key signs.
    case purposes
    /// The octets are no structure of the kind, or have something in them that is not understood.
    case structure
    /// How long a certificate, a list or an answer may last, and how far ahead of the signer's clock it may end.
    case maxValidity = "max_validity"
    /// `permitted` and `excluded`: the names that a certificate may have, or an authority may certify.
    case names
    case extendedKeyUsages = "ekus"
    case maxPathLength = "max_path_length"
    /// No profile of the policy is for this kind of certificate, or none of several fits.
    case profiles
}
