import ConnectorKit
package import Domain
import EmbeddedCA
import Encoding
package import IssuerConnectors
import PKI
import Query
package import Store

/// Builds trees of CAs: roots, and CAs below them (protocol-servers §6).
///
/// A key is stored, and the serial number is in the audit trail, before anything is signed. The CA itself is stored when
/// its certificate is there and its parent still active; of a creation that fails the key is removed.
package struct HierarchyFlow: Sendable {
    let context: LifecycleContext
    let registry: IssuerRegistry
    let keys: CAKeys
    let ceremonies: CeremonyDesk
    let revocationObservers: [RevocationObserver]
    let store = IntermediateCAStore()

    package init(
        _ context: LifecycleContext, registry: IssuerRegistry, keeper: AuthorityKeeper, authorities: AuthorityAccess,
        ceremonies: CeremonyDesk, revocationObservers: [RevocationObserver] = []
    ) {
        self.ceremonies = ceremonies
        self.revocationObservers = revocationObservers
        self.context = context
        self.registry = registry
        keys = CAKeys(keeper: keeper, authorities: authorities)
    }

    /// Creates a root or a CA below another, or registers a root that exists.
    ///
    /// - Throws: ``CeremonyHeld`` when a second person has to agree first; then nothing was done.
    package func create(_ draft: CADraft, by author: Authorship) async throws -> IntermediateCA {
        try await create(CAPlan(draft), by: author)
    }

    func create(_ plan: CAPlan, by author: Authorship) async throws -> IntermediateCA {
        let parent = try await context.read { tx in try check(plan, by: author, in: tx) }
        let ceremony = try await ceremonies.admit(plan.terms(), by: author)
        switch (plan.making, parent) {
        case (.made(let subject, let spec, let place), let parent?):
            return try await createChild(plan, subject, spec, place, below: parent, ceremony, by: author)
        case (.made(let subject, let spec, let place), nil):
            return try await createRoot(plan, subject, spec, place, ceremony, by: author)
        case (.registered(let certificate, let key), _):
            return try await register(certificate, key, plan, ceremony, by: author)
        }
    }

    /// The parent with the revision of its issuer; `nil` for a root.
    ///
    /// - `isSignedHere`: Whether the parent is to sign, rather than somebody who has its key.
    func check(
        _ plan: CAPlan, isSignedHere: Bool = true, by author: Authorship, in tx: any Transaction
    ) throws -> (node: IntermediateCA, revision: Int)? {
        let draft = plan.draft
        let issuer = try visibleTree(draft.issuerID, author, in: tx)
        try requireAllowed(plan.making)
        let all = try store.all(of: issuer.id, in: tx)
        if all.contains(where: { $0.name == plan.name }) {
            throw StoreError.alreadyExists(.authority, field: "name")
        }
        guard let parentID = draft.parentID else {
            if plan.succession == nil { try Self.requireNoRoot(among: all) }
            return nil
        }
        let parent = try store.get(parentID, in: tx)
        guard parent.issuerID == issuer.id else {
            throw ServiceError(
                .unprocessable, "the CA \(parentID.text) is of the issuer \(parent.issuerID.text)",
                problems: [
                    FieldProblem(
                        pointer: "/parent_ca_id", code: "other_issuer", detail: "is not a CA of \(issuer.id.text)")
                ])
        }
        try Self.requireStanding(parent, in: tx)
        if isSignedHere {
            try Self.requireSigning(parent, in: tx)
            try requireAllowed(parent)
        }
        guard try store.path(from: parentID, in: tx).count < IntermediateCAStore.deepest else {
            throw ServiceError(.unprocessable, "a tree is at most \(IntermediateCAStore.deepest) CAs deep")
        }
        return (parent, issuer.configRevision)
    }

    static func requireNoRoot(among all: [IntermediateCA]) throws(ServiceError) {
        guard let root = all.first(where: { $0.isRoot && $0.state == .active }) else { return }
        throw ServiceError(
            .invalidState,
            "the tree has the active root \(root.name) (\(root.id.text)); retire it first, or make its successor with "
                + "certctl intermediates succeed")
    }

    static func requireActive(_ parent: IntermediateCA) throws(ServiceError) {
        guard parent.state == .active else {
            throw ServiceError(
                .invalidState, "the CA \(parent.name) (\(parent.id.text)) is \(parent.state.rawValue) and signs no CAs")
        }
    }

    /// Active, and below none that is revoked.
    static func requireStanding(_ node: IntermediateCA, in tx: any Transaction) throws {
        try requireActive(node)
        guard let revoked = try IntermediateCAStore().revokedAbove(node.id, in: tx) else { return }
        throw ServiceError(
            .invalidState,
            "the CA \(node.name) (\(node.id.text)) is below the CA \(revoked.name) (\(revoked.id.text)), which is revoked"
        )
    }

    static func requireSigning(_ parent: IntermediateCA, in tx: any Transaction) throws {
        try requireStanding(parent, in: tx)
        guard parent.hasKey else {
            throw ServiceError(
                .invalidState,
                "the key of the CA \(parent.name) (\(parent.id.text)) is not here, so it can't sign; "
                    + "ask for a CA below it with certctl intermediates csr")
        }
    }

    /// An issuer out of reach is as unknown as one that does not exist.
    func visibleIssuer(_ id: IssuerID, _ author: Authorship, in tx: any Transaction) throws -> Issuer {
        guard author.clearance.covers(ObjectScopes(issuer: id, profile: nil)) else {
            throw StoreError.notFound(.issuer, id: id.text)
        }
        return try IssuerStore().get(id, in: tx)
    }

    func visibleTree(_ id: IssuerID, _ author: Authorship, in tx: any Transaction) throws -> Issuer {
        let issuer = try visibleIssuer(id, author, in: tx)
        guard issuer.hierarchyMode == .tree else {
            throw ServiceError(
                .unprocessable,
                "the issuer \(id.text) is one authority; CAs are created in an issuer with hierarchy_mode tree")
        }
        return issuer
    }

    // MARK: Made here

    private func createChild(
        _ plan: CAPlan, _ subject: DistinguishedName, _ spec: KeySpec, _ place: CAPlan.KeyPlace,
        below parent: (node: IntermediateCA, revision: Int), _ ceremony: AdmittedCeremony, by author: Authorship
    ) async throws -> IntermediateCA {
        let connector: LocalCAConnector
        do {
            connector = try await registry.node(parent.node.id, revision: parent.revision)
        } catch let error as IssuerError {
            throw error.serviceError
        }
        let path = connector.authorityPath
        // Found wrong before a key is made.
        let probe = try Self.order(plan, subject, parent.node, path, at: context.time.now)
        let made = try await keys.make(spec, in: place)
        return try await keeping(made, plan, ceremony, by: author) { serial in
            let order = AuthorityOrder(probe, for: made.signer.publicKey)
            do {
                return (try await connector.certify(order, serial: serial), parent.node.id)
            } catch let error as IssuerError {
                throw error.serviceError
            }
        }
    }

    private func createRoot(
        _ plan: CAPlan, _ subject: DistinguishedName, _ spec: KeySpec, _ place: CAPlan.KeyPlace,
        _ ceremony: AdmittedCeremony, by author: Authorship
    ) async throws -> IntermediateCA {
        let now = context.time.now
        let terms = try Self.refusing { () throws(LocalCAError) in
            AuthorityTerms(
                subject: subject, validity: try HierarchyRules.validity(plan.lifetime, at: now, within: nil),
                pathLength: plan.draft.pathLength, nameConstraints: plan.constraints,
                extendedKeyUsages: plan.extendedKeyUsages.map(\.oid), policies: plan.policies)
        }
        let made = try await keys.make(spec, in: place)
        return try await keeping(made, plan, ceremony, by: author) { serial in
            let order = AuthorityOrder(terms, for: made.signer.publicKey)
            do {
                return (
                    try await LocalCA.createRoot(
                        order, serial: serial, signer: made.signer, linter: keys.authorities.linter), nil
                )
            } catch let error as LocalCAError {
                throw Self.refusal(error)
            }
        }
    }

    /// Key and serial number on record, then the signature, then the CA; without the CA no key either.
    private func keeping(
        _ made: CAKeys.Made, _ plan: CAPlan, _ ceremony: AdmittedCeremony, by author: Authorship,
        sign: (RecordedSerial) async throws -> (X509Certificate, parent: AuthorityID?)
    ) async throws -> IntermediateCA {
        let id: AuthorityID = context.newID()
        do {
            let serial = SerialNumber.random(context.random)
            let reference = try await context.write { [context, keys] tx in
                let reference: KeyReference
                do {
                    reference = try keys.keep(made, in: tx)
                } catch let error as IssuerError {
                    throw error.serviceError
                }
                var details = Self.details(reference, made.signer.publicKey)
                details["issuer_id"] = .string(plan.draft.issuerID.text)
                details["serial_number"] = .string(serial.hex)
                // What the request itself did is recorded with the CA.
                try context.recorder.record(
                    .nodeKeyMade, id.text, details: details,
                    by: Authorship(actor: author.actor, origin: nil, clearance: .system), in: tx)
                return reference
            }
            let (certificate, parent) = try await sign(RecordedSerial(alreadyRecorded: serial))
            var new = Self.node(id, plan, certificate, below: parent)
            new.keyDriver = reference.driver
            new.keyReference = reference.ref
            new.isKeyOwn = true
            return try await add(new, ceremony, by: author)
        } catch {
            await keys.abandon(made, of: id)
            throw error
        }
    }

    // MARK: Registered

    private func register(
        _ certificate: X509Certificate, _ key: KeyReference?, _ plan: CAPlan, _ ceremony: AdmittedCeremony,
        by author: Authorship
    ) async throws -> IntermediateCA {
        let now = context.time.now
        do throws(LocalCAError) {
            try HierarchyRules.checkRoot(certificate, at: now)
        } catch {
            throw Self.invalid("/root_cert_pem", "invalid_root", "\(error)")
        }
        let id: AuthorityID = context.newID()
        if let key { try await prove(key, of: id, certificate) }
        var new = Self.node(id, plan, certificate, below: nil)
        new.keyDriver = key?.driver
        new.keyReference = key?.ref
        return try await add(new, ceremony, by: author)
    }

    /// The key answers, and is that of the certificate.
    func prove(_ key: KeyReference, of id: AuthorityID, _ certificate: X509Certificate) async throws {
        let signer: any Signer
        do {
            signer = try await keys.authorities.signer(key, of: id)
        } catch let error as IssuerError {
            throw Self.invalid("/key_driver_id", "unusable_key", error.message)
        }
        guard signer.publicKey == certificate.subjectPublicKey else {
            throw Self.invalid("/key_driver_id", "other_key", "is not the key of \(certificate.subject)")
        }
    }

    // MARK: Storing

    private func add(
        _ new: NewIntermediateCA, _ ceremony: AdmittedCeremony, by author: Authorship
    ) async throws -> IntermediateCA {
        let isRoot = new.parentID == nil
        let isStaged = new.succession != nil
        let node = try await context.write { [context, store, ceremonies] tx in
            try store.beginChange(of: new.issuerID, in: tx)
            if let parent = new.parentID { try Self.requireSigning(try store.lock(parent, in: tx), in: tx) }
            if let before = new.succession?.predecessorID {
                try Self.requireSuccession(of: try store.lock(before, in: tx), in: tx)
            }
            try Self.requireOwnKey(new, in: tx)
            let node = try store.insert(new, in: tx)
            try context.recorder.record(
                isStaged ? .nodeStaged : isRoot ? .rootCreated : .childCreated, node.id.text,
                details: Self.details(node, new.certSHA256),
                change: .creation(of: .intermediateCAs), by: author, in: tx)
            try ceremonies.conclude(ceremony, on: node, by: author, in: tx)
            return node
        }
        context.observers.hierarchyChanged(node.issuerID, isStaged ? .staged : isRoot ? .createRoot : .createChild)
        return node
    }

    /// Whoever relies on two CAs that share a key cannot tell their revocations apart.
    static func requireOwnKey(_ new: NewIntermediateCA, in tx: any Transaction) throws {
        if try KeyUse.read(spkiSHA256: new.spkiSHA256, jwkThumbprint: nil, in: tx).isCompromised {
            throw ServiceError(.unprocessable, "the key of this CA was reported as compromised")
        }
        let twin = try IntermediateCAStore().all(in: tx).first { $0.spkiSHA256 == new.spkiSHA256 }
        if let twin {
            throw ServiceError(
                .alreadyExists, "the CA \(twin.name) (\(twin.id.text)) has this key; each CA has a key of its own")
        }
        guard let driver = new.keyDriver, let reference = new.keyReference, driver != AuthorityKeeper.ownDriver,
            let owner = try AuthorityKeeper.owner(of: KeyReference(driver: driver, ref: reference), in: tx)
        else { return }
        throw ServiceError(.alreadyExists, "the key \(reference) is that of \(owner); each CA has a key of its own")
    }

    private static func node(
        _ id: AuthorityID, _ plan: CAPlan, _ certificate: X509Certificate, below parent: AuthorityID?
    ) -> NewIntermediateCA {
        var new = NewIntermediateCA(id, of: plan.draft.issuerID, below: parent, name: plan.name)
        take(certificate, into: &new)
        // Where CAs may follow below, signing for anybody else is theirs, unless somebody wants it otherwise.
        new.isIssuing = plan.draft.isIssuing ?? (parent != nil && (new.pathLength ?? 0) == 0)
        new.ocspURL = plan.draft.ocspURL
        new.listValiditySeconds = plan.draft.listValiditySeconds
        new.listIntervalSeconds = plan.draft.listIntervalSeconds
        new.metadata = plan.draft.metadata
        new.succession = plan.succession
        return new
    }

    /// What the certificate of a CA says about it.
    static func take(_ certificate: X509Certificate, into new: inout NewIntermediateCA) {
        let extensions = certificate.extensions
        new.subject = certificate.subject.description
        new.certPEM = certificate.pem
        new.certSHA256 = certificate.fingerprintSHA256
        new.spkiSHA256 = certificate.subjectPublicKey.spkiSHA256
        new.subjectKeyIdentifier = Hex.encode(
            extensions.subjectKeyIdentifier ?? certificate.subjectPublicKey.keyIdentifier)
        new.serialNumber = certificate.serialNumber.hex
        new.keyAlgorithm = certificate.subjectPublicKey.name
        new.notBefore = certificate.notBefore
        new.notAfter = certificate.notAfter
        new.pathLength = extensions.basicConstraints?.pathLenConstraint
        new.nameConstraints = extensions.nameConstraints?.json ?? .array([])
        new.allowedEKUs = names(of: extensions.extendedKeyUsages)
        new.policyOIDs = extensions.policies.map { "\($0)" }
    }

    static func names(of usages: [OID]) -> [String] {
        usages.map { ExtendedKeyUsage(rawValue: "\($0)")?.rawValue ?? "\($0)" }
    }

    /// What is on record of a CA that became one.
    static func details(_ node: IntermediateCA, _ fingerprint: String?) -> JSONObject {
        var details: JSONObject = [
            "issuer_id": .string(node.issuerID.text), "name": .string(node.name), "subject": .string(node.subject),
            "spki_sha256": .string(node.spkiSHA256),
        ]
        details["serial_number"] = node.serialNumber.map { .string($0) }
        details["fingerprint_sha256"] = fingerprint.map { .string($0) }
        details["not_after"] = node.notAfter.map { .string($0.rfc3339) }
        details["parent_ca_id"] = node.parentID.map { .string($0.text) }
        details["succeeds_ca_id"] = node.predecessorID.map { .string($0.text) }
        details["activation_at"] = node.activationAt.map { .string($0.rfc3339) }
        details["key_driver"] = node.keyDriver.map { .string($0) }
        details["key_ref"] = node.keyReference.map { .string($0) }
        return details
    }

    static func details(_ key: KeyReference, _ publicKey: SubjectPublicKey) -> JSONObject {
        [
            "algorithm": .string(publicKey.name), "key_driver": .string(key.driver), "key_ref": .string(key.ref),
            "spki_sha256": .string(publicKey.spkiSHA256),
        ]
    }
}
