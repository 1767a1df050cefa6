import ConnectorKit
package import Domain
import EmbeddedCA
import Encoding
import IssuerConnectors
import PKI
import Query
package import Store

// A CA that exists comes here with its key: a root, a CA below one of the tree, or below somebody elsewhere, who then is in
// the tree without a key. What it revoked before stays revoked (ADR-0034).
extension HierarchyFlow {
    /// What an adoption did, or would do.
    package struct Adoption: Sendable {
        package let node: IntermediateCA
        /// Those above it that are in the tree from now on, without their keys; the nearest first.
        package let registered: [IntermediateCA]
        /// Certificates that it signed before and that have not ended.
        package let certificates: Int
        /// Of those that were brought along how many had ended, and were left out.
        package let ended: Int
        package let revocations: Int
        /// The number of its last list elsewhere.
        package let listNumber: Int?
        package let listedAt: Timestamp?
    }

    /// Takes a CA in with its key, and with what it signed and revoked before.
    ///
    /// - `isRehearsed`: Tells what would happen, and changes nothing.
    /// - Throws: 400 with what is wrong with certificate, key, or what was brought along; 404 for an issuer out of reach; 409 for a
    ///   CA or key that is here already, and below a parent that is not active or revoked the certificate; 422 when the issuer
    ///   is no tree, nobody above the CA is known, or the key is bad.
    package func adopt(
        _ draft: AdoptionDraft, isRehearsed: Bool, by author: Authorship
    ) async throws -> Adoption {
        _ = try await context.read { tx in try visibleTree(draft.issuerID, author, in: tx) }
        let plan = try AdoptionPlan(draft, at: context.time.now)
        try requireAllowed(KeyKind(plan.certificate.subjectPublicKey), at: "/chain_pem")
        let id: AuthorityID = context.newID()
        if case .held(let reference) = plan.key { try await prove(reference, of: id, plan.certificate) }
        // The whole of it, undone: nobody is asked about what cannot be done.
        let rehearsed = try await context.write(rehearsing: true) { tx in
            try take(plan, as: id, by: author, in: tx)
        }
        if isRehearsed { return rehearsed }
        let ceremony = try await ceremonies.admit(plan.terms, by: author)
        let adoption = try await context.write { tx in
            let adoption = try take(plan, as: id, by: author, in: tx)
            try ceremonies.conclude(ceremony, on: adoption.node, by: author, in: tx)
            return adoption
        }
        context.observers.hierarchyChanged(adoption.node.issuerID, .adopted)
        return adoption
    }

    private func take(
        _ plan: AdoptionPlan, as id: AuthorityID, by author: Authorship, in tx: any Transaction
    ) throws -> Adoption {
        let issuer = try visibleTree(plan.draft.issuerID, author, in: tx)
        try store.beginChange(of: issuer.id, in: tx)
        let all = try store.all(of: issuer.id, in: tx)
        try requireUnknown(plan.certificate, in: tx)
        guard !all.contains(where: { $0.name == plan.name }) else {
            throw StoreError.alreadyExists(.authority, field: "name")
        }
        let place = try place(of: plan.chain, among: all, in: tx)
        try Self.check(plan.certificate, below: place.path, at: tx.now)
        let registered = try register(place, taken: Set(all.map(\.name) + [plan.name]), issuer.id, by: author, in: tx)

        var new = NewIntermediateCA(id, of: issuer.id, below: registered.last?.id ?? place.parent?.id, name: plan.name)
        Self.take(plan.certificate, into: &new)
        new.isIssuing = plan.draft.isIssuing ?? (new.parentID != nil && (new.pathLength ?? 0) == 0)
        new.ocspURL = plan.draft.ocspURL
        new.metadata = plan.draft.metadata
        // What is sealed here is a copy of our own, and goes in the end.
        if case .brought = plan.key { new.isKeyOwn = true } else { new.isKeyOwn = false }
        try Self.requireOwnKey(new, in: tx)
        let reference = try keep(plan.key, of: id, issuer.id, by: author, plan.certificate.subjectPublicKey, in: tx)
        new.keyDriver = reference.driver
        new.keyReference = reference.ref
        let node = try store.insert(new, in: tx)
        try takeOver(plan.past, of: node, by: author, in: tx)
        let adoption = Adoption(
            node: node, registered: registered.reversed(), certificates: plan.past.issued.count, ended: plan.past.ended,
            revocations: plan.past.revoked.count, listNumber: plan.past.listNumber, listedAt: plan.past.listedAt)
        try context.recorder.record(
            .nodeAdopted, id.text, details: Self.details(adoption, new.certSHA256),
            change: .creation(of: .intermediateCAs), by: author, in: tx)
        return adoption
    }

