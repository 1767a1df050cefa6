import Domain
import Encoding

/// Agents: what operators see, and what agents do for themselves (specification, rest-api §7.8).
package enum AgentRoutes {
    package static let list = ProtectedRoute(
        "listAgents", .get, "/api/v1/agents", .permission(.agentRead), "Lists agents.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("status", AgentStatus.allCases.map(\.rawValue), "Liveness."),
            QueryParameter("os", .text(1...64, example: "linux"), several: true, "Operating system."),
            QueryParameter("architecture", .text(1...64, example: "amd64"), several: true, "Processor."),
            QueryParameter("version", .text(1...64, example: "1.0.0"), several: true, "Agent version."),
            CommonQuery.search, CommonQuery.flag("include_retired", "Whether retired ones are listed."),
        ],
        responses: [.page(of: AgentBody.self)], cli: .verb("agents list")
    )

    package static let register = EnrolmentRoute(
        "registerAgent", .post, "/api/v1/agents", .agentEdit, audit: "agent_enrolled",
        "Enrols an agent; its credential is shown once.", request: .body(RegisterAgentRequest.self),
        responses: [
            .json(201, RegisterAgentAnswer.self, "The agent with its credential."), .invalid, .nameTaken,
            .error(.unauthenticated, "The token is wrong, used up or expired."),
        ],
        cli: .excluded(reason: "the agent enrols itself")
    )

    package static let retired = ProtectedRoute(
        "listRetiredAgents", .get, "/api/v1/agents/retired", .permission(.agentRead), "Lists retired agents.",
        query: CommonQuery.paging(), responses: [.page(of: AgentBody.self)], cli: .verb("agents list")
    )

    package static let get = ProtectedRoute(
        "getAgent", .get, "/api/v1/agents/{id}", .permission(.agentRead), "Reads an agent, also a retired one.",
        responses: [.json(200, AgentBody.self, "The agent."), .notFound], cli: .verb("agents get")
    )

    package static let retire = ProtectedRoute(
        "retireAgent", .delete, "/api/v1/agents/{id}", .permission(.agentRetire), audit: "agent_retired",
        "Retires an agent for good.",
        query: [
            CommonQuery.flag("force", "Retire its targets and cancel its jobs too; needs a reason."),
            QueryParameter("reason", .text(1...1024, example: "decommissioned"), "Why."),
        ],
        responses: [
            .json(200, RetireAgentAnswer.self, "What was touched."), .noContent, .notFound,
            .error(.sentinelAgent, "The row is reserved."),
            .error(.blockedByDependencies, "It has targets, certificates or open jobs."),
        ],
        cli: .verb("agents retire")
    )

    package static let heartbeat = ProtectedRoute(
        "heartbeat", .post, "/api/v1/agents/{id}/heartbeat", .agentSelf(.agentHeartbeat), class: .agent,
        bodyLimit: 65_536, "A sign of life; extends the leases of running jobs.",
        request: .optionalBody(HeartbeatRequest.self),
        responses: [.json(200, HeartbeatAnswer.self, "Recorded."), .notFound, retiredAgent],
        cli: .excluded(reason: "for agents")
    )

    package static let work = ProtectedRoute(
        "getWork", .get, "/api/v1/agents/{id}/work", .agentSelf(.agentJobPoll), class: .agent, isLongLived: true,
        "Claims deployments and lists jobs that await a CSR.",
        query: [
            QueryParameter("wait", .integer(0...50), default: 0, "Seconds to wait for work."),
            QueryParameter(
                "turn", .count,
                "Rises with every question of the agent. What was given in answer to an earlier one and is not held is given "
                    + "again; without it, when its lease has ended."),
            QueryParameter(
                "held", .id, several: true, "Jobs that the agent has, or has a report about; of use with turn alone."),
        ],
        responses: [.json(200, WorkAnswer.self, "The work."), .notFound, retiredAgent],
        cli: .excluded(reason: "for agents")
    )

    package static let submitCSR = ProtectedRoute(
        "submitAgentCSR", .post, "/api/v1/agents/{id}/csr", .agentSelf(.agentJobPoll), class: .agent,
        audit: "csr_submitted", bodyLimit: 131_072, "Hands in a request for a waiting job.",
        request: .body(AgentCSRRequest.self),
        responses: [
            .json(202, AgentCSRAnswer.self, "Signed, or accepted for later."), .invalid, .notFound, retiredAgent,
            .error(.invalidState, "No job waits for it."),
            .error(.policyViolation, "The request breaks a rule of the profile."),
            .error(.upstreamFailed, "The issuer failed."),
        ],
        cli: .excluded(reason: "for agents")
    )

    package static let certificate = ProtectedRoute(
        "getAgentCertificate", .get, "/api/v1/agents/{id}/certificates/{cert_id}", .agentSelf(.certRead),
        class: .agent, audit: "certificate_retrieved", "Picks up a certificate to deploy.",
        query: [QueryParameter("version_id", .id, "A version; the latest when absent.")],
        responses: [.json(200, AgentCertificateAnswer.self, "The certificate."), .notFound, retiredAgent],
        cli: .excluded(reason: "for agents")
    )

    package static let adopt = ProtectedRoute(
        "adoptAgentKey", .post, "/api/v1/agents/{id}/certificates/{cert_id}/adopt", .agentSelf(.agentJobComplete),
        class: .agent, audit: "certificate_key_adopted", bodyLimit: 131_072,
        "Tells of a certificate that exists already and whose key the agent has; repeating it changes nothing.",
        request: .body(AgentAdoptionRequest.self),
        responses: [
            .json(200, AgentAdoptionAnswer.self, "The version that it is."), .invalid, .notFound, retiredAgent,
            .error(.unprocessable, "Its names are not those of the managed certificate."),
            .error(.invalidState, "The agent holds a newer one, or the certificate belongs to something else."),
        ],
        cli: .excluded(reason: "the agent adopts keys on its host")
    )

    package static let reportStatus = ProtectedRoute(
        "reportJobStatus", .post, "/api/v1/agents/{id}/jobs/{job_id}/status", .agentSelf(.agentJobComplete),
        class: .agent, audit: "job_status_reported", "Reports how a job went; repeating it changes nothing.",
        request: .body(JobStatusReport.self),
        responses: [
            .json(200, StatusAnswer.self, "Stored."), .invalid, .notFound, retiredAgent,
            .error(.invalidState, "The job cannot go there."),
        ],
        cli: .excluded(reason: "for agents")
    )

    package static let perspectiveChecks = ProtectedRoute(
        "getPerspectiveChecks", .get, "/api/v1/agents/{id}/acme-checks", .agentSelf(.agentJobPoll), class: .agent,
        isLongLived: true, "Claims proofs of names to look at from where the agent stands.",
        query: [
            QueryParameter("vantage", .text(1...32, example: "eu"), "The perspective at which the agent stands."),
            QueryParameter("wait", .integer(0...50), default: 0, "Seconds to wait for something to look at."),
        ],
        responses: [.json(200, PerspectiveChecksAnswer.self, "The proofs."), .notFound, retiredAgent],
        cli: .excluded(reason: "for agents")
    )

    package static let perspectiveVote = ProtectedRoute(
        "answerPerspectiveCheck", .post, "/api/v1/agents/{id}/acme-checks/{check_id}", .agentSelf(.agentJobComplete),
        class: .agent, audit: "acme_perspective_answered", bodyLimit: 16_384,
        "Votes on a proof of a name; the same vote again changes nothing.", request: .body(PerspectiveVoteRequest.self),
        responses: [
            .json(200, StatusAnswer.self, "Recorded."), .invalid, .notFound, retiredAgent,
            .error(.invalidState, "It is too late, another vote was given, or another proof was looked for."),
        ],
        cli: .excluded(reason: "for agents")
    )

    package static let rotateKey = ProtectedRoute(
        "rotateAgentKey", .post, "/api/v1/agents/{id}/rotate-key", .ownAgentOr(.agentEdit), class: .agent,
        audit: "agent_key_rotated", "Replaces the credential of an agent.",
        responses: [.json(200, AgentKeyAnswer.self, "The new credential, shown once."), .notFound, retiredAgent],
        cli: .verb("agents rotate-key")
    )

    package static let listTokens = ProtectedRoute(
        "listEnrollmentTokens", .get, "/api/v1/agents/enrollment-tokens", .permission(.agentEdit),
        "Lists enrolment tokens that still work.", query: CommonQuery.paging(),
        responses: [.page(of: EnrollmentTokenBody.self)], cli: .verb("agents tokens list")
    )

    package static let createToken = ProtectedRoute(
        "createEnrollmentToken", .post, "/api/v1/agents/enrollment-tokens", .permission(.agentEdit),
        audit: "enrollment_token_created", "Makes an enrolment token, shown once.",
        request: .optionalBody(CreateEnrollmentTokenRequest.self),
        responses: [.json(201, EnrollmentTokenBody.self, "The token."), .invalid], cli: .verb("agents tokens create")
    )

    package static let deleteToken = ProtectedRoute(
        "deleteEnrollmentToken", .delete, "/api/v1/agents/enrollment-tokens/{token_id}", .permission(.agentEdit),
        audit: "enrollment_token_deleted", "Ends an enrolment token.", responses: [.noContent, .notFound],
        cli: .verb("agents tokens delete")
    )

    package static let all: [Route] = [
        list.route, register.route, retired.route, listTokens.route, createToken.route, deleteToken.route, get.route,
        retire.route, heartbeat.route, work.route, submitCSR.route, certificate.route, adopt.route, reportStatus.route,
        perspectiveChecks.route, perspectiveVote.route, rotateKey.route,
    ]

    private static let retiredAgent = ResponseContent.error(.agentRetired, "The agent was retired; stop for good.")
}
