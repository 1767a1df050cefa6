package import Domain
import Encoding
import PKI
import Query
package import Store

// A staged CA takes the place of the one before, when whoever is known to trust the tree has its certificate (ADR-0037).
extension HierarchyFlow {
    /// Who has to trust a CA.
    package struct Consumers: Sendable {
        package let node: IntermediateCA
        /// Targets with a file of trusted CAs that follows the tree.
        package let known: Int
        /// Of those, the ones whose file does not have the certificate of the CA.
        package let lacking: Int
        /// Those that lack it first.
        package let targets: [TrustConsumer]
    }

    /// What an activation did.
    package struct Activation: Sendable {
        package let node: IntermediateCA
        /// The one before, which signs nothing new any more.
        package let predecessor: IntermediateCA?
        package let known: Int
        package let lacking: Int
        /// Certificates whose renewal became due.
        package let renewals: Int
    }

    /// Targets named in a refusal.
    private static let mostNamed = 10

    /// The targets that have to trust a CA, and whether they do. Clients that fetch the CAs of the tree by HTTP are not among them:
    /// nobody knows who they are.
    ///
    /// - `limit`: Most targets that are told.
    package func consumers(
        of id: AuthorityID, isLacking: Bool, limit: Int, by author: Authorship
    ) async throws -> Consumers {
        try await context.read { tx in
            let node = try visible(id, author, in: tx)
            return try consumers(of: node, isLacking: isLacking, limit: limit, in: tx)
        }
    }

    private func consumers(
        of node: IntermediateCA, isLacking: Bool, limit: Int, in tx: any Transaction
    ) throws -> Consumers {
        let fingerprint = try Self.certificate(of: node).fingerprintSHA256
        let holdings = TrustHoldingStore()
        let (known, lacking) = try holdings.counts(of: node.issuerID, certificate: fingerprint, in: tx)
        return Consumers(
            node: node, known: known, lacking: lacking,
            targets: try holdings.consumers(
                of: node.issuerID, certificate: fingerprint, isLacking: isLacking, limit: limit, in: tx))
    }

    /// Puts a staged CA in the place of the one before, which retires from then on.
    ///
    /// - `isForced`: Although targets lack it, or before its time; with a `reason`.
    /// - Throws: 400 for a force without a reason; 409 when it is not staged, when targets lack it, with their names, or before its
    ///   time.
    package func activate(
        _ id: AuthorityID, isForced: Bool = false, reason: String? = nil, by author: Authorship
    ) async throws -> Activation {
        if isForced, reason?.trimmingBlanks.isEmpty ?? true {
            throw Self.invalid("/reason", "required", "an activation that is forced has a reason, for the audit trail")
        }
        let done = try await context.write { tx in
            let node = try changing(id, author, in: tx)
            guard node.state == .staged, let predecessorID = node.predecessorID else {
                throw ServiceError(
                    .invalidState, "the CA \(node.name) (\(id.text)) is \(node.state.rawValue), not staged")
            }
            let consumers = try consumers(of: node, isLacking: true, limit: Self.mostNamed, in: tx)
            try Self.requireFit(node, in: tx)
            try requireAllowed(node)
            if !isForced { try Self.requireKnown(consumers, at: tx.now) }
            let before = try store.lock(predecessorID, in: tx)
            let (predecessor, renewals) = try replace(before, by: node, author, in: tx)
            let witness = try StateChange(of: .intermediateCAs, id.text, in: tx)
            let active = try store.activateStaged(id, in: tx)
            var details = Self.details(active, nil)
            details["targets"] = JSONValue(consumers.known)
            details["targets_lacking"] = JSONValue(consumers.lacking)
            details["forced"] = .bool(isForced)
            details["reason"] = reason.map { .string($0) }
            try context.recorder.record(.nodeActivated, id.text, details: details, change: witness, by: author, in: tx)
            return Activation(
                node: active, predecessor: predecessor, known: consumers.known, lacking: consumers.lacking,
                renewals: renewals)
        }
        context.observers.hierarchyChanged(done.node.issuerID, .activated)
        return done
    }

    /// The one before signs nothing new, and what it signed becomes due for renewal.
    private func replace(
        _ before: IntermediateCA, by node: IntermediateCA, _ author: Authorship, in tx: any Transaction
    ) throws -> (IntermediateCA, renewals: Int) {
        guard before.state == .active else { return (before, 0) }
        let renewals = try store.hurryRenewals(of: before.id, in: tx)
        let retiring = try move(
            before, to: .retiring, .nodeRetiring,
            ["renewals": JSONValue(renewals), "successor_ca_id": .string(node.id.text)], nil, by: author, in: tx)
        return (retiring, renewals)
    }

    private static func requireFit(_ node: IntermediateCA, in tx: any Transaction) throws {
        if let end = node.notAfter, end <= tx.now {
            throw ServiceError(
                .invalidState, "the certificate of the CA \(node.name) (\(node.id.text)) ended at \(end.rfc3339)")
        }
        if let revoked = try IntermediateCAStore().revokedAbove(node.id, in: tx) {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) is below the CA \(revoked.name) (\(revoked.id.text)), which is "
                    + "revoked")
        }
        if try KeyUse.read(spkiSHA256: node.spkiSHA256, jwkThumbprint: nil, in: tx).isCompromised {
            throw ServiceError(.unprocessable, "the key of this CA was reported as compromised")
        }
    }

    private static func requireKnown(_ consumers: Consumers, at now: Timestamp) throws(ServiceError) {
        let node = consumers.node
        let name = "the CA \(node.name) (\(node.id.text))"
        guard consumers.lacking == 0 else {
            let more = consumers.lacking - consumers.targets.count
            let targets = consumers.targets.map { "\($0.targetName) (\($0.targetID.text), agent \($0.agentName))" }
            throw ServiceError(
                .invalidState,
                "\(consumers.lacking) of \(consumers.known) targets do not trust \(name) yet: "
                    + targets.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
                    + "; see certctl intermediates consumers \(node.id.text)",
                counts: ["targets": consumers.known, "targets_lacking": consumers.lacking])
        }
        if let time = node.activationAt, time > now {
            throw ServiceError(
                .invalidState,
                "\(name) is held until \(time.rfc3339), so that clients which nobody knows of fetch it first")
        }
    }
}
