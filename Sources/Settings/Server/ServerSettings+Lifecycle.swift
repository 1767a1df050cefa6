import Domain

/// Scheduler, jobs, deployments, Local CA (specification, operations §4.7, §4.11).
extension ServerSettings {
    package static let renewalCheckInterval = Setting<Duration>(
        "scheduler.renewal_check_interval",
        .duration.within(.minutes(1) ... .days(7)),
        fallback: .hours(1),
        reload: .hot,
        help: "How often certificates are examined for renewal. Due times of single certificates are kept besides."
    )
    package static let jobProcessorInterval = Setting<Duration>(
        "scheduler.job_processor_interval",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .seconds(30),
        reload: .hot,
        help: "How often jobs are looked for when no wake-up arrives."
    )
    package static let agentHealthCheckInterval = Setting<Duration>(
        "scheduler.agent_health_check_interval",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .minutes(2),
        reload: .hot,
        help: "How often silent agents are marked offline."
    )
    package static let retryInterval = Setting<Duration>(
        "scheduler.retry_interval",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .minutes(5),
        reload: .hot,
        help: "How often failed jobs with attempts left are tried again."
    )
    package static let jobTimeoutInterval = Setting<Duration>(
        "job.timeout_interval",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .minutes(10),
        reload: .hot,
        help: "How often jobs that wait too long are failed."
    )
    package static let awaitingCSRTimeout = Setting<Duration>(
        "job.awaiting_csr_timeout",
        .duration.within(.seconds(1) ... .days(365)),
        fallback: .hours(24),
        reload: .hot,
        help: "How long a job waits for the certificate request of an agent."
    )
    package static let awaitingApprovalTimeout = Setting<Duration>(
        "job.awaiting_approval_timeout",
        .duration.within(.seconds(1) ... .days(365)),
        fallback: .hours(168),
        reload: .hot,
        help: "How long a request waits for the approval of a second person before it expires."
    )
    package static let runningLease = Setting<Duration>(
        "job.running_lease",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .minutes(5),
        reload: .hot,
        help: "How long a worker holds a running job without renewing its claim."
    )
    package static let agentOfflineJobTTL = Setting<Duration>(
        "agent.offline_job_ttl",
        .duration.within(.seconds(1) ... .days(7)),
        fallback: .minutes(5),
        reload: .hot,
        help: "How long running jobs of a silent agent are kept before they fail."
    )
    package static let agentOfflineAfter = Setting<Duration>(
        "agent.offline_after",
        .duration.within(.seconds(1) ... .days(7)),
        fallback: .minutes(5),
        reload: .hot,
        help: "Silence after which an agent counts as offline."
    )
    package static let shortLivedExpiryCheckInterval = Setting<Duration>(
        "short_lived_expiry_check_interval",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .seconds(30),
        reload: .hot,
        help: "How often certificates with a life below an hour are examined for expiry."
    )
    package static let backupRetention = Setting<Int>(
        "deploy.backup_retention",
        .int.within(-1...1000),
        fallback: 3,
        reload: .hot,
        help: "Earlier files that agents keep per target; -1 keeps none and so rules out roll-back, 0 means 3."
    )
    package static let verifyDeployment = Setting<Bool>(
        "verify.deployment",
        .bool,
        fallback: true,
        reload: .hot,
        help: "Agents connect to the deployed endpoint and compare the certificate that it serves."
    )
    package static let verifyTimeout = Setting<Duration>(
        "verify.timeout",
        .duration.within(.milliseconds(100) ... .minutes(10)),
        fallback: .seconds(10),
        reload: .hot,
        help: "Time one look at a deployed endpoint may take."
    )
    package static let verifyDelay = Setting<Duration>(
        "verify.delay",
        .duration.within(.zero ... .minutes(10)),
        fallback: .seconds(2),
        reload: .hot,
        help: "Time between reloading a service and looking at what it serves."
    )
    package static let caCertificatePath = Setting<String?>(
        "ca.cert_path",
        .path,
        derived: "a root is created at first start",
        help: "PEM file with the certificate of a subordinate CA, its issuers after it. Needs the key path too."
    )
    package static let caKeyPath = Setting<String?>(
        "ca.key_path",
        .path,
        help: "PEM file with the private key of the subordinate CA."
    )

    static let lifecycleSettings: [SettingDeclaration] = [
        renewalCheckInterval.declaration, jobProcessorInterval.declaration, agentHealthCheckInterval.declaration,
        retryInterval.declaration, jobTimeoutInterval.declaration, awaitingCSRTimeout.declaration,
        awaitingApprovalTimeout.declaration,
        runningLease.declaration, agentOfflineJobTTL.declaration, agentOfflineAfter.declaration,
        shortLivedExpiryCheckInterval.declaration, backupRetention.declaration, verifyDeployment.declaration,
        verifyTimeout.declaration, verifyDelay.declaration, caCertificatePath.declaration, caKeyPath.declaration,
    ]
}
