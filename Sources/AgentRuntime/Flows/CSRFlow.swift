import APIContract
import Deployment
import Domain
import HostEffects
import Logging
import PKI
import Telemetry

/// Makes a key and its signing request for a certificate, and learns which version they became.
struct CSRFlow: Sendable {
    let session: AgentSession
    let keys: KeyDirectory

    func run(_ work: CSRAssignment) async -> JobEnding {
        let prepared: (key: PrivateKey, csr: CertificationRequest)
        do {
            prepared = try await prepare(work)
        } catch let error as CSRBuildError {
            let message = "no signing request can be built: \(error)"
            return .report(failed(work, JobFailure(code: .configInvalid, message: message)))
        } catch {
            return .pause(reason: "the private key cannot be kept: \(error)")
        }
        do {
            let answer = try await session.controlPlane.submit(
                csrPEM: prepared.csr.pem,
                certificate: work.certificate,
                job: work.job
            )
            return await accept(answer, prepared.key, work)
        } catch let error as ControlPlaneError {
            return await fail(error)
        } catch {
            return .interrupted
        }
    }

    /// The key is on disk before this returns, so that no request leaves the host whose key could be lost.
    private func prepare(_ work: CSRAssignment) async throws -> (key: PrivateKey, csr: CertificationRequest) {
        try await BlockingWork.run { [keys] in
            let key = try keys.withSlot(of: work.certificate) { slot in try slot.pendingKey(for: work.keySpec) }
            let csr = try CertificationRequestBuilder.makeCSR(
                commonName: work.commonName,
                subjectAltNames: work.subjectAltNames,
                key: key,
                mustStaple: work.mustStaple,
                extendedKeyUsages: work.extendedKeyUsages
            )
            return (key, csr)
        }
    }

    private func accept(_ answer: AgentCSRAnswer, _ key: PrivateKey, _ work: CSRAssignment) async -> JobEnding {
        guard answer.status == .signed, let versionText = answer.versionID?.text, !versionText.isEmpty else {
            // The issuer answers later. The deployment names the version, and the key is found by its public half.
            session.log.info("signing request accepted", .job(work.job))
            return .delivered
        }
        do {
            let version = try VersionID(versionText)
            if let pem = answer.certificatePEM, !key.matches(try X509Certificate(pem: pem).subjectPublicKey) {
                return .pause(reason: "version \(version) was issued for another key than the one submitted")
            }
            try await BlockingWork.run { [keys] in
                try keys.withSlot(of: work.certificate) { slot in try slot.pin(key, to: version) }
            }
            session.log.info(
                "certificate issued",
                .job(work.job), .certificate(work.certificate), LogField("version_id", version.text)
            )
        } catch {
            // The version exists at the control plane; its deployment finds the key where it is.
            session.log.warn(
                "the key of a new version keeps its provisional name",
                .job(work.job), .certificate(work.certificate), .error(error)
            )
        }
        return .delivered
    }

    /// No failure here is final for the agent: the control plane knows its own refusals, and otherwise the outcome is
    /// unknown and the same key is submitted again.
    private func fail(_ error: ControlPlaneError) async -> JobEnding {
        switch error.kind {
        case .retired:
            await session.retirement.announce(error, on: "csr")
            return .interrupted
        case .refused where error.status == 409:
            return .pause(reason: "no job waits for this signing request: \(error)")
        case .refused:
            return .pause(reason: "the signing request was refused: \(error)")
        case .unreachable, .untrusted, .busy, .unauthorized, .malformed:
            return .pause(reason: "the signing request got no answer to rely on: \(error)")
        }
    }

    private func failed(_ work: CSRAssignment, _ failure: JobFailure) -> TerminalReport {
        TerminalReport(
            job: work.job,
            attempt: work.attempt,
            outcome: .failed(failure.code, message: failure.message),
            finishedAt: session.time.now
        )
    }
}
