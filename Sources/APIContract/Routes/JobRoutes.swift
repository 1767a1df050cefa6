import Domain

/// Jobs and what verification found (specification, rest-api §7.10).
package enum JobRoutes {
    package static let list = ProtectedRoute(
        "listJobs", .get, "/api/v1/jobs", .permission(.jobRead), scope: .list, "Lists jobs, newest first.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("status", JobStatus.allCases.map(\.rawValue), "State."),
            CommonQuery.choice("type", JobType.allCases.map(\.rawValue), "What it does."),
            CommonQuery.id("certificate_id", "Certificate."), CommonQuery.id("target_id", "Target."),
            CommonQuery.id("agent_id", "Agent."), CommonQuery.time("created_after", "Created after."),
            CommonQuery.time("created_before", "Created before."), CommonQuery.search,
        ],
        responses: [.page(of: JobBody.self)], cli: .verb("jobs list")
    )

    package static let get = ProtectedRoute(
        "getJob", .get, "/api/v1/jobs/{id}", .permission(.jobRead), scope: .object,
        "Reads a job with its state changes.",
        responses: [.json(200, JobBody.self, "The job."), .notFound], cli: .verb("jobs get")
    )

    package static let cancel = ProtectedRoute(
        "cancelJob", .post, "/api/v1/jobs/{id}/cancel", .permission(.jobCancel), scope: .object, audit: "job_cancelled",
        "Cancels a job that has not ended.",
        responses: [
            .json(200, StatusAnswer.self, "Cancelled."), .notFound, .error(.invalidState, "It has ended."),
        ],
        cli: .verb("jobs cancel")
    )

    package static let retry = ProtectedRoute(
        "retryJob", .post, "/api/v1/jobs/{id}/retry", .permission(.jobRetry), scope: .object, audit: "job_retry",
        "Tries a failed job again.",
        responses: [
            .json(200, JobBody.self, "The job, pending again."), .notFound,
            .error(.invalidState, "It has not failed."),
        ],
        cli: .verb("jobs retry")
    )

    package static let verify = ProtectedRoute(
        "verifyJob", .post, "/api/v1/jobs/{id}/verify", .permission(.verificationRun), scope: .object, class: .agent,
        audit: "job_verification", "Stores what an endpoint was seen to serve.",
        request: .body(VerifyJobRequest.self),
        responses: [.json(200, VerifyJobAnswer.self, "Stored."), .invalid, .notFound],
        cli: .excluded(reason: "for agents")
    )

    package static let verification = ProtectedRoute(
        "getVerification", .get, "/api/v1/jobs/{id}/verification", .permission(.verificationRead), scope: .object,
        "What the endpoint was seen to serve.",
        responses: [.json(200, VerificationBody.self, "The result."), .notFound], cli: .verb("jobs verification")
    )

    package static let all: [Route] = [
        list.route, get.route, cancel.route, retry.route, verify.route, verification.route,
    ]
}
