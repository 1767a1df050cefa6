import ConnectorKit
package import Domain
import EmbeddedCA
package import Encoding
import IssuerConnectors
package import PKI
import Query
package import Store

/// What a client says about a further certificate of a CA.
package struct CrossSigningDraft: Sendable {
    /// Who signs, or signed, it; `nil` for somebody whose certificates are in ``chainPEM``.
    package var parentID: AuthorityID?
    /// The certificate, when it was signed elsewhere.
    package var certificatePEM: String?
    /// What leads from whoever signed it to a root, the root last.
    package var chainPEM: String?
    /// 0 for as long as the certificate that the CA has.
    package var ttlDays = 0
    package var pathLength: Int?
    package var nameConstraints: JSONValue?
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []

    package init() {}

    fileprivate var isLimited: Bool {
        ttlDays != 0 || pathLength != nil || nameConstraints != nil || !allowedEKUs.isEmpty || !policyOIDs.isEmpty
    }
}

// Further certificates for a CA that has one: the same name and key, another parent. What the CA signs is valid by each of
// them, so clients that trust one root or the other accept it (protocol-servers §6.2).
extension HierarchyFlow {
    /// Certificates of a CA with their chains.
    package struct Chains: Sendable {
        /// The first by its own parents; each with the CA first and a root last.
        package let chains: [[X509Certificate]]
        package let certificates: [CACertificate]
    }

    /// Has a CA of a tree sign a further certificate for `id`, or takes in one that was signed elsewhere.
    ///
    /// - Throws: 400 with what is wrong with the certificate or what is wanted of it; 409 when one of the two is not active.
    package func crossSign(
        _ id: AuthorityID, _ draft: CrossSigningDraft, by author: Authorship
    ) async throws -> CACertificate {
        if let pem = draft.certificatePEM { return try await takeIn(pem, for: id, draft, by: author) }
        guard draft.chainPEM == nil else {
            throw Self.invalid("/chain_pem", "unexpected", "belongs to a certificate that was signed elsewhere")
        }
        guard let parentID = draft.parentID else {
            throw Self.invalid(
                "/parent_ca_id", "required", "say who is to sign it, or bring its certificate_pem with its chain_pem")
        }
        let wanted = try CrossTerms(draft)
        let (node, parent, revision) = try await context.read { tx in
            let (node, parent) = (try visible(id, author, in: tx), try visible(parentID, author, in: tx))
            try Self.requireCrossing(node, parent, in: tx)
            try Self.requireSigning(parent, in: tx)
            try requireAllowed(node)
            try requireAllowed(parent)
            return (node, parent, try IssuerStore().get(parent.issuerID, in: tx).configRevision)
        }
        let connector: LocalCAConnector
        do {
            connector = try await registry.node(parent.id, revision: revision)
        } catch let error as IssuerError {
            throw error.serviceError
        }
        let order = try wanted.order(for: try Self.certificate(of: node), connector.authorityPath, context.time.now)
        let serial = SerialNumber.random(context.random)
        try await context.write { [context] tx in
            try context.recorder.record(
                .crossSigning, id.text,
                details: ["parent_ca_id": .string(parentID.text), "serial_number": .string(serial.hex)],
                by: Authorship(actor: author.actor, origin: nil, clearance: .system), in: tx)
        }
        let certificate: X509Certificate
        do {
            certificate = try await connector.certify(order, serial: RecordedSerial(alreadyRecorded: serial))
        } catch {
            throw error.serviceError
        }
        return try await keep(certificate, for: node, below: parentID, isSignedHere: true, by: author)
    }

    /// A request by which somebody elsewhere can certify a CA that has a certificate.
    package func crossRequest(_ id: AuthorityID, by author: Authorship) async throws -> CertificationRequest {
        let node = try await context.read { tx in
            let node = try visible(id, author, in: tx)
            if node.state != .staged { try Self.requireStanding(node, in: tx) }
            try requireAllowed(node)
            return node
        }
        guard let signer = try await signer(of: node) else {
            throw ServiceError(
                .invalidState,
                "the key of the CA \(node.name) (\(id.text)) is not here; a request for it is made where its key is")
        }
        let certificate = try Self.certificate(of: node)
        let extensions = certificate.extensions
        var wanted = AuthorityRequest(subject: certificate.subject, subjectPublicKey: certificate.subjectPublicKey)
        wanted.pathLength = extensions.basicConstraints?.pathLenConstraint
        wanted.nameConstraints = extensions.nameConstraints
        wanted.extendedKeyUsages = certificate.extendedKeyUsages
        wanted.policies = extensions.policies
        wanted.subjectKeyIdentifier = extensions.subjectKeyIdentifier
        let request: CertificationRequest
        do throws(SignerError) {
            request = try await wanted.signed(by: signer)
        } catch {
            throw Self.refusal(.signer(error))
        }
        try await context.write { [context] tx in
            try context.recorder.record(
                .crossRequested, id.text,
                details: [
                    "issuer_id": .string(node.issuerID.text), "subject": .string(node.subject),
                    "spki_sha256": .string(node.spkiSHA256),
                ],
                by: author, in: tx)
        }
        return request
    }

