import ConnectorKit
package import Domain
import EmbeddedCA
import Encoding
import IssuerConnectors
import PKI
import Query
package import Store

// A CA lives on with its key: its parent signs another certificate for it, and that one is sent from then on
// (protocol-servers §6.2). The one before stays among the further certificates, so whoever signed it answers for it.
extension HierarchyFlow {
    /// Has the parent of a CA sign another certificate for the same name and key, which holds longer; or takes one in that was
    /// signed where the key of the parent is.
    ///
    /// - `ttlDays`: 0 for as long as the certificate that the CA has was made for. Never beyond the parent's.
    /// - `pem`: The certificate, when it was signed elsewhere.
    /// - Throws: 400 with what is wrong with the certificate; 409 when one of the two is not active, or when no certificate by
    ///   the parent would hold longer; 422 for a root.
    package func renew(
        _ id: AuthorityID, ttlDays: Int, with pem: String?, by author: Authorship
    ) async throws -> IntermediateCA {
        var problems = FieldProblems()
        problems.checkRange(ttlDays, at: "/ttl_days", 0...36_500)
        if pem != nil, ttlDays != 0 {
            problems.add("/ttl_days", "conflict", "the certificate says how long it holds: leave it out")
        }
        try problems.throwIfAny()
        let brought = try pem.map { try Self.only($0) }
        let (node, parent, revision) = try await context.read { tx in
            let node = try visible(id, author, in: tx)
            let parent = try Self.parent(of: node, isSigning: brought == nil, in: tx)
            try requireAllowed(node)
            if brought == nil { try requireAllowed(parent) }
            return (node, parent, try IssuerStore().get(node.issuerID, in: tx).configRevision)
        }
        guard let brought else {
            let certificate = try await signAgain(node, ttlDays, parent, revision, by: author)
            return try await replace(node, with: certificate, isSignedHere: true, by: author)
        }
        return try await replace(node, with: brought, isSignedHere: false, by: author)
    }

