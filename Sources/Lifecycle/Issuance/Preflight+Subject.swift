import ConnectorKit
package import Domain
import IssuerConnectors
package import PKI
package import Query
package import Store

extension Preflight {
    /// Everything that stands in the way of certifying the key of a request for a certificate record.
    ///
    /// - `algorithms`, `weakKeys`: What the server certifies for nobody.
    /// - `actor`: Who asks.
    package static func problems(
        with csr: CertificationRequest, for subject: IssuanceInputs, allowing algorithms: AlgorithmPolicy,
        besides weakKeys: WeakKeyList, by actor: Actor, in tx: any Transaction
    ) throws -> [FieldProblem] {
        try problems(
            with: csr, as: try request(csr, subject, by: actor), under: subject.profile, allowing: algorithms,
            besides: weakKeys,
            of: (subject.certificate.fields.issuerID, try IssuerCatalog.capabilities(of: subject.issuerType)), in: tx)
    }

    /// The same for a request that need not be about a record.
    ///
    /// - `profile`: Its members, which need not be saved.
    /// - `algorithms`, `weakKeys`: What the server certifies for nobody.
    /// - `issuer`: Who would sign, and what it can do; `nil` while none is chosen.
    static func problems(
        with csr: CertificationRequest, as request: ProfileRequest, under profile: ProfileFields?,
        allowing algorithms: AlgorithmPolicy, besides weakKeys: WeakKeyList,
        of issuer: (id: IssuerID, capabilities: IssuerCapabilities)?,
        in tx: any Transaction
    ) throws -> [FieldProblem] {
        // A key that nobody may use comes first: no other change of the request would help.
        var problems: [FieldProblem] = []
        if let refusal = try KeyHygiene.refusal(of: csr.subjectPublicKey, besides: weakKeys, in: tx) {
            problems.append(FieldProblem(pointer: "/csr_pem", code: refusal.code, detail: refusal.detail))
        }
        problems += violations(
            of: request, rules: try rules(of: profile, allowing: algorithms), capabilities: issuer?.capabilities)
        guard let profile else { return problems }
        if let issuer, let problem = foreignIssuer(issuer.id, profile) { problems.append(problem) }
        if profile.keyReuse == .forbid,
            try VersionStore().isCertified(spkiSHA256: csr.subjectPublicKey.spkiSHA256, in: tx)
        {
            problems.append(reusedKey)
        }
        return problems
    }

    /// The refusal of an issuer that is not the one of the profile.
    static func foreignIssuer(_ issuer: IssuerID, _ profile: ProfileFields) -> FieldProblem? {
        guard let wanted = profile.issuerID, wanted != issuer else { return nil }
        return FieldProblem(
            pointer: "/csr_pem", code: "issuer_not_of_profile",
            detail: "certificates of this profile come from the issuer \(wanted.text), not from \(issuer.text)")
    }

    static let reusedKey = FieldProblem(
        pointer: "/csr_pem", code: "key_reuse",
        detail: "the key has a certificate already; the profile demands a fresh key each time")

    /// What the profile makes of a request that has no problems.
    static func template(
        for csr: CertificationRequest, _ subject: IssuanceInputs, by actor: Actor
    ) throws(ServiceError) -> ProfileTemplate {
        // Whether the key is allowed was decided before; it leaves no trace in the template.
        ProfileEvaluator.template(
            for: try request(csr, subject, by: actor),
            rules: try rules(of: subject.profile, allowing: AlgorithmPolicy()))
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