    /// The chains of a CA to every root that it has a way to, and its further certificates.
    package func chains(of id: AuthorityID, by author: Authorship) async throws -> Chains {
        try await context.read { tx in
            _ = try visible(id, author, in: tx)
            return Chains(
                chains: try CAChains.chains(of: id, in: tx), certificates: try CACertificateStore().all(of: id, in: tx))
        }
    }

    // MARK: Signed elsewhere

    private func takeIn(
        _ pem: String, for id: AuthorityID, _ draft: CrossSigningDraft, by author: Authorship
    ) async throws -> CACertificate {
        guard !draft.isLimited else {
            throw Self.invalid(
                "/certificate_pem", "conflict",
                "the certificate says what it allows: leave ttl_days, path_len_constraint, name_constraints, "
                    + "allowed_ekus and policy_oids out")
        }
        guard (draft.parentID == nil) != (draft.chainPEM == nil) else {
            throw Self.invalid(
                "/chain_pem", draft.parentID == nil ? "required" : "conflict",
                "say who signed it: parent_ca_id, or chain_pem for somebody who is in no tree here")
        }
        let certificate = try Self.only(pem)
        let node = try await context.read { tx in try visible(id, author, in: tx) }
        try requireAllowed(node)
        guard let chain = draft.chainPEM else {
            return try await keep(certificate, for: node, below: draft.parentID, isSignedHere: false, by: author)
        }
        let above: [X509Certificate]
        do throws(CertificateError) {
            above = try X509Certificate.bundle(pem: chain)
        } catch {
            throw Self.invalid("/chain_pem", "invalid_certificate", error.description)
        }
        guard let root = above.last, above.count < IntermediateCAStore.deepest else {
            throw Self.invalid(
                "/chain_pem", "invalid_certificate",
                "must be the certificates from whoever signed it to the root, which comes last")
        }
        do throws(LocalCAError) {
            try HierarchyRules.checkRoot(root, at: context.time.now)
        } catch {
            throw Self.invalid("/chain_pem", "invalid_root", "its last certificate must be a root: \(error)")
        }
        return try await keep(certificate, for: node, below: nil, above, isSignedHere: false, by: author)
    }

    /// Checks a further certificate against what is stored by now, and stores it.
    private func keep(
        _ certificate: X509Certificate, for node: IntermediateCA, below parentID: AuthorityID?,
        _ elsewhere: [X509Certificate] = [], isSignedHere: Bool, by author: Authorship
    ) async throws -> CACertificate {
        let id: CACertificateID = context.newID()
        let kept = try await context.write { [context, store] tx in
            let parent = try parentID.map { try visible($0, author, in: tx) }
            // In one order, whoever crosses which two trees.
            for issuer in Set([node.issuerID, parent?.issuerID].compactMap { $0 }).sorted() {
                try store.beginChange(of: issuer, in: tx)
            }
            let node = try store.lock(node.id, in: tx)
            let path: [X509Certificate]
            if let parent {
                let locked = try store.lock(parent.id, in: tx)
                try Self.requireCrossing(node, locked, in: tx)
                if isSignedHere { try Self.requireSigning(locked, in: tx) }
                path = try AuthorityKeeper.chain(of: locked.id, in: tx)
            } else {
                if node.state != .staged { try Self.requireStanding(node, in: tx) }
                path = elsewhere
            }
            try Self.check(certificate, crossing: node, below: path, at: tx.now)
            if try KeyUse.read(spkiSHA256: node.spkiSHA256, jwkThumbprint: nil, in: tx).isCompromised {
                throw ServiceError(.unprocessable, "the key of this CA was reported as compromised")
            }
            let kept = try CACertificateStore().insert(
                NewCACertificate(
                    id, of: node.id,
                    by: parentID.map { .authority($0) } ?? .elsewhere(abovePEM: elsewhere.map(\.pem).joined()),
                    pem: certificate.pem, sha256: certificate.fingerprintSHA256,
                    issuer: certificate.issuer.description, serialNumber: certificate.serialNumber.hex,
                    validity: (certificate.notBefore, certificate.notAfter)),
                in: tx)
            try context.recorder.record(
                .crossSigned, node.id.text, details: Self.details(kept, certificate), by: author, in: tx)
            return kept
        }
        context.observers.hierarchyChanged(node.issuerID, .crossSigned)
        return kept
    }

    private static func details(_ kept: CACertificate, _ certificate: X509Certificate) -> JSONObject {
        var details: JSONObject = [
            "certificate_id": .string(kept.id.text), "issuer": .string(kept.issuerSubject),
            "serial_number": .string(kept.serialNumber),
            "fingerprint_sha256": .string(certificate.fingerprintSHA256), "not_after": .string(kept.notAfter.rfc3339),
        ]
        details["parent_ca_id"] = kept.parentID.map { .string($0.text) }
        return details
    }

