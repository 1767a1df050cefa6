package import Domain

/// The inputs of path validation (RFC 5280 §6.1.1) other than path and trust anchors.
package struct PathParameters: Sendable {
    /// Whether certificates must be shown to be unrevoked by the lists that were supplied.
    package enum Revocation: Hashable, Sendable {
        /// No list is looked at.
        case off
        /// Only a list that says "revoked" counts.
        case soft
        /// Every certificate of the path needs lists that cover it.
        case hard
    }

    package var time: Timestamp
    /// Must be allowed by the leaf and by each intermediate that limits purposes.
    package var purpose: OID?
    /// user-initial-policy-set; `nil` is any-policy.
    package var initialPolicies: Set<OID>?
    /// initial-explicit-policy.
    package var requiresExplicitPolicy = false
    /// initial-policy-mapping-inhibit.
    package var inhibitsPolicyMapping = false
    /// initial-any-policy-inhibit.
    package var inhibitsAnyPolicy = false
    /// initial-permitted-subtrees and initial-excluded-subtrees.
    package var nameConstraints: NameConstraints?
    package var revocation = Revocation.off
    package var limits = PathLimits()

    package init(time: Timestamp, purpose: OID? = nil) {
        self.time = time
        self.purpose = purpose
    }
}

/// What one question may cost, however hostile the certificates are (protocol-servers §7 item 1).
package struct PathLimits: Hashable, Sendable {
    /// Certificates in a path, leaf and root included.
    package var depth = 10
    /// Certificates to choose from, roots included.
    package var candidates = 1000
    /// Signatures verified, those of revocation lists included.
    package var signatures = 100
    /// Complete paths validated.
    package var paths = 100
    /// Certificates put on top of a path while searching.
    package var steps = 10_000
    /// Comparisons of a name with a name constraint.
    package var comparisons = 250_000

    package init() {}
}

/// A path that was accepted.
package struct ValidatedPath: Hashable, Sendable {
    /// Leaf first, root last.
    package let certificates: [X509Certificate]
    /// Policies that the authorities of the path agree on; holds anyPolicy when they leave it open.
    package let authorityPolicies: Set<OID>
    /// Those of them that the caller accepts.
    package let userPolicies: Set<OID>

    /// The end of the shortest validity in the path.
    package var notAfter: Timestamp { certificates.map(\.notAfter).min() ?? Timestamp(secondsSinceEpoch: 0) }
}
