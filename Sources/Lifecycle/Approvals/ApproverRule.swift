package import Domain
import Query
import Store

/// Who wants to decide, and by which credential.
package struct Approver: Hashable, Sendable {
    package enum Credential: Hashable, Sendable {
        case apiKey(APIKeyID)
        /// A session of a person, who signed in then.
        case session(signedInAt: Timestamp)
        /// Anything else: it decides nothing.
        case other
    }

    package let actor: Actor
    package let credential: Credential

    package init(_ actor: Actor, _ credential: Credential) {
        self.actor = actor
        self.credential = credential
    }
}

/// The two-person rule (specification, security §8, domain §4.6): compared are the people behind the credentials.
struct ApproverRule: Sendable {
    /// How long somebody who was shown the value of a key counts as able to use it.
    private static let handoverPeriod = Duration.hours(24)
    /// The oldest sign-in by which a person approves.
    private static let longestSession = Duration.hours(12)
    /// Roles of tools. A program that acts on somebody's behalf never approves, whatever its key says.
    private static let toolRoles: Set<String> = ["r-mcp", "r-cli"]

    private let custody = KeyCustodyStore()

    /// Refuses whoever asked, whoever could use the requester's keys, and the owner of the certificate.
    func requireSecondPerson(_ approver: Approver, for approval: Approval, in tx: any Transaction) throws {
        let requester = approval.requestedBy
        var principals: Set<String> = [try custody.principal(of: requester, in: tx)]
        if let first = approval.requesterPrincipal { principals.insert(first) }
        let decider = try custody.principal(of: approver.actor, in: tx)
        guard approver.actor != requester, !principals.contains(decider) else {
            throw Self.refusal("you asked for it yourself")
        }
        let keys = try custody.keys(
            within: requester, ownedBy: principals, since: tx.now - Self.handoverPeriod, in: tx)
        guard !keys.contains(approver.actor.id) else {
            throw Self.refusal("whoever asked made, or was shown, the credential \(approver.actor.id)")
        }
        try requireNotOwner(approver, decider, of: approval, in: tx)
    }

    private func requireNotOwner(
        _ approver: Approver, _ principal: String, of approval: Approval, in tx: any Transaction
    ) throws {
        guard let id = approval.certificateID, let certificate = try CertificateStore().find(id, in: tx),
            let owner = try OwnerStore().find(certificate.fields.ownerID, in: tx)
        else { return }
        let names = [approver.actor.id, String(principal.drop { $0 != ":" }.dropFirst())].map { $0.lowercased() }
        guard !names.contains(owner.name.lowercased()), !names.contains(owner.email.lowercased()) else {
            throw Self.refusal("the certificate \(id.text) is your own")
        }
    }

    /// Refuses tools, keys that are not meant for it, and sessions that are too old.
    func requireFitToApprove(_ approver: Approver, in tx: any Transaction) throws {
        let roles = try GrantStore().holdings(of: approver.actor, in: tx).roleIDs
        if let role = roles.first(where: Self.toolRoles.contains) {
            throw ServiceError(
                .insufficientPermissions, "\(approver.actor.id) holds \(role): tools don't approve, people do")
        }
        switch approver.credential {
        case .apiKey(let id):
            guard try custody.custody(of: id, in: tx).mayApprove else {
                throw ServiceError(
                    .insufficientPermissions,
                    "the key \(approver.actor.id) may not approve; it needs may_approve, given when it is made"
                )
            }
        case .session(let signedInAt):
            guard tx.now - signedInAt <= Self.longestSession else {
                throw ServiceError(.insufficientPermissions, "you signed in more than 12 hours ago; sign in again")
            }
        case .other:
            throw ServiceError(.insufficientPermissions, "\(approver.actor.id) can't approve anything")
        }
    }

    private static func refusal(_ reason: String) -> ServiceError {
        ServiceError(.selfApprovalForbidden, "two-person integrity: \(reason); somebody else has to decide")
    }
}