    // MARK: Checks

    static func certificate(of node: IntermediateCA) throws -> X509Certificate {
        guard let pem = node.certPEM else {
            throw ServiceError(
                .invalidState, "the CA \(node.name) (\(node.id.text)) is pending and has no certificate yet")
        }
        return try X509Certificate(pem: pem)
    }

    /// Whether `parent` can be another parent of `node`.
    private static func requireCrossing(
        _ node: IntermediateCA, _ parent: IntermediateCA, in tx: any Transaction
    ) throws {
        // One that waits to take the place of another may be known to clients by other roots before it signs.
        if node.state != .staged { try requireStanding(node, in: tx) }
        try requireStanding(parent, in: tx)
        guard parent.id != node.parentID else {
            throw invalid(
                "/parent_ca_id", "same_parent", "signed the certificate that the CA has; name another CA")
        }
        let path = try IntermediateCAStore().path(from: parent.id, in: tx)
        guard !path.contains(where: { $0.id == node.id }) else {
            throw invalid("/parent_ca_id", "circle", "is \(node.name) itself, or a CA below it")
        }
    }

    /// Whether it is a certificate of `node` by the first of `path`.
    static func check(
        _ certificate: X509Certificate, crossing node: IntermediateCA, below path: [X509Certificate],
        at now: Timestamp
    ) throws {
        let own = try Self.certificate(of: node)
        guard certificate.subjectPublicKey == own.subjectPublicKey else {
            throw invalid("/certificate_pem", "other_key", "is for another key than that of this CA")
        }
        // Some clients compare octets.
        guard certificate.subject.der == own.subject.der else {
            throw invalid(
                "/certificate_pem", "other_subject",
                "is for \(certificate.subject); the CA is \(own.subject), and the encoding must be the same")
        }
        guard certificate.extensions.subjectKeyIdentifier == own.extensions.subjectKeyIdentifier else {
            throw invalid(
                "/certificate_pem", "other_key_identifier",
                "has another subject key identifier than the CA, which what it signed names")
        }
        guard !certificate.isSelfIssued else {
            throw invalid("/certificate_pem", "self_signed", "is signed by the CA itself")
        }
        do throws(LocalCAError) {
            try HierarchyRules.checkSubordinate(certificate, below: path, at: now)
        } catch {
            throw invalid("/certificate_pem", "unfit_certificate", "\(error)")
        }
    }
}

/// What is wanted of a further certificate, found sound by itself.
private struct CrossTerms {
    private let draft: CrossSigningDraft
    private let constraints: NameConstraints?
    private let usages: [OID]
    private let policies: [OID]

    init(_ draft: CrossSigningDraft) throws(ServiceError) {
        var problems = FieldProblems()
        problems.checkRange(draft.ttlDays, at: "/ttl_days", 0...36_500)
        if let length = draft.pathLength { problems.checkRange(length, at: "/path_len_constraint", 0...15) }
        constraints = CAPlan.constraints(draft.nameConstraints, &problems)
        usages = CAPlan.usages(draft.allowedEKUs, &problems).map(\.oid)
        policies = CAPlan.policies(draft.policyOIDs, &problems)
        try problems.throwIfAny()
        self.draft = draft
    }

    /// What is left out is as in the certificate that the CA has.
    ///
    /// - Throws: 400 with the member that goes beyond what `path`, the new parent first, allows.
    func order(
        for own: X509Certificate, _ path: [X509Certificate], _ now: Timestamp
    ) throws(ServiceError) -> AuthorityOrder {
        guard let parent = path.first else { throw ServiceError(.internalError, "the CA that signs has no path") }
        let lifetime = draft.ttlDays > 0 ? Duration.days(Int64(draft.ttlDays)) : own.notAfter - now
        return try HierarchyFlow.refusing { () throws(LocalCAError) in
            var order = AuthorityOrder(
                subject: own.subject, subjectPublicKey: own.subjectPublicKey,
                validity: try HierarchyRules.validity(lifetime, at: now, within: parent))
            order.pathLength = try HierarchyRules.pathLength(
                draft.pathLength ?? own.extensions.basicConstraints?.pathLenConstraint, below: path)
            order.nameConstraints = try HierarchyRules.nameConstraints(
                constraints ?? own.extensions.nameConstraints, in: parent)
            order.extendedKeyUsages = try HierarchyRules.extendedKeyUsages(
                usages.isEmpty ? own.extendedKeyUsages : usages, in: parent)
            order.policies = try HierarchyRules.policies(
                policies.isEmpty ? own.extensions.policies : policies, in: parent)
            order.subjectKeyIdentifier = own.extensions.subjectKeyIdentifier
            return order
        }
    }
}
