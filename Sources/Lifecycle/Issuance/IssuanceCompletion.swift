package import ConnectorKit
package import Domain
import Encoding
import PKI
import Query
import Store

/// The second half of every issuance: what the CA answered becomes one transaction, whoever asked it.
struct IssuanceCompletion: Sendable {
    private let context: LifecycleContext
    private let renewals: RenewalOutcome
    private let installation: VersionInstallation
    private let jobs = JobStore()
    private let orders = OrderStore()

    init(_ context: LifecycleContext) {
        self.context = context
        renewals = RenewalOutcome(context)
        installation = VersionInstallation(context)
    }

    /// What the CA is asked for.
    func request(for intent: IssuanceIntent) -> IssuanceRequest {
        IssuanceRequest(
            idempotencyKey: intent.order.text,
            certificateID: intent.subject.certificate.id,
            commonName: intent.subject.certificate.fields.commonName,
            subjectAltNames: intent.names,
            csr: intent.csr,
            serialNumber: intent.serialNumber,
            limits: IssuanceLimits(intent.template)
        )
    }

    /// Stores what came back, or parks the order. An answer that is not what was ordered fails it, and the evidence
    /// stays in the audit trail.
    func apply(
        _ outcome: IssuanceOutcome,
        of connector: any IssuerConnector,
        to intent: IssuanceIntent
    ) async throws -> IssuanceAnswer {
        switch outcome {
        case .issued(let issued):
            let authority = issued.chain.isEmpty ? try await connector.authorityChain() : []
            let faults = IssuanceCheck.faults(
                of: issued,
                for: request(for: intent),
                authority: authority,
                now: context.time.now
            )
            guard faults.isEmpty else { throw try await reject(issued, faults, intent) }
            let findings = context.linter.findings(
                in: issued.leaf, issuer: issued.chain.first ?? authority.first,
                isOurs: intent.subject.issuerType == .genericCA)
            let version: IssuedVersion
            do {
                version = try await context.writeTogether(about: intent.subject.certificate.id.text) { tx in
                    try installation.install(issued, findings, for: intent, in: tx)
                }
            } catch let revoked as RevokedAuthority {
                throw try await reject(issued, [revoked.fault], intent, as: revoked.issuerError)
            } catch let repeated as RepeatedSerial {
                throw try await reject(issued, [repeated.fault], intent)
            }
            observe(intent, failure: nil)
            return .issued(version, job: intent.job.id)
        case .pending(let upstream, let retryAfter):
            try await context.write { tx in try park(intent, upstream, retryAfter: retryAfter, in: tx) }
            return .accepted(job: intent.job.id)
        }
    }

    private func reject(
        _ issued: IssuedCertificate,
        _ faults: [String],
        _ intent: IssuanceIntent,
        as known: IssuerError? = nil
    ) async throws -> ServiceError {
        let error =
            known
            ?? IssuerError(
                .validation,
                "the issuer's answer was refused: " + faults.joined(separator: "; "),
                help: "correct the issuer or the profile; the certificate that came is kept with the order",
                cause: .authority
            )
        let rejected = RejectedCertificate(issued: issued, intent: intent, faults: faults)
        return try await fail(intent, error) { tx in
            try rejected.keep(context, in: tx)
        } afterwards: { tx in
            // Below a CA that is revoked nothing is good anyway, and the order was carried out as it was.
            if known == nil { try rejected.revoke(context, in: tx) }
        }
    }

    // MARK: Later

    /// The CA took the order: the job waits without a worker and without spending an attempt.
    private func park(
        _ intent: IssuanceIntent,
        _ upstream: UpstreamOrder,
        retryAfter: Duration?,
        in tx: any Transaction
    ) throws {
        let wait = OrderPolling.wait(
            polls: 0,
            age: .zero,
            retryAfter: retryAfter,
            unit: context.random.unitInterval()
        )
        try orders.park(
            intent.order,
            upstreamOrderID: upstream.reference,
            reference: (try? JSONValue(parsing: upstream.state)) ?? .object([:]),
            nextPollAt: tx.now + wait,
            in: tx
        )
        let deadline = tx.now + OrderPolling.defaultDeadline
        if intent.job.agentID == nil {
            try jobs.open([Self.clientJob(intent, scheduledAt: deadline)], in: tx)
        } else {
            guard try jobs.park(intent.job.id, holder: intent.job.holder, until: deadline, in: tx) != nil else {
                throw ServiceError(.invalidState, "job \(intent.job.id.text) is no longer held by this server")
            }
        }
    }

    /// The job of a client's CSR, as it is first stored.
    static func clientJob(
        _ intent: IssuanceIntent,
        scheduledAt: Timestamp? = nil,
        version: VersionID? = nil
    ) -> NewJob {
        NewJob(
            id: intent.job.id,
            type: intent.job.type,
            certificateID: intent.subject.certificate.id,
            agentID: intent.job.agentID,
            status: .pending,
            maxAttempts: intent.job.maxAttempts,
            scheduledAt: scheduledAt,
            versionID: version,
            batchID: intent.job.batchID,
            trigger: .api,
            requestedBy: intent.author.actor,
            dedupeKey: nil
        )
    }

