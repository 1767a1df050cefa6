import ConnectorKit
package import Domain
import EmbeddedCA
import Encoding
import IssuerConnectors
import PKI
import Query
package import Store

// CAs below one whose key is elsewhere: an offline root, or a CA whose certificates somebody else signs. The key is made
// here, a request leaves, and a certificate comes back (protocol-servers §6.2).
extension HierarchyFlow {
    /// Makes a key and a request for it. The CA is pending until its certificate comes.
    package func request(_ draft: CADraft, by author: Authorship) async throws -> IntermediateCA {
        guard draft.parentID != nil else {
            throw Self.invalid(
                "/parent_ca_id", "required", "a certificate is asked of a CA of the tree; register the root first")
        }
        return try await request(CAPlan(draft), by: author)
    }

    func request(_ plan: CAPlan, by author: Authorship) async throws -> IntermediateCA {
        guard case .made(let subject, let spec, let place) = plan.making else {
            throw Self.invalid("/root_cert_pem", "unexpected", "a root asks nobody for a certificate")
        }
        let (parent, path) = try await context.read { tx in
            guard let parent = try check(plan, isSignedHere: false, by: author, in: tx)?.node else {
                throw ServiceError(.internalError, "the checks of a CA are incomplete")
            }
            return (parent, try AuthorityKeeper.chain(of: parent.id, in: tx))
        }
        let terms = try Self.order(plan, subject, parent, path, at: context.time.now)
        let ceremony = try await ceremonies.admit(plan.terms(.request), by: author)
        let made = try await keys.make(spec, in: place)
        let id: AuthorityID = context.newID()
        let node: IntermediateCA
        do {
            var wanted = AuthorityRequest(subject: subject, subjectPublicKey: made.signer.publicKey)
            wanted.pathLength = terms.pathLength
            wanted.nameConstraints = terms.nameConstraints
            wanted.extendedKeyUsages = terms.extendedKeyUsages
            wanted.policies = terms.policies
            let request: CertificationRequest
            do throws(SignerError) {
                request = try await wanted.signed(by: made.signer)
            } catch {
                throw Self.refusal(.signer(error))
            }
            node = try await store(request, terms, plan, made, as: id, ceremony, by: author)
        } catch {
            await keys.abandon(made, of: id)
            throw error
        }
        context.observers.hierarchyChanged(node.issuerID, .request)
        return node
    }

    private func store(
        _ request: CertificationRequest, _ terms: AuthorityTerms, _ plan: CAPlan, _ made: CAKeys.Made,
        as id: AuthorityID, _ ceremony: AdmittedCeremony, by author: Authorship
    ) async throws -> IntermediateCA {
        var new = NewIntermediateCA(id, of: plan.draft.issuerID, below: plan.draft.parentID, name: plan.name)
        let key = made.signer.publicKey
        new.subject = terms.subject.description
        new.csrPEM = request.pem
        new.spkiSHA256 = key.spkiSHA256
        new.subjectKeyIdentifier = Hex.encode(key.keyIdentifier)
        new.keyAlgorithm = key.name
        new.isKeyOwn = true
        new.pathLength = terms.pathLength
        new.nameConstraints = terms.nameConstraints?.json ?? .array([])
        new.allowedEKUs = Self.names(of: terms.extendedKeyUsages)
        new.policyOIDs = terms.policies.map { "\($0)" }
        new.isIssuing = plan.draft.isIssuing ?? ((terms.pathLength ?? 0) == 0)
        new.ocspURL = plan.draft.ocspURL
        new.listValiditySeconds = plan.draft.listValiditySeconds
        new.listIntervalSeconds = plan.draft.listIntervalSeconds
        new.metadata = plan.draft.metadata
        new.succession = plan.succession
        return try await context.write { [context, keys, store, ceremonies, new] tx in
            var new = new
            try store.beginChange(of: new.issuerID, in: tx)
            if let parent = new.parentID { try Self.requireStanding(try store.lock(parent, in: tx), in: tx) }
            if let before = new.succession?.predecessorID {
                try Self.requireSuccession(of: try store.lock(before, in: tx), in: tx)
            }
            let reference: KeyReference
            do {
                reference = try keys.keep(made, in: tx)
            } catch let error as IssuerError {
                throw error.serviceError
            }
            new.keyDriver = reference.driver
            new.keyReference = reference.ref
            try Self.requireOwnKey(new, in: tx)
            var details = Self.details(reference, key)
            details["issuer_id"] = .string(new.issuerID.text)
            try context.recorder.record(
                .nodeKeyMade, id.text, details: details,
                by: Authorship(actor: author.actor, origin: nil, clearance: .system), in: tx)
            let node = try store.insert(new, in: tx)
            try context.recorder.record(
                .nodeRequested, id.text, details: Self.details(node, nil),
                change: .creation(of: .intermediateCAs), by: author, in: tx)
            try ceremonies.conclude(ceremony, on: node, by: author, in: tx)
            return node
        }
    }