    private func keep(
        _ key: AdoptionPlan.Key, of id: AuthorityID, _ issuer: IssuerID, by author: Authorship,
        _ publicKey: SubjectPublicKey, in tx: any Transaction
    ) throws -> KeyReference {
        let reference: KeyReference
        do {
            switch key {
            case .brought(let key):
                let place = CAKeyID(generatedAt: tx.now, random: context.random)
                reference = try keys.keeper.keep(.sealed(key), as: place, in: tx)
            case .held(let held): reference = held
            }
        } catch let error as IssuerError {
            throw error.serviceError
        }
        var details = Self.details(reference, publicKey)
        details["issuer_id"] = .string(issuer.text)
        try context.recorder.record(
            .nodeKeyAdopted, id.text, details: details,
            by: Authorship(actor: author.actor, origin: nil, clearance: .system), in: tx)
        return reference
    }

    // MARK: Its place

    /// Where a CA belongs.
    private struct Place {
        /// A CA of the tree; `nil` when the topmost of `missing`, or the CA itself, is a root.
        let parent: IntermediateCA?
        /// Those between the CA and `parent` that the tree does not have, the nearest first.
        let missing: [X509Certificate]
        /// Whatever is above the CA, the nearest first.
        let path: [X509Certificate]
    }

    private func place(
        of chain: [X509Certificate], among all: [IntermediateCA], in tx: any Transaction
    ) throws -> Place {
        let known = try all.compactMap { node in try node.certPEM.map { (node, try X509Certificate(pem: $0)) } }
        for (distance, certificate) in chain.enumerated() {
            let signer = known.first { _, own in
                certificate.issuer.matches(own.subject) && certificate.verifySignature(issuedBy: own)
            }
            guard let signer else { continue }
            let parent = try store.lock(signer.0.id, in: tx)
            try Self.requireStanding(parent, in: tx)
            try Self.requireGood(certificate, by: parent, in: tx)
            let missing = Array(chain[1..<(distance + 1)])
            guard try store.path(from: parent.id, in: tx).count + missing.count < IntermediateCAStore.deepest else {
                throw ServiceError(.unprocessable, "a tree is at most \(IntermediateCAStore.deepest) CAs deep")
            }
            return Place(
                parent: parent, missing: missing, path: missing + (try AuthorityKeeper.chain(of: parent.id, in: tx)))
        }
        guard let top = chain.last, top.isSelfIssued, top.verifySignature(issuedBy: top) else {
            throw Self.invalid(
                "/chain_pem", "incomplete",
                "nobody in the tree signed \(chain.last?.subject.description ?? "it"): add the certificates above, up to the root"
            )
        }
        guard chain.count <= IntermediateCAStore.deepest else {
            throw ServiceError(.unprocessable, "a tree is at most \(IntermediateCAStore.deepest) CAs deep")
        }
        try Self.requireNoRoot(among: all)
        return Place(parent: nil, missing: Array(chain.dropFirst()), path: Array(chain.dropFirst()))
    }

    /// Puts those above a CA that the tree does not have into it, as CAs whose keys are elsewhere; the topmost first.
    private func register(
        _ place: Place, taken: Set<String>, _ issuer: IssuerID, by author: Authorship, in tx: any Transaction
    ) throws -> [IntermediateCA] {
        var (taken, above, registered) = (taken, place.parent?.id, [IntermediateCA]())
        for certificate in place.missing.reversed() {
            let common = String((certificate.subject.commonName ?? certificate.subject.description).prefix(60))
            var (name, number) = (common, 1)
            while !taken.insert(name).inserted {
                number += 1
                name = "\(common) \(number)"
            }
            var new = NewIntermediateCA(context.newID(), of: issuer, below: above, name: name)
            Self.take(certificate, into: &new)
            try Self.requireOwnKey(new, in: tx)
            let node = try store.insert(new, in: tx)
            try context.recorder.record(
                above == nil ? .rootCreated : .childCreated, node.id.text, details: Self.details(node, new.certSHA256),
                change: .creation(of: .intermediateCAs),
                by: Authorship(actor: author.actor, origin: nil, clearance: .system), in: tx)
            registered.append(node)
            above = node.id
        }
        return registered
    }

