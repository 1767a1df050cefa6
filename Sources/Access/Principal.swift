package import Domain

/// Who makes a request, once a credential was accepted: the only thing that an access decision looks at.
///
/// A principal is a snapshot; it is taken afresh for every request (from a cache of at most 30 seconds).
package struct Principal: Hashable, Sendable {
    package let actor: Actor

    /// The credential that was presented: an `ak-…` row, or an agent's id. `nil` for the control plane itself.
    package let credentialID: String?

    /// Ids of the roles that the actor holds at this moment, sorted.
    package let roleIDs: [String]

    /// What the actor may do everywhere. (Grants narrowed to a profile or an issuer are not effective yet.)
    package let permissions: Set<Permission>

    /// Present when the principal is an agent: it then sees and touches only its own work.
    package let agentID: AgentID?

    package init(
        actor: Actor,
        credentialID: String?,
        roleIDs: [String],
        permissions: Set<Permission>,
        agentID: AgentID? = nil
    ) {
        self.actor = actor
        self.credentialID = credentialID
        self.roleIDs = roleIDs
        self.permissions = permissions
        self.agentID = agentID
    }

    package var isAgent: Bool { agentID != nil }

    package var isAdministrator: Bool { roleIDs.contains(BuiltInRole.admin.rawValue) }

    package func holds(_ permission: Permission) -> Bool { permissions.contains(permission) }

    /// The author of whatever this principal changes in a request.
    package func authorship(from origin: RequestOrigin) -> Authorship { Authorship(actor: actor, origin: origin) }

    /// Refuses with 403 unless the principal holds `permission`.
    package func require(_ permission: Permission) throws(ServiceError) {
        guard holds(permission) else {
            throw ServiceError(.insufficientPermissions, "this needs the permission \(permission.rawValue)")
        }
    }

    /// Refuses with 403 `agent_identity_mismatch` when the principal is an agent other than `agent`.
    ///
    /// A principal that is no agent (an operator acting for one) passes here; its permissions decide.
    package func requireIdentity(of agent: AgentID) throws(ServiceError) {
        guard let agentID, agentID != agent else { return }
        throw ServiceError(
            .agentIdentityMismatch,
            "the credential belongs to agent \(agentID.text), which cannot act as \(agent.text)"
        )
    }
}
