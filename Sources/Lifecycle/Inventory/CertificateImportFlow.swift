package import Domain
import Encoding
package import PKI
import Query
package import Store

/// A certificate that exists already, about to be brought under management.
package struct CertificateImport: Sendable {
    /// What becomes of it.
    package enum Destination: Sendable {
        /// A new managed certificate. An empty common name stands for the names of the certificate.
        case new(CertificateDraft)
        /// One more version of a managed certificate with the same names.
        case version(of: CertificateID)
    }

    /// The certificate and what issued it, in any order but for the certificate, which is first.
    package let chain: [X509Certificate]
    package let destination: Destination

    package init(chain: [X509Certificate], destination: Destination) {
        self.chain = chain
        self.destination = destination
    }
}

/// What an import led to, or would.
package struct ImportedCertificate: Sendable {
    package let certificate: Certificate
    package let version: IssuedVersion
    /// Whether the version is the current one; else a newer one is there already.
    package let isCurrent: Bool
    /// What its number was revoked for before it came, by an authority of ours.
    package let revocation: Revocation?
}

/// Brings certificates that were issued elsewhere, or before, under management with their serial number, validity, chain
/// and lineage. Keys stay where they are (ADR-0005).
package struct CertificateImportFlow: Sendable {
    private static let receptive: [CertificateStatus] = [.pending, .active, .expiring, .expired, .failed]

    let context: LifecycleContext
    let certificates = CertificateStore()
    let versions = VersionStore()

    package init(_ context: LifecycleContext) {
        self.context = context
    }

    /// Stores certificate and version together, or the version alone; nothing in a rehearsal.
    ///
    /// A chain that relying parties would refuse is stored all the same, with the reason: an inventory tells of what is bad.
    /// Throws 400 for what is not a certificate of a server or client with its chain, 409 when it is here already or the
    /// certificate takes no version, 422 when its names are not those of the managed certificate.
    package func importCertificate(
        _ request: CertificateImport, rehearsing isRehearsal: Bool, by author: Authorship
    ) async throws -> ImportedCertificate {
        let chain = try Self.ordered(request.chain)
        let draft = try prepared(request.destination, chain[0])
        if case .new(let new) = draft { try CertificateFlow.require(new.fields, within: author.clearance) }
        return try await context.write(rehearsing: isRehearsal) { tx in
            let leaf = chain[0]
            let id: CertificateID
            switch draft {
            case .new(let new):
                id = new.id
                try requireNew(leaf, within: author.clearance, in: tx)
                try create(new, by: author, in: tx)
            case .version(let known):
                id = known
                try requireSameNames(known, leaf, by: author, in: tx)
                try requireNew(leaf, within: author.clearance, in: tx)
            }
            return try store(chain, as: id, by: author, in: tx)
        }
    }

    /// Where a certificate is already, is told to those who may see it there.
    private func requireNew(_ leaf: X509Certificate, within clearance: Clearance, in tx: any Transaction) throws {
        guard let known = try versions.find(fingerprint: leaf.fingerprintSHA256, in: tx) else { return }
        let visible = try certificates.visible(among: [known.certificateID], within: clearance, in: tx)
        let place = visible.isEmpty ? "" : ", as version \(known.id.text) of \(known.certificateID.text)"
        throw ServiceError(.alreadyExists, "the certificate is here already\(place)")
    }

    // MARK: What is imported

    /// The certificate, then what issued it, one above the other. What else was sent is left out.
    static func ordered(_ certificates: [X509Certificate]) throws -> [X509Certificate] {
        guard let leaf = certificates.first else { throw invalid("there is no certificate in it") }
        guard !leaf.isCA else {
            throw invalid("\(leaf.subject) is a certification authority; import the certificates that it issued")
        }
        return KeyStoreContent.chain(of: leaf, among: certificates)
    }

    static func invalid(_ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "/pem: \(detail)",
            problems: [FieldProblem(pointer: "/pem", code: "invalid_certificate", detail: detail)])
    }

    private struct NewRecord: Sendable {
        let id: CertificateID
        let fields: CertificateFields
        let targets: [TargetID]
    }

    private enum Prepared: Sendable {
        case new(NewRecord)
        case version(of: CertificateID)
    }

    /// Names that clients look at, and the one among them that stands for all: the common name counts where it is one of
    /// them, and where there are no others (RFC 9525 §1.4).
    private static func names(of leaf: X509Certificate) -> (common: String?, all: [SubjectAltName]) {
        let commonName = leaf.subject.commonName.flatMap { try? SubjectAltName(classifying: $0) }
        let all = leaf.subjectAltNames.isEmpty ? [commonName].compactMap(\.self) : leaf.subjectAltNames
        let usable = all.filter { $0.kind != .uri }
        let common = usable.first { $0 == commonName } ?? SubjectAltName.commonName(among: usable) ?? usable.first
        return (common?.text, SubjectAltName.canonicalOrder(all))
    }

    private func prepared(
        _ destination: CertificateImport.Destination, _ leaf: X509Certificate
    ) throws -> Prepared {
        guard case .new(var draft) = destination else {
            if case .version(let id) = destination { return .version(of: id) }
            throw ServiceError(.internalError, "an import without a destination")
        }
        let names = Self.names(of: leaf)
        guard let common = names.common else {
            throw Self.invalid(
                "it has no host name, address, e-mail address or user principal name by which it could be renewed")
        }
        draft.commonName = common
        draft.subjectAltNames = names.all.map(\.text)
        if draft.name.isEmpty { draft.name = common }
        return .new(try record(draft))
    }

    private func record(_ draft: CertificateDraft) throws -> NewRecord {
        var problems = FieldProblems()
        let chosen: CertificateID? = draft.id.flatMap { problems.checkedID($0) }
        let fields = CertificateFlow.fields(of: draft, into: &problems)
        let targets = CertificateFlow.targets(draft.targetIDs, into: &problems)
        try problems.throwIfAny()
        guard let fields else { throw ServiceError(.internalError, "the checks of a certificate are incomplete") }
        return NewRecord(id: chosen ?? context.newID(), fields: fields, targets: targets)
    }

    // MARK: Where it goes

    private func create(_ new: NewRecord, by author: Authorship, in tx: any Transaction) throws {
        try certificates.insert(
            NewCertificate(id: new.id, fields: new.fields, source: .api, nextRenewalAt: nil), in: tx)
        if !new.targets.isEmpty { try certificates.attach(new.targets, to: new.id, in: tx) }
        try context.recorder.record(
            .certificateCreated, new.id.text,
            details: [
                "common_name": .string(new.fields.commonName), "issuer_id": .string(new.fields.issuerID.text),
            ],
            change: .creation(of: .certificates), by: author, in: tx)
    }

    func requireSameNames(
        _ id: CertificateID, _ leaf: X509Certificate, by author: Authorship, in tx: any Transaction
    ) throws {
        let stored = try certificates.lock(id, within: author.clearance, in: tx)
        let (has, wants) = (Self.names(of: leaf).all, try Preflight.approvedNames(of: stored.fields))
        guard has == wants else {
            throw ServiceError(
                .unprocessable,
                "the certificate names \(has.map(\.text).joined(separator: ", ")), and \(id.text) "
                    + wants.map(\.text).joined(separator: ", "))
        }
    }

    func store(
        _ chain: [X509Certificate], as id: CertificateID, heldBy holder: KeyHolder? = nil, by author: Authorship,
        in tx: any Transaction
    ) throws -> ImportedCertificate {
        if let leaf = chain.first, context.weakKeys.contains(leaf.subjectPublicKey) {
            let refusal = KeyHygiene.weak
            throw ServiceError(
                .unprocessable, "the certificate \(leaf.subject) can't be imported: \(refusal.detail)",
                problems: [FieldProblem(pointer: "/pem", code: refusal.code, detail: refusal.detail)])
        }
        let subject = try IssuanceRecords.subject(id, in: tx)
        var version = try version(chain, of: subject, in: tx)
        if let holder { version.hold(by: holder.agent, request: holder.request) }
        let revocation = try revocation(of: version, in: tx)
        let current = try versions.current(of: id, in: tx).filter { holder == nil || $0.agentID == holder?.agent }
        let isCurrent = !current.contains { $0.notBefore >= version.notBefore }
        if isCurrent {
            guard holder != nil || current.allSatisfy({ $0.agentID == nil }) else {
                throw ServiceError(
                    .invalidState, "the keys of \(id.text) are made by the agents of its targets, which renew it")
            }
            try install(version, of: subject, revocation, in: tx)
        } else {
            try versions.insert(version, isSuperseded: true, in: tx)
        }
        if let revocation { try RevocationStore().assign(revocation.id, to: version, in: tx) }
        try context.recorder.record(
            .certificateImported, id.text, details: Self.details(version, isCurrent, revocation), by: author, in: tx)
        return ImportedCertificate(
            certificate: try certificates.get(id, in: tx),
            version: IssuedVersion(version, createdAt: version.importation?.issuedAt ?? tx.now), isCurrent: isCurrent,
            revocation: revocation)
    }

    /// What its number was revoked for before it came: by an authority of ours, or by one that brought its past along.
    private func revocation(of version: NewVersion, in tx: any Transaction) throws -> Revocation? {
        guard version.importation?.isIssuedElsewhere == false else { return nil }
        let authority = version.issuingCA ?? AuthorityID(soleOf: version.issuerID)
        return try RevocationStore().inForce(
            authority: authority, issuer: version.issuerID, serial: version.serialNumber, in: tx)
    }

    private func install(
        _ version: NewVersion, of subject: IssuanceInputs, _ revocation: Revocation?, in tx: any Transaction
    ) throws {
        let id = subject.certificate.id
        var outcome: CertificateOutcome
        if let revocation {
            // Nothing renews what was revoked, and nothing that waits for it goes on.
            try JobStore().cancelOpen(.certificate(id), reason: "the certificate was revoked", in: tx)
            try ApprovalDesk(context).expireAbandoned(of: id, in: tx)
            outcome = CertificateOutcome(status: .revoked, nextRenewalAt: .never, renewalFailures: 0, lastError: "")
            outcome.revocation = .revoked(revocation.reason, at: revocation.revokedAt)
        } else {
            let validity = RenewalOutcome.validity(
                expiresAt: version.notAfter, isDeclaredActive: false, lifetime: version.notAfter - version.notBefore,
                policy: subject.policy, now: tx.now)
            outcome = CertificateOutcome(status: validity.status, renewalFailures: 0, lastError: "")
        }
        _ = try VersionInstaller().install(version, from: Self.receptive, to: outcome, in: tx)
        if revocation == nil { try RenewalPlanner().replan(id, in: tx) }
    }

    private static func details(_ version: NewVersion, _ isCurrent: Bool, _ revocation: Revocation?) -> JSONObject {
        var details: JSONObject = [
            "version_id": .string(version.id.text), "serial_number": .string(version.serialNumber),
            "fingerprint_sha256": .string(version.fingerprintSHA256),
            "not_after": .string(version.notAfter.rfc3339), "is_current": .bool(isCurrent),
            "issued_elsewhere": .bool(version.importation?.isIssuedElsewhere ?? false),
            "path": .string(version.importation?.path.outcome.rawValue ?? ""),
        ]
        details["revoked_at"] = revocation.map { .string($0.revokedAt.rfc3339) }
        details["revocation_reason"] = revocation.map { .string($0.reason.rawValue) }
        return details
    }

    private func version(
        _ chain: [X509Certificate], of subject: IssuanceInputs, in tx: any Transaction
    ) throws -> NewVersion {
        let leaf = chain[0]
        let authority = try AuthorityStore().find(subject.issuerID, in: tx).flatMap { stored in
            try? X509Certificate.bundle(pem: stored.chainPEM).first
        }
        let signed: (X509Certificate) -> Bool = {
            leaf.issuer.matches($0.subject) && leaf.verifySignature(issuedBy: $0)
        }
        let node = try IntermediateCAStore().all(of: subject.issuerID, in: tx).first { node in
            node.certPEM.flatMap { try? X509Certificate(pem: $0) }.map(signed) ?? false
        }
        let isOurs = node != nil || authority.map(signed) ?? false
        var version = NewVersion(
            id: context.newID(), certificateID: subject.certificate.id, issuerID: subject.issuerID,
            serialNumber: leaf.serialNumber.hex, notBefore: leaf.notBefore, notAfter: leaf.notAfter,
            fingerprintSHA256: leaf.fingerprintSHA256, spkiSHA256: leaf.subjectPublicKey.spkiSHA256,
            pemChain: chain.map(\.pem).joined(), csrPEM: nil, keyAlgorithm: leaf.subjectPublicKey.algorithm,
            keySize: leaf.subjectPublicKey.size, keyOrigin: .external, jobID: nil)
        version.signatureAlgorithm = leaf.signatureName
        version.issuingCA = node?.id
        let issuer = chain.dropFirst().first(where: signed) ?? authority.flatMap { signed($0) ? $0 : nil }
        version.lintFindings = context.linter.findings(in: leaf, issuer: issuer, isOurs: isOurs)
        version.importation = NewVersion.Importation(
            isIssuedElsewhere: !isOurs, issuedAt: min(leaf.notBefore, tx.now),
            path: try KnownPaths.judge(of: chain, in: tx).verdict(
                on: chain, parameters: KnownPaths.parameters(at: tx.now, under: subject.profile)))
        return version
    }
}
