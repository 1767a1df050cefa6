import APIContract
import ConnectorKit
import Deployment
import Domain
import HostEffects
import Logging
import PKI
import Telemetry

/// Installs material on the target of an assignment: checks the configuration, deploys, observes, and restores on
/// failure. What has begun ends by itself; cancellation does not leave half a change.
struct Installer: Sendable {
    /// - Throws: ``JobFailure`` when the target cannot be made out, `CancellationError` before anything was touched.
    let install: @Sendable (DeploymentAssignment, DeploymentMaterial) async throws -> DeploymentResult
}

/// Brings a version of a certificate to a target of this host (specification, targets §1.9).
struct DeploymentFlow: Sendable {
    /// Tries to pick up the certificate before the attempt fails.
    private static let pickupTries = 3
    private static let pickupPause = Duration.seconds(2)

    let session: AgentSession
    let keys: KeyDirectory
    let installer: Installer

    func run(_ work: DeploymentAssignment) async -> JobEnding {
        do {
            if let ending = try await announce(work) { return ending }
            let answer = try await pickUp(work)
            let material = try await material(answer, for: work)
            if Task.isCancelled { return .interrupted }
            let result = try await installer.install(work, material)
            if result.isSuccess { await promote(work, to: answer) }
            return .report(report(work, result))
        } catch let failure as JobFailure {
            return .report(report(work, failure))
        } catch let error as ControlPlaneError where error.kind == .retired {
            await session.retirement.announce(error, on: "deployment")
            return .interrupted
        } catch let error as ControlPlaneError {
            let failure = JobFailure(
                code: error.kind == .unreachable ? .timeout : nil,
                message: "the certificate cannot be picked up: \(error)"
            )
            return .report(report(work, failure))
        } catch {
            return .interrupted
        }
    }

    /// Tells the control plane that work begins. A refusal means that the claim is somebody else's by now; no answer
    /// at all is no reason to wait, because the lease covers the work.
    private func announce(_ work: DeploymentAssignment) async throws -> JobEnding? {
        do {
            try await session.controlPlane.reportRunning(work.job, attempt: work.attempt)
            return nil
        } catch let error as ControlPlaneError {
            switch error.kind {
            case .refused: return .lost(reason: "the control plane does not want this attempt: \(error)")
            case .retired: throw error
            case .unreachable, .untrusted, .busy, .unauthorized, .malformed:
                session.log.warn(
                    "cannot report that a job runs",
                    .job(work.job), .error(error)
                )
                return nil
            }
        }
    }

    private func pickUp(_ work: DeploymentAssignment) async throws -> AgentCertificateAnswer {
        var tries = 1
        while true {
            do {
                return try await session.controlPlane.certificate(work.certificate, version: work.version)
            } catch let error as ControlPlaneError {
                let isWorthwhile = error.kind == .unreachable || error.kind == .busy
                guard isWorthwhile, tries < Self.pickupTries else { throw error }
                try await session.time.sleep(error.retryAfter.map { min($0, .seconds(30)) } ?? Self.pickupPause * tries)
                tries += 1
            }
        }
    }

    /// Everything that can be wrong is found here, before anything on the host is touched.
    private func material(
        _ answer: AgentCertificateAnswer,
        for work: DeploymentAssignment
    ) async throws -> DeploymentMaterial {
        let leaf: X509Certificate
        do {
            leaf = try DeploymentMaterial(certificatePEM: answer.certificatePEM, key: nil).leaf
        } catch {
            throw JobFailure(code: .certificateInvalid, message: "the picked-up certificate cannot be used: \(error)")
        }
        if let expected = work.fingerprint, expected != leaf.fingerprintSHA256 {
            throw JobFailure(
                code: .certificateInvalid,
                message:
                    "the picked-up certificate has the fingerprint \(leaf.fingerprintSHA256), and the job asks for "
                    + expected
            )
        }
        let now = session.time.now
        guard work.isForced || leaf.isValid(at: now) else {
            throw JobFailure(
                code: .certificateInvalid,
                message: "the certificate is valid from \(leaf.notBefore.rfc3339) to \(leaf.notAfter.rfc3339), and "
                    + "this host's clock shows \(now.rfc3339)"
            )
        }
        let key = try await privateKey(for: leaf, work, version: version(answer, work))
        let material = try DeploymentMaterial(certificatePEM: answer.certificatePEM, key: key.pkcs8PEM)
        do {
            return try answer.trustPEM.map { try material.trusting($0) } ?? material
        } catch {
            throw JobFailure(code: .certificateInvalid, message: "the CAs of the issuer cannot be used: \(error)")
        }
    }

    private func privateKey(
        for leaf: X509Certificate,
        _ work: DeploymentAssignment,
        version: VersionID?
    ) async throws -> PrivateKey {
        let found: PrivateKey?
        let isEmpty: Bool
        do {
            (found, isEmpty) = try await BlockingWork.run { [keys] in
                try keys.withSlot(of: work.certificate) { slot in
                    (try slot.key(matching: leaf.subjectPublicKey, version: version), try slot.isEmpty())
                }
            }
        } catch {
            throw JobFailure(code: .keyMissing, message: "key read failed: \(error)")
        }
        if let found { return found }
        throw isEmpty
            ? JobFailure(
                code: .keyMissing,
                message: "key read failed: this host has no private key for certificate \(work.certificate)"
            )
            : JobFailure(
                code: .keyMismatch,
                message:
                    "no private key of certificate \(work.certificate) on this host belongs to the version that was "
                    + "issued; nothing was written"
            )
    }

    private func version(_ answer: AgentCertificateAnswer, _ work: DeploymentAssignment) -> VersionID? {
        work.version ?? (try? VersionID(answer.versionID.text))
    }

    /// The version is live and was seen, or nothing exists to look at: its key becomes the current one.
    private func promote(_ work: DeploymentAssignment, to answer: AgentCertificateAnswer) async {
        guard let version = version(answer, work) else { return }
        do {
            try await BlockingWork.run { [keys] in
                try keys.withSlot(of: work.certificate) { slot in try slot.promote(version) }
            }
        } catch {
            session.log.warn(
                "the key directory still names an earlier version as current",
                .certificate(work.certificate), LogField("version_id", version.text), .error(error)
            )
        }
    }

    private func report(_ work: DeploymentAssignment, _ result: DeploymentResult) -> TerminalReport {
        TerminalReport(
            job: work.job,
            attempt: work.attempt,
            outcome: result.isSuccess ? .completed : .failed(result.errorCode, message: result.message),
            installation: TerminalReport.Installation(target: work.target, result: result),
            finishedAt: session.time.now
        )
    }

    private func report(_ work: DeploymentAssignment, _ failure: JobFailure) -> TerminalReport {
        TerminalReport(
            job: work.job,
            attempt: work.attempt,
            outcome: .failed(failure.code, message: failure.message),
            finishedAt: session.time.now
        )
    }
}
