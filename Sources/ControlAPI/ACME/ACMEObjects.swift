import Domain
import Encoding
import Lifecycle
import Store

/// The objects of the protocol, `status` first (RFC 8555 §7.1, protocol-servers §1.3 rule 4).
enum ACMEObjects {
    /// - `choices`: The profiles that an order may name; empty for none.
    static func directory(
        _ place: ACMEPlace, _ plan: ACMEPlan, _ profile: ACMEProfile, choices: [ACMEProfile]
    ) -> JSONValue {
        var members: JSONObject = [
            "newNonce": .string(place.newNonce), "newAccount": .string(place.newAccount),
            "newOrder": .string(place.newOrder), "revokeCert": .string(place.revoke),
            "keyChange": .string(place.keyChange),
        ]
        if profile.offersPreauthorization { members["newAuthz"] = .string(place.newAuthorization) }
        if plan.offersRenewalInfo { members["renewalInfo"] = .string(place.renewalInfo) }
        var meta = JSONObject()
        meta["termsOfService"] = plan.termsURL.map { .string($0) }
        meta["website"] = plan.website.map { .string($0) }
        if !plan.caaIdentities.isEmpty { meta["caaIdentities"] = JSONValue(plan.caaIdentities) }
        if !choices.isEmpty {
            var profiles = JSONObject()
            for choice in choices {
                let fields = choice.fields
                profiles[choice.id.text] = .string(
                    plain(fields.description.isEmpty ? fields.name : fields.description))
            }
            meta["profiles"] = .object(profiles)
        }
        if plan.requiresBinding(under: profile) { meta["externalAccountRequired"] = true }
        if !meta.isEmpty { members["meta"] = .object(meta) }
        return .object(members)
    }

    /// acme.sh reads the list of profiles up to the first `}`, and splits it at commas (protocol-servers §12.1).
    private static func plain(_ text: String) -> String {
        String(
            text.map { character in
                switch character {
                case ",": ";"
                case "{", "[": "("
                case "}", "]": ")"
                case "\"", "\\": "'"
                default: character.isNewline ? " " : character
                }
            })
    }

    static func account(_ account: ACMEAccount, _ place: ACMEPlace) -> JSONValue {
        var members: JSONObject = ["status": .string(account.status.rawValue)]
        if !account.contact.isEmpty { members["contact"] = JSONValue(account.contact) }
        if account.termsAgreed != nil { members["termsOfServiceAgreed"] = true }
        members["externalAccountBinding"] = account.eabBinding
        members["orders"] = .string(place.orders(of: account.id))
        return .object(members)
    }

    /// - `profile`: That of the directory.
    static func order(
        _ view: ACMEOrderView, _ place: ACMEPlace, under profile: ACMEProfile, at now: Timestamp
    ) -> JSONValue {
        let order = view.order
        let status = order.status(at: now)
        var members: JSONObject = [
            "status": .string(status.rawValue), "expires": .string(time(order.expiresAt)),
            "identifiers": .array(order.identifiers.map(\.json)),
            "authorizations": JSONValue(view.authorizations.map(place.authorization)),
            "finalize": .string(place.finalize(order.id)),
        ]
        members["notBefore"] = order.notBefore.map { .string(time($0)) }
        members["notAfter"] = order.notAfter.map { .string(time($0)) }
        if status == .valid, let version = order.versionID {
            members["certificate"] = .string(place.certificate(version))
        }
        if status == .invalid { members["error"] = order.error ?? ACMEOrder.expiry }
        if order.profileID != profile.id || !profile.fields.acmeProfiles.isEmpty {
            members["profile"] = .string(order.profileID.text)
        }
        members["replaces"] = order.replaces.map { .string($0) }
        return .object(members)
    }

    static func authorization(
        _ view: ACMEAuthorizationView, _ place: ACMEPlace, _ plan: ACMEPlan
    ) -> JSONValue {
        let authorization = view.authorization
        var members: JSONObject = [
            "status": .string(view.status.rawValue), "expires": .string(time(authorization.expiresAt)),
            "identifier": authorization.identifier.json,
            "challenges": .array(shown(view).map { challenge($0, place, plan) }),
        ]
        if authorization.isWildcard { members["wildcard"] = true }
        return .object(members)
    }

    /// Of one that was proved, what was validated; of one that failed, what was tried and failed (RFC 8555 §7.1.4).
    private static func shown(_ view: ACMEAuthorizationView) -> [ACMEChallenge] {
        switch view.authorization.status {
        case .valid: view.challenges.filter { $0.status == .valid }
        case .invalid: view.challenges.filter { $0.status == .invalid }
        case .pending, .deactivated, .expired, .revoked: view.challenges
        }
    }

    static func challenge(_ challenge: ACMEChallenge, _ place: ACMEPlace, _ plan: ACMEPlan) -> JSONValue {
        var members: JSONObject = [
            "status": .string(challenge.status.rawValue), "type": .string(challenge.type.rawValue),
            "url": .string(place.challenge(challenge.id)),
        ]
        if challenge.type == .dnsPersist01 {
            members["issuer-domain-names"] = JSONValue(Array(plan.caaIdentities.prefix(mostIssuers)))
        } else {
            members["token"] = .string(challenge.token)
        }
        members["validated"] = challenge.validatedAt.map { .string(time($0)) }
        members["error"] = challenge.error
        return .object(members)
    }

    /// How many names of this CA a challenge says (draft-ietf-acme-dns-persist).
    private static let mostIssuers = 10

    /// RFC 9773 §4.2.
    static func renewalInfo(_ window: ACMERenewalWindow, _ plan: ACMEPlan) -> JSONValue {
        var members: JSONObject = [
            "suggestedWindow": ["start": .string(time(window.start)), "end": .string(time(window.end))]
        ]
        if window.isUrgent { members["explanationURL"] = plan.website.map { .string($0) } }
        return .object(members)
    }

    /// Whole seconds, UTC (protocol-servers §1.3 rule 5).
    static func time(_ time: Timestamp) -> String {
        Timestamp(secondsSinceEpoch: time.secondsSinceEpoch).rfc3339
    }
}