    private static func parent(
        of node: IntermediateCA, isSigning: Bool, in tx: any Transaction
    ) throws -> IntermediateCA {
        guard let parentID = node.parentID else {
            throw ServiceError(
                .unprocessable,
                "the CA \(node.name) (\(node.id.text)) is a root, which nobody signs: make another root, and let it sign for "
                    + "this one with certctl intermediates cross-sign")
        }
        guard node.state == .active else {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) is \(node.state.rawValue), and only active ones are renewed")
        }
        let parent = try IntermediateCAStore().get(parentID, in: tx)
        try requireStanding(parent, in: tx)
        guard !isSigning || parent.hasKey else {
            throw ServiceError(
                .invalidState,
                "the key of the CA \(parent.name) (\(parent.id.text)) is not here, so it can't sign; make a request with certctl "
                    + "intermediates cross-csr, and bring the certificate with certctl intermediates renew --cert")
        }
        return parent
    }

    private func signAgain(
        _ node: IntermediateCA, _ ttlDays: Int, _ parent: IntermediateCA, _ revision: Int, by author: Authorship
    ) async throws -> X509Certificate {
        let connector: LocalCAConnector
        do {
            connector = try await registry.node(parent.id, revision: revision)
        } catch let error as IssuerError {
            throw error.serviceError
        }
        let own = try Self.certificate(of: node)
        let order = try Self.again(own, ttlDays, below: connector.authorityPath, at: context.time.now)
        let serial = SerialNumber.random(context.random)
        try await context.write { [context] tx in
            try context.recorder.record(
                .nodeRenewing, node.id.text,
                details: ["parent_ca_id": .string(parent.id.text), "serial_number": .string(serial.hex)],
                by: Authorship(actor: author.actor, origin: nil, clearance: .system), in: tx)
        }
        do {
            return try await connector.certify(order, serial: RecordedSerial(alreadyRecorded: serial))
        } catch {
            throw error.serviceError
        }
    }

    /// The same once more, except when it ends.
    private static func again(
        _ own: X509Certificate, _ ttlDays: Int, below path: [X509Certificate], at now: Timestamp
    ) throws(ServiceError) -> AuthorityOrder {
        guard let parent = path.first else { throw ServiceError(.internalError, "the CA that signs has no path") }
        let lifetime = ttlDays > 0 ? Duration.days(Int64(ttlDays)) : own.notAfter - own.notBefore
        let order = try refusing { () throws(LocalCAError) in
            var order = AuthorityOrder(
                subject: own.subject, subjectPublicKey: own.subjectPublicKey,
                validity: try HierarchyRules.validity(lifetime, at: now, within: parent))
            order.pathLength = try HierarchyRules.pathLength(
                own.extensions.basicConstraints?.pathLenConstraint, below: path)
            order.nameConstraints = try HierarchyRules.nameConstraints(own.extensions.nameConstraints, in: parent)
            order.extendedKeyUsages = try HierarchyRules.extendedKeyUsages(own.extendedKeyUsages, in: parent)
            order.policies = try HierarchyRules.policies(own.extensions.policies, in: parent)
            order.subjectKeyIdentifier = own.extensions.subjectKeyIdentifier
            return order
        }
        guard order.notAfter > own.notAfter else {
            let end = "the CA has a certificate until \(own.notAfter.rfc3339)"
            guard order.notAfter >= parent.notAfter else {
                throw invalid("/ttl_days", "too_short", "\(end), and this one would end before it")
            }
            throw ServiceError(
                .invalidState, "\(end), and the CA above ends at \(parent.notAfter.rfc3339): renew that one first")
        }
        return order
    }

    /// Checks a certificate against what is stored by now, and puts it in the place of the one before.
    private func replace(
        _ seen: IntermediateCA, with certificate: X509Certificate, isSignedHere: Bool, by author: Authorship
    ) async throws -> IntermediateCA {
        let furtherID: CACertificateID = context.newID()
        let node = try await context.write { [context, store] tx in
            let node = try changing(seen.id, author, in: tx)
            if let parentID = node.parentID { _ = try store.lock(parentID, in: tx) }
            let parent = try Self.parent(of: node, isSigning: isSignedHere, in: tx)
            let own = try Self.certificate(of: node)
            guard node.serialNumber == seen.serialNumber else {
                throw ServiceError(
                    .invalidState, "the CA \(node.name) (\(node.id.text)) was renewed by somebody else at the same time"
                )
            }
            try Self.check(
                certificate, crossing: node, below: try AuthorityKeeper.chain(of: parent.id, in: tx), at: tx.now)
            if !isSignedHere { try Self.requireSame(certificate, as: own) }
            if try KeyUse.read(spkiSHA256: node.spkiSHA256, jwkThumbprint: nil, in: tx).isCompromised {
                throw ServiceError(.unprocessable, "the key of this CA was reported as compromised")
            }
            var new = NewIntermediateCA(node.id, of: node.issuerID, below: parent.id, name: node.name)
            Self.take(certificate, into: &new)
            let witness = try StateChange(of: .intermediateCAs, node.id.text, in: tx)
            let renewed = try store.renew(node.id, new, in: tx)
            try CACertificateStore().insert(
                NewCACertificate(
                    furtherID, of: node.id, by: .authority(parent.id), pem: own.pem, sha256: own.fingerprintSHA256,
                    issuer: own.issuer.description, serialNumber: own.serialNumber.hex,
                    validity: (own.notBefore, own.notAfter)),
                in: tx)
            var details = Self.details(renewed, new.certSHA256)
            details["previous_serial_number"] = .string(own.serialNumber.hex)
            details["previous_not_after"] = .string(own.notAfter.rfc3339)
            try context.recorder.record(
                .nodeRenewed, node.id.text, details: details, change: witness, by: author, in: tx)
            return renewed
        }
        context.observers.hierarchyChanged(node.issuerID, .renewed)
        return node
    }

    /// What the CA may do stays, so that everything below it holds on.
    private static func requireSame(
        _ certificate: X509Certificate, as own: X509Certificate
    ) throws(ServiceError) {
        let differences: [(String, Bool)] = [
            (
                "path length",
                certificate.extensions.basicConstraints?.pathLenConstraint
                    != own.extensions.basicConstraints?.pathLenConstraint
            ),
            ("name constraints", certificate.extensions.nameConstraints != own.extensions.nameConstraints),
            ("purposes", Set(certificate.extendedKeyUsages) != Set(own.extendedKeyUsages)),
            ("policies", Set(certificate.extensions.policies) != Set(own.extensions.policies)),
        ]
        if let difference = differences.first(where: \.1) {
            throw invalid(
                "/certificate_pem", "other_terms",
                "has other \(difference.0) than the certificate that the CA has; a renewal changes when it ends, nothing else"
            )
        }
        guard certificate.notAfter > own.notAfter else {
            throw invalid(
                "/certificate_pem", "too_short",
                "ends at \(certificate.notAfter.rfc3339); the CA has one until \(own.notAfter.rfc3339)")
        }
    }
}
