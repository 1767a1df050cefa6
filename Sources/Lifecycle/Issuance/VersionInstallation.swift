import ConnectorKit
import Domain
import Encoding
import PKI
import Query
import Store

/// Stores an issued certificate and everything that follows from it, in one transaction (specification, domain §5.6).
struct VersionInstallation: Sendable {
    private let context: LifecycleContext
    private let deployments: DeployFlow
    private let jobs = JobStore()
    private let versions = VersionStore()
    private let installer = VersionInstaller()
    /// The states from which a certificate takes a version.
    private static let receptive: [CertificateStatus] = [
        .pending, .active, .expiring, .expired, .renewalInProgress, .failed,
    ]

    init(_ context: LifecycleContext) {
        self.context = context
        deployments = DeployFlow(context)
    }

    /// Closes the order first: when recovery gave it up meanwhile, nothing of it is stored.
    ///
    /// - Throws: ``RevokedAuthority`` when whoever signed it was revoked meanwhile, ``RepeatedSerial`` when its number is
    ///   that of another.
    func install(
        _ issued: IssuedCertificate,
        _ findings: [LintFinding],
        for intent: IssuanceIntent,
        in tx: any Transaction
    ) throws -> IssuedVersion {
        if let authority = intent.authority { try RevokedAuthority.check(authority, in: tx) }
        try OrderStore().complete(intent.order, in: tx)
        // Numbers of our own were recorded with their orders, once each.
        if intent.serialNumber == nil { try RepeatedSerial.check(issued.leaf, of: intent.subject.issuerID, in: tx) }
        var new = try version(of: issued, for: intent, in: tx)
        new.lintFindings = findings
        if let agent = intent.slot {
            try installForAgent(agent, new, intent, in: tx)
        } else {
            try installForClient(new, intent, in: tx)
        }
        try record(new, intent, in: tx)
        if intent.subject.certificate.source == .acme {
            try ACMESettlement.fulfil(
                intent.job.id, with: new.id, recorder: context.recorder, by: intent.author, in: tx)
        }
        return IssuedVersion(new, createdAt: tx.now)
    }

    private func version(
        of issued: IssuedCertificate, for intent: IssuanceIntent, in tx: any Transaction
    ) throws -> NewVersion {
        let leaf = issued.leaf
        var version = NewVersion(
            id: context.newID(),
            certificateID: intent.subject.certificate.id,
            issuerID: intent.subject.issuerID,
            serialNumber: leaf.serialNumber.hex,
            notBefore: leaf.notBefore,
            notAfter: leaf.notAfter,
            fingerprintSHA256: leaf.fingerprintSHA256,
            spkiSHA256: leaf.subjectPublicKey.spkiSHA256,
            pemChain: ([leaf] + issued.chain).map(\.pem).joined(),
            csrPEM: intent.csr.request.pem,
            keyAlgorithm: leaf.subjectPublicKey.algorithm,
            keySize: leaf.subjectPublicKey.size,
            keyOrigin: intent.slot == nil ? .external : .agent,
            agentID: intent.slot,
            jobID: intent.job.id
        )
        version.signatureAlgorithm = leaf.signatureName
        version.issuingCA = intent.authority
        version.upstream = try upstream(of: issued, for: intent, in: tx)
        if let authority = intent.authority {
            let delivery = try CAChains.delivery(
                of: leaf, sentWith: issued.chain, issuedBy: authority, preferring: intent.subject.preferredRoots, in: tx
            )
            version.pemChain = ([leaf] + delivery.first).map(\.pem).joined()
            version.alternateChains = delivery.alternates.map { $0.map(\.pem).joined() }
        }
        return version
    }

    /// What the issuer said with the certificate, or when it took the order.
    private func upstream(
        of issued: IssuedCertificate, for intent: IssuanceIntent, in tx: any Transaction
    ) throws -> NewVersion.UpstreamName? {
        if let name = issued.upstream {
            return NewVersion.UpstreamName(
                id: name.reference, reference: (try? JSONValue(parsing: name.state)) ?? .object([:]))
        }
        guard intent.job.isParked, let order = try OrderStore().find(intent.order, in: tx),
            let id = order.upstreamOrderID
        else { return nil }
        return NewVersion.UpstreamName(id: id, reference: order.upstreamReference)
    }

