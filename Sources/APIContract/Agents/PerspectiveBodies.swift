package import Domain

/// `GET /api/v1/agents/{id}/acme-checks`: proofs of names for an agent to look at.
package struct PerspectiveChecksAnswer: WireValue {
    /// Whether the control plane takes votes of this agent for the perspective.
    package var isAppointed = false
    package var checks: [PerspectiveCheckBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "PerspectiveChecks", "Proofs of names that the agent is to look at.",
        [
            .required(
                "appointed", \.isAppointed, "Whether the settings of the server name the agent for the perspective."),
            .required("checks", \.checks, "Oldest first; each is the agent's to answer."),
        ]
    )
}

/// One proof to look at (RFC 8555 §8).
package struct PerspectiveCheckBody: WireValue {
    package var id = ACMECheckID.unset
    package var purpose = ACMEPerspectivePurpose.proof
    package var type = ACMEChallengeType.http01
    package var identifierType = ACMEName.Kind.dns
    package var identifier = ""
    package var isWildcard = false
    package var token = ""
    package var thumbprint = ""
    package var accountURL = ""
    package var issuers: [String] = []
    /// `nil`: CAA records are not looked at.
    package var accounts: [String]?
    package var patienceMilliseconds = 0

    package init() {}

    package static let contract = Contract<Self>(
        "PerspectiveCheck", "A proof of a name, as the control plane saw it.",
        [
            .required("id", \.id, "What is answered."),
            .defaulted(
                "purpose", \.purpose,
                "proof: the proof, and the CAA records where `accounts` is there. caa: the CAA records alone, of a name that was proved long ago."
            ),
            .required("type", \.type, "The challenge."),
            .required("identifier_type", \.identifierType, "dns or ip."),
            .required("identifier", \.identifier, .text(1...253, example: "www.example.com"), "Without `*.`."),
            .defaulted("wildcard", \.isWildcard, "Whether a certificate for `*.` and the name is wanted."),
            .required("token", \.token, .text(0...256, example: "tok"), "Of the challenge."),
            .required("thumbprint", \.thumbprint, .text(1...128, example: "thumb"), "Of the account's key (RFC 7638)."),
            .defaulted(
                "account_url", \.accountURL, .text(0...2048, example: ""), "The account as its client calls it."),
            .defaulted("issuers", \.issuers, "By which names records mean this CA."),
            .optional(
                "accounts", \.accounts,
                "What CAA records call the account: addresses, or paths below any host. Absent: they are not looked at."
            ),
            .required("patience_ms", \.patienceMilliseconds, "How long the look may take."),
        ]
    )
}

/// `POST /api/v1/agents/{id}/acme-checks/{check_id}`: the vote of an agent.
package struct PerspectiveVoteRequest: WireValue {
    package var verdict = ACMEVerdict.refused
    package var problem: ACMEPerspectiveFault?
    package var detail: String?
    package var digest = ""

    package init() {}

    package static let contract = Contract<Self>(
        "PerspectiveVote", "What an agent saw in the place of a proof.",
        [
            .required("verdict", \.verdict, "confirmed or refused."),
            .optional("problem", \.problem, "Why it is refused, as RFC 8555 §6.7 names it."),
            .optional("detail", \.detail, .text(0...2048, example: ""), "In words, for the audit log."),
            .required(
                "key_authorization_sha256", \.digest, .text(43...43, example: String(repeating: "A", count: 43)),
                "What the agent looked for: SHA-256 of the key authorization, base64url."),
        ]
    )
}

extension ACMEName.Kind: WireEnum {}
extension ACMEPerspectivePurpose: WireEnum {}
extension ACMEVerdict: WireEnum {}
extension ACMEPerspectiveFault: WireEnum {}
