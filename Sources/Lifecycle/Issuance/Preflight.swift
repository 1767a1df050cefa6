package import ConnectorKit
package import Domain
import Encoding
package import PKI
package import Store

/// What is checked before any CA is asked, on every way in (specification, issuers §2.8).
package enum Preflight {
    /// Parses a CSR and checks its proof of possession; the error names the part at fault.
    package static func request(
        pem: String,
        pointer: String = "/csr_pem"
    ) throws(ServiceError) -> VerifiedCertificationRequest {
        do {
            return try VerifiedCertificationRequest(try CertificationRequest(pem: pem))
        } catch {
            throw ServiceError(
                .validationFailed,
                "\(error)",
                problems: [FieldProblem(pointer: pointer, code: "invalid_csr", detail: "\(error)")]
            )
        }
    }

    /// The names that the certificate is approved for, which are the names that get signed.
    package static func approvedNames(of fields: CertificateFields) throws(ServiceError) -> [SubjectAltName] {
        do {
            var names = try fields.subjectAltNames.map { try SubjectAltName(classifying: $0) }
            names.append(try SubjectAltName(classifying: fields.commonName))
            return SubjectAltName.canonicalOrder(names)
        } catch {
            throw ServiceError(.unprocessable, "the certificate record holds a name that cannot be signed: \(error)")
        }
    }

    /// The rules of a profile, compiled; those that hold for every certificate when there is none.
    ///
    /// A profile that cannot be compiled refuses everything: it was checked when it was written, so something is
    /// wrong with it now.
    ///
    /// - `algorithms`: What the server certifies for nobody.
    package static func rules(
        of profile: ProfileFields?, allowing algorithms: AlgorithmPolicy
    ) throws(ServiceError) -> ProfileRules {
        var rules = profile == nil ? .withoutProfile : ProfileRules()
        rules.algorithms = algorithms
        guard let profile else { return rules }
        rules.isEnabled = profile.enabled
        rules.keyRules = profile.allowedKeys
        rules.allowedExtendedKeyUsages = Set(profile.allowedEKUs.compactMap(ExtendedKeyUsage.init(rawValue:)))
        rules.isUsageCritical = profile.ekuCritical
        rules.allowedNameKinds = profile.allowedSANTypes.isEmpty ? nil : Set(profile.allowedSANTypes.map(\.kind))
        rules.subjectPolicy = profile.subjectPolicy
        rules.defaultTTL = profile.defaultTTLSeconds > 0 ? .seconds(profile.defaultTTLSeconds) : nil
        rules.backdate = profile.backdateSeconds.map { .seconds($0) }
        rules.policies = profile.policyOIDs.compactMap { OID(dotted: $0) }
        if !profile.keyUsages.isEmpty {
            rules.keyUsage = KeyUsage(profile.keyUsages.compactMap { KeyUsage(name: $0) })
        }
        if profile.maxSANs > 0 { rules.maximumNames = min(profile.maxSANs, rules.maximumNames) }
        rules.spiffePattern = profile.spiffeURIPattern.isEmpty ? nil : profile.spiffeURIPattern
        rules.maxTTL = profile.maxTTLSeconds > 0 ? .seconds(profile.maxTTLSeconds) : nil
        rules.mustStaple = profile.mustStaple
        rules.allowsMustStaple = profile.mustStapleOnRequest
        rules.isShortLived = profile.isShortLived
        rules.requiredCSRAttributes = profile.requiredCSRAttributes.compactMap(CSRAttribute.init(rawValue:))
        do {
            rules.sanPatterns = try profile.requiredSANPatterns.map { try SANPattern($0) }
            rules.nameConstraints = try profile.nameConstraints.flatMap { try NameConstraints(json: .object($0)) }
        } catch {
            throw ServiceError(
                .unprocessable,
                "the profile \(profile.name) cannot be applied, so nothing is issued under it: \(error)"
            )
        }
        return rules
    }

    /// Everything about a request that the profile, the record or the issuer's abilities forbid.
    ///
    /// - `capabilities`: `nil` while no issuer is chosen.
    package static func violations(
        of request: ProfileRequest,
        rules: ProfileRules,
        capabilities: IssuerCapabilities?
    ) -> [FieldProblem] {
        var problems = ProfileEvaluator.evaluate(request, rules: rules).map {
            FieldProblem(pointer: "/csr_pem", code: $0.rule.rawValue, detail: $0.message)
        }
        if let csr = request.csr, !request.isEarlier { problems += missingNames(csr, request.approvedNames) }
        if let capabilities { problems += shortcomings(of: capabilities, for: request, rules: rules) }
        return problems
    }

    /// A request for fewer names than are approved was made for another record, or for an older state of this one.
    private static func missingNames(_ csr: CertificationRequest, _ approved: [SubjectAltName]) -> [FieldProblem] {
        guard let asked = try? csr.names() else { return [] }
        let missing = approved.filter { !asked.contains($0) }
        guard !missing.isEmpty else { return [] }
        let list = missing.map(\.description).joined(separator: ", ")
        return [FieldProblem(pointer: "/csr_pem", code: "name_missing", detail: "the CSR does not ask for \(list)")]
    }

    /// A demand that the issuer cannot express is refused here and never silently dropped (issuers §2.2).
    private static func shortcomings(
        of capabilities: IssuerCapabilities,
        for request: ProfileRequest,
        rules: ProfileRules
    ) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        func add(_ code: String, _ detail: String) {
            problems.append(FieldProblem(pointer: "/csr_pem", code: code, detail: detail))
        }
        if let key = request.key, !capabilities.keyAlgorithms.contains(key.algorithm) {
            add("issuer_key_algorithm", "the issuer does not certify \(key) keys")
        }
        for name in request.approvedNames where !capabilities.nameKinds.map(\.rawValue).contains(name.kind.rawValue) {
            add("issuer_name_kind", "the issuer does not certify \(name.kind.rawValue) names")
        }
        if rules.ttl != nil, !capabilities.honoursMaxTTL {
            add("issuer_max_ttl", "the profile limits the life time, which the issuer cannot do")
        }
        let wantsMore =
            rules.subjectPolicy != nil || rules.isUsageCritical || rules.backdate != nil || !rules.policies.isEmpty
            || rules.keyUsage != nil
        if wantsMore, !capabilities.honoursTemplates {
            add(
                "issuer_template",
                "the profile sets subject, policies, key usages, backdating or critical key purposes, which the issuer cannot do"
            )
        }
        if !capabilities.honoursMustStaple, ProfileEvaluator.template(for: request, rules: rules).mustStaple {
            add("issuer_must_staple", "the profile or the request demands must-staple, which the issuer cannot add")
        }
        return problems
    }
}