    // MARK: Failures

    /// Records a failed order and what follows for job and certificate; the error for whoever asked.
    ///
    /// - `afterwards`: In the same transaction, when everything of the certificate is locked.
    func fail(
        _ intent: IssuanceIntent,
        _ error: IssuerError,
        evidence: @escaping @Sendable (any Transaction) throws -> Void = { _ in },
        afterwards: @escaping @Sendable (any Transaction) throws -> Void = { _ in }
    ) async throws -> ServiceError {
        try await context.write { tx in
            try evidence(tx)
            try orders.fail(
                intent.order,
                error: error.message,
                errorClass: error.errorClass.rawValue,
                cause: error.cause?.rawValue,
                in: tx
            )
            if intent.job.agentID == nil {
                try recordClientFailure(intent, error, in: tx)
            } else {
                try failJob(intent, error, in: tx)
            }
            try afterwards(tx)
        }
        observe(intent, failure: error.errorClass)
        return error.serviceError
    }

    private func observe(_ intent: IssuanceIntent, failure: IssuerError.Class?) {
        context.observers.issuanceEnded(
            LifecycleObservers.IssuanceEnd(
                issuer: intent.subject.issuerType, failure: failure, duration: context.time.now - intent.startedAt
            )
        )
    }

    /// A client learns of the failure at once and tries again by itself: the certificate stays as it is.
    private func recordClientFailure(
        _ intent: IssuanceIntent,
        _ error: IssuerError,
        in tx: any Transaction
    ) throws {
        if try jobs.find(intent.job.id, in: tx) == nil {
            try jobs.open([Self.clientJob(intent)], in: tx)
        }
        try IssuanceRecords.claimParked(intent.job.id, in: tx)
        let failure = JobFailure(errorClass: error.jobErrorClass, message: error.message, retryAt: nil)
        _ = try jobs.fail(intent.job.id, holder: nil, failure, in: tx)
        try recordJobFailure(intent, error.message, final: true, in: tx)
    }

    private func failJob(_ intent: IssuanceIntent, _ error: IssuerError, in tx: any Transaction) throws {
        if intent.job.isParked { try IssuanceRecords.claimParked(intent.job.id, in: tx) }
        let mayRetry = error.isRetryable && intent.job.attempts < intent.job.maxAttempts
        let delay = RetrySchedule.issuanceDelay(
            attempts: intent.job.attempts,
            interval: .seconds(intent.subject.policy.retryIntervalSeconds),
            retryAfter: error.retryAfter,
            unit: context.random.unitInterval()
        )
        let failure = JobFailure(
            errorClass: error.jobErrorClass,
            message: error.message,
            retryAt: mayRetry ? tx.now + delay : nil
        )
        guard try jobs.fail(intent.job.id, holder: intent.job.holder, failure, in: tx) != nil else { return }
        try recordJobFailure(intent, error.message, final: !mayRetry, in: tx)
        guard !mayRetry else { return }
        try renewals.recordFailure(
            of: intent.subject.certificate.id,
            reason: error.message,
            by: intent.author,
            in: tx
        )
    }

    private func recordJobFailure(
        _ intent: IssuanceIntent,
        _ message: String,
        final: Bool,
        in tx: any Transaction
    ) throws {
        try context.recorder.record(
            .renewalJobFailed,
            intent.job.id.text,
            details: [
                "certificate_id": .string(intent.subject.certificate.id.text), "error": .string(message),
                "attempt": .integer(Int64(intent.job.attempts)), "final": .bool(final),
            ],
            by: intent.author,
            in: tx
        )
    }

    /// An agent's CSR broke a rule that its next one would break as well.
    func refuse(
        _ job: Job,
        certificate: CertificateID,
        _ refusal: ServiceError,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        _ = try job.phase.after(.csrRefused)
        let failure = JobFailure(errorClass: .permanent, message: refusal.detail, retryAt: nil)
        guard try jobs.fail(job.id, holder: nil, from: [.awaitingCSR], failure, in: tx) != nil else { return }
        try context.recorder.record(
            .renewalJobFailed,
            job.id.text,
            details: [
                "certificate_id": .string(certificate.text), "error": .string(refusal.detail), "final": true,
            ],
            by: author,
            in: tx
        )
        try renewals.recordFailure(of: certificate, reason: refusal.detail, by: author, in: tx)
    }
}

extension IssuerError {
    /// The error as a client sees it.
    package var serviceError: ServiceError {
        let text = help.isEmpty ? message : "\(message) — \(help)"
        return switch errorClass {
        case .validation: ServiceError(.policyViolation, text)
        case .timeout: ServiceError(.upstreamTimeout, text, retryAfter: retryAfter)
        case .rateLimited: ServiceError(.unavailable, text, retryAfter: retryAfter)
        case .auth, .network, .other, .upstream4xx, .upstream5xx:
            ServiceError(.upstreamFailed, text, retryAfter: retryAfter)
        }
    }

    var jobErrorClass: JobErrorClass {
        if errorClass == .timeout { return .timeout }
        return isRetryable ? .transient : .permanent
    }
}
