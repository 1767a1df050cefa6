package import Domain
import IssuerConnectors
package import PKI
package import Query
package import Store

extension Preflight {
    /// Everything that stands in the way of certifying the key of a request for a certificate record.
    ///
    /// - `actor`: Who asks.
    package static func problems(
        with csr: CertificationRequest, for subject: IssuanceInputs, by actor: Actor, in tx: any Transaction
    ) throws -> [FieldProblem] {
        var problems = violations(
            of: try request(csr, subject, by: actor),
            rules: try rules(of: subject.profile),
            capabilities: try IssuerCatalog.capabilities(of: subject.issuerType)
        )
        let key = csr.subjectPublicKey.spkiSHA256
        if try RevocationStore().isCompromised(spkiSHA256: key, in: tx) {
            problems.append(
                FieldProblem(
                    pointer: "/csr_pem", code: "compromised_key",
                    detail: "a certificate of this key was revoked because the key was compromised; make another"))
        }
        guard let profile = subject.profile else { return problems }
        if let issuer = profile.issuerID, issuer != subject.certificate.fields.issuerID {
            problems.append(
                FieldProblem(
                    pointer: "/csr_pem", code: "issuer_not_of_profile",
                    detail: "certificates of this profile come from the issuer \(issuer.text), not from "
                        + subject.certificate.fields.issuerID.text))
        }
        if profile.keyReuse == .forbid,
            try VersionStore().isCertified(spkiSHA256: key, in: tx)
        {
            problems.append(
                FieldProblem(
                    pointer: "/csr_pem", code: "key_reuse",
                    detail: "the key has a certificate already; the profile demands a fresh key each time"))
        }
        return problems
    }

    /// What the profile makes of a request that has no problems.
    static func template(
        for csr: CertificationRequest, _ subject: IssuanceInputs, by actor: Actor
    ) throws(ServiceError) -> ProfileTemplate {
        ProfileEvaluator.template(for: try request(csr, subject, by: actor), rules: try rules(of: subject.profile))
    }

    private static func request(
        _ csr: CertificationRequest, _ subject: IssuanceInputs, by actor: Actor
    ) throws(ServiceError) -> ProfileRequest {
        let fields = subject.certificate.fields
        return ProfileRequest(
            csr, approvedNames: try approvedNames(of: fields), commonName: fields.commonName, principal: actor.id,
            path: ACMEActor.isAccount(actor) ? .acme : .direct)
    }
}
