package import Domain
package import Encoding
package import Store

/// How the ACME server works, as the settings say now (protocol-servers §2.2).
package struct ACMEPlan: Sendable {
    /// `CERTCTL_ACME_SERVER_ENABLED`.
    package var isEnabled = true
    /// `CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID`: what the paths without a profile stand for.
    package var defaultProfile: ProfileID?
    /// `CERTCTL_ACME_SERVER_DEFAULT_AUTH_MODE`: of a profile that is made without one.
    package var defaultMode = ACMEAuthMode.trustAuthenticated
    /// `CERTCTL_ACME_SERVER_NONCE_TTL`.
    package var nonceTTL = Duration.minutes(5)
    /// `CERTCTL_ACME_SERVER_ORDER_TTL`.
    package var orderTTL = Duration.hours(24)
    /// `CERTCTL_ACME_SERVER_AUTHZ_TTL`.
    package var authorizationTTL = Duration.hours(24)
    /// `CERTCTL_ACME_SERVER_TOS_URL`.
    package var termsURL: String?
    /// `CERTCTL_ACME_SERVER_WEBSITE`.
    package var website: String?
    /// `CERTCTL_ACME_SERVER_CAA_IDENTITIES`.
    package var caaIdentities: [String] = []
    /// `CERTCTL_ACME_SERVER_CAA_CHECK`.
    package var caaMode = ACMECAAMode.auto
    /// `CERTCTL_ACME_SERVER_AUTHZ_REUSE`: for how long a proof counts for further orders; zero for never.
    package var authorizationReuse = Duration.zero
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_HOUR`, of an account and name; 0 for no limit.
    package var failuresPerHour = 5
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_NAME_PER_HOUR`, of a name under a profile by all accounts; 0 for
    /// no limit.
    package var nameFailuresPerHour = 50
    /// `CERTCTL_ACME_SERVER_EAB_REQUIRED`.
    package var requiresBinding = false
    /// `CERTCTL_ACME_SERVER_ALLOW_OPEN_TRUST`.
    package var allowsOpenTrust = false
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS`; 0 for no limit.
    package var concurrentOrders = 100
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_NEW_ACCOUNTS_PER_HOUR`, from an address; 0 for no limit.
    package var accountsPerHour = 20
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR`; 0 for no limit.
    package var ordersPerHour = 100
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_KEY_CHANGE_PER_HOUR`; 0 for no limit.
    package var keyChangesPerHour = 5
    /// `CERTCTL_ACME_SERVER_RATE_LIMIT_CHALLENGE_RESPONDS_PER_HOUR`; 0 for no limit.
    package var answersPerHour = 60
    /// `CERTCTL_RETENTION_ACME`: how long orders and accounts are kept that have ended.
    package var retention = Duration.hours(720)
    /// How long a client that finalizes is kept waiting for its certificate, before it is told to poll.
    package var finalizePatience = Duration.seconds(10)
    /// How many accepted orders of a profile may wait until a server has a place for them; further ones stay ready.
    package var waitingOrders = 1024
    /// What this server can validate, and how much of each at a time: `CERTCTL_ACME_SERVER_HTTP01_CONCURRENCY` and so on.
    package var validations: [ACMEChallengeType: Int] = [:]
    /// `CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT`: how long an answered challenge is tried again.
    package var validationTimeout = Duration.seconds(30)
    /// `CERTCTL_ACME_SERVER_PERSPECTIVES`: from where else proofs are looked at; from nowhere when empty.
    package var perspectives: [ACMEPerspective] = []
    /// `CERTCTL_ACME_SERVER_PERSPECTIVE_QUORUM`: how many of them have to confirm; 0 for the rule of SC-067.
    package var perspectiveQuorum = 0
    /// `CERTCTL_SERVER_PUBLIC_URL`, where it is given.
    package var publicURL: String?

    /// What CAA records may call an account, in either spelling (RFC 8657 §3). Without a public URL it may be on any host, and
    /// these are paths: identifiers of accounts are random, and the records name this CA beside it.
    package static func accounts(
        _ account: ACMEAccountID, under profile: ProfileID, at publicURL: String?
    ) -> [String] {
        ["/acme", "/acme/profile/\(profile.text)"].map { "\(publicURL ?? "")\($0)/account/\(account.text)" }
    }

    /// The ways to prove a name under a profile: those that it names, else the ones of RFC 8555 and RFC 8737. Without a name
    /// of this CA there is nothing that a persistent record could say.
    func challengeTypes(under profile: ACMEProfile) -> [ACMEChallengeType] {
        let named = profile.fields.acmeChallengeTypes
        return ACMEChallengeType.allCases.filter { type in
            validations[type] != nil && (named.isEmpty ? type.isStandard : named.contains(type))
                && (type != .dnsPersist01 || !caaIdentities.isEmpty)
        }
    }
    /// From where proofs are looked at under a profile, and how many have to confirm.
    ///
    /// What the profile names and the settings do not is asked in vain: a name that is taken out of the settings by mistake lets
    /// nothing through. Without names the profile has those of the settings, with their quorum unless it has its own.
    func witnesses(under fields: ProfileFields) -> ACMEWitnesses {
        if fields.acmePerspectives == [ACMEPerspective.nobody] { return ACMEWitnesses() }
        guard !fields.acmePerspectives.isEmpty else {
            let quorum = fields.acmePerspectiveQuorum > 0 ? fields.acmePerspectiveQuorum : perspectiveQuorum
            return ACMEWitnesses(perspectives: perspectives, quorum: quorum)
        }
        return ACMEWitnesses(
            perspectives: fields.acmePerspectives.map { name in
                perspectives.first { $0.name == name } ?? ACMEPerspective(name: name, agents: [])
            },
            quorum: fields.acmePerspectiveQuorum)
    }

    /// `CERTCTL_ACME_SERVER_ARI_ENABLED`.
    package var offersRenewalInfo = true
    /// `CERTCTL_ACME_SERVER_ARI_POLL_INTERVAL`.
    package var renewalInfoInterval = Duration.hours(6)

    package init() {}

    /// Whether accounts of a profile need a key that an operator gave out: without a proof of names the account is
    /// all that is trusted (protocol-servers §2.6).
    /// A profile may ask for a key itself, or say expressly that it does without.
    package func requiresBinding(under profile: ACMEProfile) -> Bool {
        requiresBinding
            || profile.fields.acmeRequireEAB ?? (profile.mode == .trustAuthenticated && !allowsOpenTrust)
    }

    /// Whether CAA records decide (protocol-servers §2.9).
    package func checksCAA(under mode: ACMEAuthMode) -> Bool {
        switch caaMode {
        case .off: false
        case .auto: mode == .challenge && !caaIdentities.isEmpty
        case .enforce: true
        }
    }
}