    /// The client holds the only key, so the new version alone decides the status.
    private func installForClient(_ new: NewVersion, _ intent: IssuanceIntent, in tx: any Transaction) throws {
        let validity = RenewalOutcome.validity(
            expiresAt: new.notAfter,
            isDeclaredActive: false,
            lifetime: new.notAfter - new.notBefore,
            policy: intent.subject.policy,
            now: tx.now
        )
        try installer.submit(
            new,
            from: Self.receptive,
            to: CertificateOutcome(status: validity.status, renewalFailures: 0, lastError: ""),
            in: tx
        )
        if intent.job.isParked, try IssuanceRecords.claimParked(intent.job.id, in: tx) {
            _ = try jobs.complete(intent.job.id, holder: nil, version: new.id, in: tx)
        } else {
            let job = IssuanceCompletion.clientJob(intent, version: new.id)
            try jobs.recordCompleted(job, startedAt: intent.startedAt, in: tx)
        }
    }

    /// C5 when every job of the renewal is done; else the certificate waits for the other agents.
    private func installForAgent(
        _ agent: AgentID,
        _ new: NewVersion,
        _ intent: IssuanceIntent,
        in tx: any Transaction
    ) throws {
        let stored = try CertificateStore().lock(new.certificateID, in: tx)
        try completeJob(intent, in: tx)
        let isLast = try jobs.openIssuances(of: stored.id, in: tx).isEmpty
        var replaced = try IssuanceRecords.supersedeOrphans(of: stored.id, in: tx)
        let outcome = try outcome(of: stored, new, intent, isLast: isLast, in: tx)
        replaced += try installer.install(new, from: [stored.status], to: outcome, in: tx).superseded
        try name(new.id, in: intent.job.id, in: tx)
        if !replaced.isEmpty {
            try jobs.cancelOpen(.deployments(of: replaced), reason: "superseded by a newer version", in: tx)
        }
        try RenewalPlanner().replan(stored.id, in: tx)
        try deployments.open(
            stored.id,
            version: new.id,
            agent: agent,
            batch: intent.job.batchID,
            trigger: .schedule,
            by: intent.author,
            in: tx
        )
    }

    private func outcome(
        of stored: Certificate,
        _ new: NewVersion,
        _ intent: IssuanceIntent,
        isLast: Bool,
        in tx: any Transaction
    ) throws -> CertificateOutcome {
        guard isLast, stored.status == .renewalInProgress else { return CertificateOutcome(status: stored.status) }
        let others = try versions.current(of: stored.id, in: tx).filter { $0.agentID != new.agentID }
        let validity = RenewalOutcome.validity(
            expiresAt: (others.map(\.notAfter) + [new.notAfter]).min(),
            isDeclaredActive: false,
            lifetime: new.notAfter - new.notBefore,
            policy: intent.subject.policy,
            now: tx.now
        )
        return CertificateOutcome(
            status: try stored.status.after(.renewed(validity)),
            renewalFailures: 0,
            lastError: ""
        )
    }

    private func completeJob(_ intent: IssuanceIntent, in tx: any Transaction) throws {
        if intent.job.isParked { try IssuanceRecords.claimParked(intent.job.id, in: tx) }
        guard try jobs.complete(intent.job.id, holder: intent.job.holder, in: tx) != nil else {
            throw ServiceError(.invalidState, "job \(intent.job.id.text) was taken back before its certificate came")
        }
    }

    /// Names the stored version in its job, once it exists.
    private func name(_ version: VersionID, in job: JobID, in tx: any Transaction) throws {
        try tx.execute("UPDATE jobs SET certificate_version_id = \(version) WHERE id = \(job)")
    }

    private func record(_ version: NewVersion, _ intent: IssuanceIntent, in tx: any Transaction) throws {
        var details: JSONObject = [
            "version_id": .string(version.id.text), "serial_number": .string(version.serialNumber),
            "fingerprint_sha256": .string(version.fingerprintSHA256),
            "issuer_id": .string(version.issuerID.text), "job_id": .string(intent.job.id.text),
            "not_after": .string(version.notAfter.rfc3339),
        ]
        details["issuing_ca_id"] = version.issuingCA.map { .string($0.text) }
        if !version.lintFindings.isEmpty { details["lints"] = JSONValue(version.lintFindings.map(\.rule.rawValue)) }
        try context.recorder.record(
            intent.job.type == .renewal ? .certificateRenewed : .certificateIssued,
            version.certificateID.text,
            details: details,
            by: intent.author,
            in: tx
        )
    }
}
