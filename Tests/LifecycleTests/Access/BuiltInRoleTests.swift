import Access
import Domain
import Testing

@Suite("The seven built-in roles (security §3.2)")
struct BuiltInRoleTests {
    @Test(
        "sizes of the permission sets",
        arguments: [
            (BuiltInRole.admin, 96), (.operator, 49), (.viewer, 19), (.agent, 6), (.mcp, 32), (.cli, 48), (.auditor, 4),
        ]
    )
    func sizes(role: BuiltInRole, count: Int) {
        #expect(role.permissions.count == count)
    }

    @Test("the auditor changes nothing")
    func auditorReads() {
        #expect(BuiltInRole.auditor.permissions == [.auditRead, .auditExport, .authUserRead, .auditVerify])
    }

    @Test("an autonomous tool never approves, and an agent may report what it verified")
    func improvements() {
        #expect(!BuiltInRole.mcp.permissions.contains(.approvalApprove))
        #expect(BuiltInRole.agent.permissions.contains(.verificationRun))
    }

    @Test("only administrators export keys, export the audit trail beside the auditor, or retire agents")
    func administratorsOnly() {
        for role in BuiltInRole.allCases where role != .admin {
            #expect(!role.permissions.contains(.certExportKey))
            #expect(!role.permissions.contains(.agentRetire))
            #expect(role == .auditor || !role.permissions.contains(.auditExport))
        }
    }

    @Test("an agent's principal may act as itself alone")
    func agentIdentity() throws {
        let own = try AgentID("web-01")
        let principal = Principal(
            actor: Actor(id: "web-01", type: .agent),
            credentialID: "web-01",
            roleIDs: [BuiltInRole.agent.rawValue],
            permissions: BuiltInRole.agent.permissions,
            agentID: own
        )
        try principal.requireIdentity(of: own)
        let refusal = try #require(throws: ServiceError.self) {
            try principal.requireIdentity(of: try AgentID("web-02"))
        }
        #expect(refusal.code == .agentIdentityMismatch)
    }
}