/// Who besides the server looks at a proof.
struct ACMEWitnesses: Hashable, Sendable {
    /// Empty: nobody.
    var perspectives: [ACMEPerspective] = []
    /// How many have to confirm; 0 for the rule of SC-067.
    var quorum = 0

    var count: ACMEQuorum { ACMEQuorum(of: perspectives.count, wanted: quorum) }
}

/// A profile as the ACME server sees it for the time of one request.
package struct ACMEProfile: Sendable {
    /// Of some forty members, which nobody wants to copy for each part of a request.
    private final class Terms: Sendable {
        let fields: ProfileFields

        init(_ fields: ProfileFields) { self.fields = fields }
    }

    package let id: ProfileID
    private let terms: Terms

    package var fields: ProfileFields { terms.fields }

    init(id: ProfileID, fields: ProfileFields) {
        self.id = id
        terms = Terms(fields)
    }

    package var mode: ACMEAuthMode { fields.acmeAuthMode }
    /// Whether names may be authorized ahead of orders; where accounts are trusted there is nothing to prove.
    package var offersPreauthorization: Bool { fields.acmePreauthorization && mode == .challenge }
}

/// The public key of an account.
package struct ACMEAccountKey: Sendable {
    /// RFC 7638, base64url.
    package let thumbprint: String
    /// Public members alone.
    package let jwk: JSONValue
    /// Of its SubjectPublicKeyInfo.
    package let spkiSHA256: String

    package init(thumbprint: String, jwk: JSONValue, spkiSHA256: String) {
        self.thumbprint = thumbprint
        self.jwk = jwk
        self.spkiSHA256 = spkiSHA256
    }
}

/// Who an account is in the audit trail (protocol-servers §1.7).
package enum ACMEActor {
    package static func account(_ id: ACMEAccountID) -> Actor { Actor(id: "acme:\(id.text)", type: .protocol) }

    /// Whether a request came by ACME, also when it waited for an approval or a CA in between.
    static func isAccount(_ actor: Actor) -> Bool { actor.type == .protocol && actor.id.hasPrefix("acme:") }

    /// Somebody who holds the key of a certificate and no account.
    package static func certificateKey(_ serial: String) -> Actor {
        Actor(id: "acme-cert-key:\(serial)", type: .protocol)
    }

    package static let sweeper = Actor(id: "acme-system:gc", type: .system)
}
