package import Domain

/// Who makes a request, once a credential was accepted: the only thing that an access decision looks at.
///
/// A principal is a snapshot; it is taken afresh for every request (from a cache of at most 30 seconds).
package struct Principal: Hashable, Sendable {
    package let actor: Actor

    /// The credential that was presented: an `ak-…` row, an agent's id, or the session of a user. `nil` for the control
    /// plane itself.
    package let credentialID: String?

    /// Ids of the roles that the actor holds at this moment, sorted.
    package let roleIDs: [String]

    /// What the actor may do, and where.
    package let rights: Rights

    /// Present when the principal is an agent: it then sees and touches only its own work.
    package let agentID: AgentID?

    /// The agent that a key which several agents of an earlier fleet share was first used for.
    package let boundAgent: AgentID?

    /// The person behind the credential: a user who signed in, or the owner of an API key.
    package let userID: UserID?

    /// How and when somebody signed in, of a request that came with a session; `nil` for bearer keys and agents.
    package let signIn: SignIn?

    package init(
        actor: Actor,
        credentialID: String?,
        roleIDs: [String],
        rights: Rights,
        agentID: AgentID? = nil,
        boundAgent: AgentID? = nil,
        userID: UserID? = nil,
        signIn: SignIn? = nil
    ) {
        self.actor = actor
        self.credentialID = credentialID
        self.roleIDs = roleIDs
        self.rights = rights
        self.agentID = agentID
        self.boundAgent = boundAgent
        self.userID = userID
        self.signIn = signIn
    }

    /// A principal whose permissions all hold everywhere.
    package init(
        actor: Actor,
        credentialID: String?,
        roleIDs: [String],
        permissions: Set<Permission>,
        agentID: AgentID? = nil
    ) {
        self.init(
            actor: actor,
            credentialID: credentialID,
            roleIDs: roleIDs,
            rights: Rights(permissions.map { Entitlement($0) }),
            agentID: agentID
        )
    }

    /// What the actor may do everywhere.
    package var permissions: Set<Permission> { rights.globalPermissions }

    package var isAgent: Bool { agentID != nil }

    /// Whether the role `r-admin` is held, and everywhere: a narrower grant of it administers nothing but its scope.
    package var isAdministrator: Bool {
        roleIDs.contains(BuiltInRole.admin.rawValue) && holds(.authRoleAssign)
    }

    /// Whether the permission is held everywhere.
    package func holds(_ permission: Permission) -> Bool { rights.reach(of: permission).isEverywhere }

    /// The author of whatever this principal changes in a request, within what was decided about it.
    package func authorship(from origin: RequestOrigin, clearance: Clearance) -> Authorship {
        Authorship(actor: actor, origin: origin, clearance: clearance)
    }

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
