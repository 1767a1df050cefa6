package import Domain
package import Encoding

/// What a client decides about a certificate profile.
package struct ProfileFields: Hashable, Sendable {
    package var name: String
    package var description: String
    package var allowedKeys: [KeyRule]
    /// Zero for no cap.
    package var maxTTLSeconds: Int
    /// What a certificate gets; zero for the issuer's own.
    package var defaultTTLSeconds = 0
    /// How long before the issuance the period begins; `nil` for the issuer's own.
    package var backdateSeconds: Int?
    package var allowedEKUs: [String]
    package var ekuCritical = false
    /// Empty for those that follow from the rest.
    package var allowedSANTypes: [SANType] = []
    package var requiredSANPatterns: [String]
    /// Zero for as many as certctl issues.
    package var maxSANs = 0
    package var spiffeURIPattern: String
    /// `nil` leaves the subject to the issuer.
    package var subjectPolicy: SubjectPolicy?
    package var allowShortLived: Bool
    package var mustStaple: Bool
    /// Whether a request may ask for it where not every certificate has it.
    package var mustStapleOnRequest = false
    package var policyOIDs: [String] = []
    /// Names of RFC 5280 §4.2.1.3; empty for those that follow from purposes and key.
    package var keyUsages: [String] = []
    /// `permitted` and `excluded`, each with names by kind, as CAs have them; `nil` for none.
    package var nameConstraints: JSONObject?
    package var keyReuse = KeyReuse.allow
    package var requiredCSRAttributes: [String]
    package var acmeAuthMode: ACMEAuthMode
    /// Whether an ACME account needs a key that an operator gave out; `nil` when the server decides.
    package var acmeRequireEAB: Bool?
    /// Empty for all that the server can do.
    package var acmeChallengeTypes: [ACMEChallengeType] = []
    package var acmeAllowWildcards = true
    package var acmeAllowSingleLabel = false
    /// Whether names may be authorized ahead of an order (RFC 8555 §7.4.1).
    package var acmePreauthorization = false
    /// Other profiles that accounts of this one may order under.
    package var acmeProfiles: [ProfileID] = []
    /// From which perspectives proofs are confirmed; empty for all of the server, ``ACMEPerspective/nobody`` alone for none.
    package var acmePerspectives: [String] = []
    /// How many of them have to confirm; zero leaves it to the rule.
    package var acmePerspectiveQuorum = 0
    /// Orders of all accounts together within an hour; zero for no limit.
    package var acmeOrdersPerHour = 0
    package var requiresApproval: Bool
    package var enabled: Bool
    /// The only issuer under this profile, and the one of what is enrolled by protocols.
    package var issuerID: IssuerID?
    /// The CA of that issuer, a tree, which signs under this profile; `nil` leaves the choice to the issuer.
    package var issuingCAID: AuthorityID?
    /// Whose certificates are that are enrolled by protocols, unless the account says so.
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var renewalPolicyID: RenewalPolicyID?

    /// ``mustStaple`` and ``mustStapleOnRequest`` as one choice.
    package var mustStapleMode: MustStapleMode {
        get { mustStaple ? .required : mustStapleOnRequest ? .allowed : .never }
        set { (mustStaple, mustStapleOnRequest) = (newValue == .required, newValue == .allowed) }
    }

    /// Whether certificates under it are short-lived (specification, domain §3.3): no list has them, and they say so.
    package var isShortLived: Bool { allowShortLived && (1..<3600).contains(maxTTLSeconds) }

    package init(
        name: String,
        description: String = "",
        allowedKeys: [KeyRule] = KeyRule.defaults,
        maxTTLSeconds: Int = 0,
        allowedEKUs: [String] = [ExtendedKeyUsage.serverAuth.rawValue],
        requiredSANPatterns: [String] = [],
        spiffeURIPattern: String = "",
        allowShortLived: Bool = false,
        mustStaple: Bool = false,
        requiredCSRAttributes: [String] = [],
        acmeAuthMode: ACMEAuthMode = .trustAuthenticated,
        requiresApproval: Bool = false,
        enabled: Bool = true
    ) {
        self.name = name
        self.description = description
        self.allowedKeys = allowedKeys
        self.maxTTLSeconds = maxTTLSeconds
        self.allowedEKUs = allowedEKUs
        self.requiredSANPatterns = requiredSANPatterns
        self.spiffeURIPattern = spiffeURIPattern
        self.allowShortLived = allowShortLived
        self.mustStaple = mustStaple
        self.requiredCSRAttributes = requiredCSRAttributes
        self.acmeAuthMode = acmeAuthMode
        self.requiresApproval = requiresApproval
        self.enabled = enabled
    }
}