    /// Brings in the certificate of a pending CA, which is active from then on, or staged when it takes the place of another.
    ///
    /// - Throws: 400 with what is wrong with the certificate; 409 for a CA that is not pending, or whose parent is not active.
    package func certify(_ id: AuthorityID, with pem: String, by author: Authorship) async throws -> IntermediateCA {
        let pending = try await context.read { tx in try visible(id, author, in: tx) }
        let certificate = try Self.only(pem)
        try await proveKey(of: pending)
        // Found wrong before anybody is asked.
        try await context.read { tx in _ = try place(certificate, in: try visible(id, author, in: tx), in: tx) }
        let ceremony = try await ceremonies.admit(pending.terms(certifiedBy: certificate), by: author)
        let node = try await context.write { tx in
            let node = try changing(id, author, in: tx)
            if let parent = node.parentID { _ = try store.lock(parent, in: tx) }
            let parent = try place(certificate, in: node, in: tx)
            var new = NewIntermediateCA(id, of: node.issuerID, below: parent.id, name: node.name)
            Self.take(certificate, into: &new)
            let witness = try StateChange(of: .intermediateCAs, id.text, in: tx)
            let active = try store.activate(id, new, in: tx)
            try context.recorder.record(
                active.state == .staged ? .nodeStaged : .childCreated, id.text,
                details: Self.details(active, new.certSHA256), change: witness, by: author, in: tx)
            try ceremonies.conclude(ceremony, on: active, by: author, in: tx)
            return active
        }
        context.observers.hierarchyChanged(node.issuerID, node.state == .staged ? .staged : .createChild)
        return node
    }

    /// The parent of a pending CA that may have this certificate.
    private func place(
        _ certificate: X509Certificate, in node: IntermediateCA, in tx: any Transaction
    ) throws -> IntermediateCA {
        let above = try Self.requirePending(node)
        try requireAllowed(KeyKind(certificate.subjectPublicKey), at: "/certificate_pem")
        try requireStrong(certificate.subjectPublicKey, at: "/certificate_pem")
        guard let above else { throw ServiceError(.internalError, "the pending CA \(node.id.text) has nobody above") }
        let parent = try store.get(above, in: tx)
        try Self.requireStanding(parent, in: tx)
        try Self.check(certificate, for: node, below: try AuthorityKeeper.chain(of: parent.id, in: tx), at: tx.now)
        if try KeyUse.read(spkiSHA256: node.spkiSHA256, jwkThumbprint: nil, in: tx).isCompromised {
            throw ServiceError(.unprocessable, "the key of this CA was reported as compromised")
        }
        return parent
    }

    /// Gives up a CA that is pending: it goes, and its key with it.
    package func discard(_ id: AuthorityID, by author: Authorship) async throws {
        let (node, isKeyGone) = try await context.write { tx in
            let node = try changing(id, author, in: tx)
            _ = try Self.requirePending(node)
            return (node, try giveUp(node, by: author, in: tx))
        }
        // The row is gone first: a CA without a key is worse than a key without a CA, which nobody uses.
        if !isKeyGone { try await destroyKey(of: node) }
        context.observers.hierarchyChanged(node.issuerID, .discarded)
    }

    /// Takes a pending CA out of its tree, which is locked.
    ///
    /// - Returns: Whether its key went with it; else ``destroyKey(of:)`` is to follow when this is committed.
    func giveUp(_ node: IntermediateCA, by author: Authorship, in tx: any Transaction) throws -> Bool {
        guard try store.deletePending(node.id, in: tx) else {
            throw ServiceError(.internalError, "the pending CA \(node.id.text) was not deleted")
        }
        let isSealed = node.keyDriver == AuthorityKeeper.ownDriver
        if isSealed, let reference = node.keyReference {
            try SealedKeyStore().delete(CAKeyID(stored: reference), in: tx)
            try recordKey(of: node, .nodeKeyDestroyed, in: tx)
        }
        try context.recorder.record(
            .nodeDiscarded, node.id.text, details: Self.details(node, nil), by: author, in: tx)
        return isSealed
    }

