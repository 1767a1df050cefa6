import ConnectorKit
package import Domain
import IssuerConnectors
package import PKI
import Query
import Store

/// For what a request is tried.
package struct RequestTrial: Sendable {
    /// The record that it would be for; without one its own names count as approved.
    package var certificateID: CertificateID?
    /// Who would sign; that of the record or the profile when `nil`.
    package var issuerID: IssuerID?
    package var path = RequestPath.direct

    package init() {}
}

/// What would become of a request.
package struct RequestVerdict: Sendable {
    /// Empty when it would be issued.
    package let problems: [FieldProblem]
    /// What the profile makes of it; `nil` when it is refused.
    package let template: ProfileTemplate?
    /// The names that would be certified.
    package let names: [SubjectAltName]
    /// `nil` for a key that can't be accepted from anybody.
    package let key: SubjectPublicKey?
    /// `nil` while none is chosen: then nothing was said about what the issuer can do.
    package let issuerID: IssuerID?
}

extension ProfileTrial {
    /// Judges a request as if it came in now. Approvals that would be asked for, and the state of the record, are left out.
    ///
    /// - `clearance`: For records of certificates.
    /// - `asker`: Whoever would ask.
    package func evaluate(
        _ pem: String, under id: ProfileID, as proposal: ProfileProposal = ProfileProposal(), for trial: RequestTrial,
        within clearance: Clearance, by asker: Actor
    ) async throws -> RequestVerdict {
        let csr: CertificationRequest
        do throws(CSRError) {
            csr = try VerifiedCertificationRequest(try CertificationRequest(pem: pem)).request
        } catch {
            guard error.field == .publicKey else { throw Self.unreadable(error) }
            _ = try await context.read { tx in try members(of: id, as: proposal, in: tx) }
            let problem = FieldProblem(pointer: "/csr_pem", code: "key_refused", detail: error.reason)
            return RequestVerdict(problems: [problem], template: nil, names: [], key: nil, issuerID: trial.issuerID)
        }
        return try await context.read { tx in
            let fields = try members(of: id, as: proposal, in: tx)
            let subject = try Self.subject(of: csr, trial, fields, within: clearance, in: tx)
            let request = ProfileRequest(
                csr, approvedNames: subject.names, commonName: subject.commonName, principal: asker.id,
                path: trial.path)
            let problems = try Preflight.problems(
                with: csr, as: request, under: fields, allowing: context.algorithms, besides: context.weakKeys,
                of: subject.issuer, in: tx)
            return RequestVerdict(
                problems: problems,
                template: problems.isEmpty
                    ? ProfileEvaluator.template(
                        for: request, rules: try Preflight.rules(of: fields, allowing: context.algorithms)) : nil,
                names: subject.names, key: csr.subjectPublicKey, issuerID: subject.issuer?.id)
        }
    }

    private struct Subject {
        let names: [SubjectAltName]
        let commonName: String
        let issuer: (id: IssuerID, capabilities: IssuerCapabilities)?
    }

    private static func subject(
        of csr: CertificationRequest, _ trial: RequestTrial, _ profile: ProfileFields, within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Subject {
        if let id = trial.certificateID {
            guard trial.issuerID == nil else {
                throw ServiceError(
                    .validationFailed, "/issuer_id: the certificate has its own",
                    problems: [
                        FieldProblem(
                            pointer: "/issuer_id", code: "not_allowed", detail: "the certificate has its own issuer")
                    ])
            }
            _ = try CertificateStore().get(id, within: clearance, in: tx)
            let inputs = try IssuanceRecords.subject(id, in: tx)
            let fields = inputs.certificate.fields
            return Subject(
                names: try Preflight.approvedNames(of: fields), commonName: fields.commonName,
                issuer: (inputs.issuerID, try IssuerCatalog.capabilities(of: inputs.issuerType)))
        }
        let names: [SubjectAltName]
        do throws(CSRError) {
            names = SubjectAltName.canonicalOrder(try csr.names())
        } catch {
            throw unreadable(error)
        }
        let commonName = csr.subject.commonName ?? names.first { $0.kind == .dns }?.text ?? names.first?.text ?? ""
        guard let id = trial.issuerID ?? profile.issuerID else {
            return Subject(names: names, commonName: commonName, issuer: nil)
        }
        guard let issuer = try IssuerStore().find(id, in: tx) else {
            var problems = FieldProblems()
            problems.addUnknownReference("/issuer_id", "issuer", id.text)
            try problems.throwIfAny()
            return Subject(names: names, commonName: commonName, issuer: nil)
        }
        return Subject(
            names: names, commonName: commonName,
            issuer: (id, try IssuerCatalog.capabilities(of: issuer.type)))
    }

    private static func unreadable(_ error: CSRError) -> ServiceError {
        ServiceError(
            .validationFailed, "\(error)",
            problems: [FieldProblem(pointer: "/csr_pem", code: "invalid_csr", detail: "\(error)")])
    }
}
