import ConnectorKit
import Domain
import EmbeddedCA
import PKI
import Store

/// What a CA will be, found out before a key is made for it.
struct AuthorityTerms: Sendable {
    let subject: DistinguishedName
    let validity: (notBefore: Timestamp, notAfter: Timestamp)
    let pathLength: Int?
    let nameConstraints: NameConstraints?
    let extendedKeyUsages: [OID]
    let policies: [OID]
}

extension AuthorityOrder {
    init(_ terms: AuthorityTerms, for key: SubjectPublicKey) {
        self.init(subject: terms.subject, subjectPublicKey: key, validity: terms.validity)
        pathLength = terms.pathLength
        nameConstraints = terms.nameConstraints
        extendedKeyUsages = terms.extendedKeyUsages
        policies = terms.policies
    }
}

extension HierarchyFlow {
    /// What a CA below `parent` may be of what is wanted; throws 400 with the member that goes beyond the parent.
    static func order(
        _ plan: CAPlan, _ subject: DistinguishedName, _ parent: IntermediateCA, _ path: [X509Certificate],
        at now: Timestamp
    ) throws(ServiceError) -> AuthorityTerms {
        guard let issuer = path.first else {
            throw ServiceError(.internalError, "the CA \(parent.id.text) has no path")
        }
        // Clients tell CAs apart by their names: one that is called like a CA above it breaks their search for a path.
        guard !path.contains(where: { $0.subject.matches(subject) }) else {
            throw invalid("/subject", "taken", "is the name of a CA above; give this one a name of its own")
        }
        if let limit = path.first(where: { $0.extensions.nameConstraints?.forbids(subject: subject) ?? false }) {
            throw invalid("/subject", "exceeds_parent", "is outside the name constraints of \(limit.subject)")
        }
        return try refusing { () throws(LocalCAError) in
            AuthorityTerms(
                subject: subject, validity: try HierarchyRules.validity(plan.lifetime, at: now, within: issuer),
                pathLength: try HierarchyRules.pathLength(plan.draft.pathLength, below: path),
                nameConstraints: try HierarchyRules.nameConstraints(plan.constraints, in: issuer),
                extendedKeyUsages: try HierarchyRules.extendedKeyUsages(
                    plan.extendedKeyUsages.map(\.oid), in: issuer),
                policies: try HierarchyRules.policies(plan.policies, in: issuer))
        }
    }

    static func refusing<Result>(_ body: () throws(LocalCAError) -> Result) throws(ServiceError) -> Result {
        do {
            return try body()
        } catch {
            throw refusal(error)
        }
    }

    static func refusal(_ error: LocalCAError) -> ServiceError {
        switch error {
        case .validation(let field, let reason): invalid("/\(field)", "exceeds_parent", reason)
        case .authority, .lint: ServiceError(.unprocessable, "\(error)")
        case .signer(.transient): ServiceError(.unavailable, "\(error)", retryAfter: .seconds(30))
        case .signer, .badSignature: ServiceError(.upstreamFailed, "\(error)")
        }
    }

    static func invalid(_ pointer: String, _ code: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: code, detail: detail)])
    }
}