    /// Destroys the key of a CA that was given up, where a driver has it.
    func destroyKey(of node: IntermediateCA) async throws {
        guard let driver = node.keyDriver, let reference = node.keyReference else { return }
        let isGone = (try? await keys.destroy(KeyReference(driver: driver, ref: reference))) ?? false
        try await context.write { tx in
            try recordKey(of: node, isGone ? .nodeKeyDestroyed : .nodeKeyLeft, in: tx)
        }
    }

    private func recordKey(of node: IntermediateCA, _ action: RecordedAction, in tx: any Transaction) throws {
        var details: JSONObject = [
            "issuer_id": .string(node.issuerID.text), "algorithm": .string(node.keyAlgorithm),
            "spki_sha256": .string(node.spkiSHA256),
        ]
        details["key_driver"] = node.keyDriver.map { .string($0) }
        details["key_ref"] = node.keyReference.map { .string($0) }
        try context.recorder.record(action, node.id.text, details: details, by: .system, in: tx)
    }

    // MARK: Checks

    static func only(_ pem: String) throws(ServiceError) -> X509Certificate {
        let bundle: [X509Certificate]
        do throws(CertificateError) {
            bundle = try X509Certificate.bundle(pem: pem)
        } catch {
            throw invalid("/certificate_pem", "invalid_certificate", error.description)
        }
        guard bundle.count == 1 else {
            throw invalid(
                "/certificate_pem", "invalid_certificate",
                "must be the certificate of the CA alone, not \(bundle.count) certificates")
        }
        return bundle[0]
    }

    /// The parent of a pending CA.
    private static func requirePending(_ node: IntermediateCA) throws(ServiceError) -> AuthorityID? {
        guard node.state == .pending else {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) is \(node.state.rawValue), not pending: it has its certificate")
        }
        return node.parentID
    }

    private static func check(
        _ certificate: X509Certificate, for node: IntermediateCA, below path: [X509Certificate], at now: Timestamp
    ) throws(ServiceError) {
        let request: CertificationRequest
        do throws(CSRError) {
            request = try CertificationRequest(pem: node.csrPEM ?? "")
        } catch {
            throw ServiceError(.internalError, "the request of the CA \(node.id.text) can't be read: \(error)")
        }
        guard certificate.subjectPublicKey == request.subjectPublicKey else {
            throw invalid("/certificate_pem", "other_key", "is for another key than the request of this CA")
        }
        guard certificate.subject.matches(request.subject) else {
            throw invalid(
                "/certificate_pem", "other_subject", "is for \(certificate.subject); the request is for \(node.subject)"
            )
        }
        do throws(LocalCAError) {
            try HierarchyRules.checkSubordinate(certificate, below: path, at: now)
        } catch {
            throw invalid("/certificate_pem", "unfit_certificate", "\(error)")
        }
    }

    /// Before it is relied on: the key is still there, and answers.
    private func proveKey(of node: IntermediateCA) async throws {
        _ = try Self.requirePending(node)
        guard let key = try await signer(of: node)?.publicKey else { return }
        guard key.spkiSHA256 == node.spkiSHA256 else {
            throw ServiceError(
                .unprocessable, "the key of the CA \(node.id.text) is not the one that its request is for")
        }
    }

    /// The key of a CA; `nil` for one that is elsewhere.
    func signer(of node: IntermediateCA) async throws -> (any Signer)? {
        guard node.hasKey, let driver = node.keyDriver, let reference = node.keyReference else { return nil }
        do {
            if driver == AuthorityKeeper.ownDriver {
                return InProcessSigner(
                    key: try await context.read { [keys] tx in
                        try keys.keeper.open(CAKeyID(stored: reference), of: "the CA \(node.id.text)", in: tx)
                    })
            }
            return try await keys.authorities.signer(KeyReference(driver: driver, ref: reference), of: node.id)
        } catch let error as IssuerError {
            throw error.serviceError
        }
    }
}