    // MARK: Checks

    private static func check(
        _ certificate: X509Certificate, below path: [X509Certificate], at now: Timestamp
    ) throws(ServiceError) {
        do throws(LocalCAError) {
            guard path.isEmpty else {
                return try HierarchyRules.checkSubordinate(certificate, below: path, at: now)
            }
            try HierarchyRules.checkRoot(certificate, at: now)
        } catch {
            throw invalid("/chain_pem", "unfit_certificate", "\(error)")
        }
        guard certificate.keyUsage?.contains(.cRLSign) ?? true else {
            throw invalid("/chain_pem", "unfit_certificate", "its key usage lacks cRLSign, so it can't revoke")
        }
    }

    private func requireUnknown(_ certificate: X509Certificate, in tx: any Transaction) throws {
        let known = try IntermediateCAStore().all(in: tx).first {
            $0.certPEM != nil && $0.spkiSHA256 == certificate.subjectPublicKey.spkiSHA256
        }
        if let known {
            throw ServiceError(.alreadyExists, "the CA is here already: \(known.name) (\(known.id.text))")
        }
        let refusal = try KeyHygiene.refusal(
            of: certificate.subjectPublicKey, besides: context.weakKeys, in: tx)
        guard let refusal else { return }
        throw ServiceError(
            .unprocessable, "the CA can't be adopted: \(refusal.detail)",
            problems: [FieldProblem(pointer: "/chain_pem", code: refusal.code, detail: refusal.detail)])
    }

    private static func requireGood(
        _ certificate: X509Certificate, by parent: IntermediateCA, in tx: any Transaction
    ) throws {
        let revoked = try RevocationStore().inForce(
            authority: parent.id, issuer: parent.issuerID, serial: certificate.serialNumber.hex, in: tx)
        guard let revoked else { return }
        throw ServiceError(
            .invalidState,
            "the CA \(parent.name) (\(parent.id.text)) revoked the certificate of \(certificate.subject) on "
                + "\(revoked.revokedAt.rfc3339) (\(revoked.reason.rawValue))")
    }

    // MARK: Its past

    private func takeOver(
        _ past: AdoptedPast, of node: IntermediateCA, by author: Authorship, in tx: any Transaction
    ) throws {
        for certificate in past.issued {
            try AdoptedCertificateStore().insert(
                AdoptedCertificate(
                    by: node.id, serialNumber: certificate.serialNumber.hex,
                    spkiSHA256: certificate.subjectPublicKey.spkiSHA256, isCA: certificate.isCA,
                    notAfter: certificate.notAfter),
                in: tx)
        }
        let revocations = past.revoked.map { entry in
            // What was not brought along may live as long as the CA: then it stays listed that long.
            var new = NewRevocation(
                id: context.newID(), issuerID: node.issuerID, authorityID: node.id, serialNumber: entry.serialNumber,
                notAfter: entry.certificate?.notAfter ?? node.notAfter ?? tx.now, reason: entry.reason,
                revokedBy: author.actor.id)
            new.revokedAt = entry.revokedAt
            new.invalidityDate = entry.invalidityDate
            new.spkiSHA256 = entry.certificate?.subjectPublicKey.spkiSHA256
            new.isCA = entry.certificate?.isCA ?? false
            return new
        }
        try RevocationStore().takeOver(revocations, of: node.id, issuer: node.issuerID, in: tx)
        if let number = past.listNumber {
            try RevocationListStore().continueNumbers(of: node.id, issuer: node.issuerID, after: number, in: tx)
        }
    }

    private static func details(_ adoption: Adoption, _ fingerprint: String?) -> JSONObject {
        var details = details(adoption.node, fingerprint)
        details["registered"] = JSONValue(adoption.registered.map(\.id.text))
        details["certificates"] = JSONValue(adoption.certificates)
        details["revocations"] = JSONValue(adoption.revocations)
        details["crl_number"] = adoption.listNumber.map { JSONValue($0) }
        details["crl_this_update"] = adoption.listedAt.map { .string($0.rfc3339) }
        return details
    }
}
