package import Domain
import EmbeddedCA
import Encoding
package import PKI
import Query
package import Store

extension HierarchyFlow {
    /// Ends a CA in two steps: first it signs nothing new, then, when nothing hangs on it any more, it is retired.
    ///
    /// - `isConfirmed`: Takes the second step. Without it an active CA takes the first.
    /// - `isForced`: Takes it although certificates are good or CAs below retire, with a `note`, and always with the agreement of a
    ///   second person. Its last list stands: what it signed can't be revoked any more, and OCSP has no answer.
    package func retire(
        _ id: AuthorityID, isConfirmed: Bool, isForced: Bool = false, note: String?, by author: Authorship
    ) async throws -> IntermediateCA {
        if isForced { try Self.requireReason(note, isConfirmed: isConfirmed) }
        let found = try await context.read { tx in
            let node = try visible(id, author, in: tx)
            try requireEndable(node, isConfirmed: isConfirmed, isForced: isForced, in: tx)
            return node
        }
        let ceremony = try await ceremonies.admit(
            found.endingTerms(isForced: isForced), isGrave: isForced, by: author)
        let (node, event) = try await context.write { tx in
            let node = try changing(id, author, in: tx)
            try requireEndable(node, isConfirmed: isConfirmed, isForced: isForced, in: tx)
            guard node.endingTerms(isForced: isForced) == ceremony.terms else {
                throw ServiceError(
                    .invalidState, "the CA \(node.name) (\(id.text)) is \(node.state.rawValue) by now; look at it again"
                )
            }
            let isOver = node.state == .retiring
            let moved =
                isOver
                ? try end(node, isForced: isForced, note, by: author, in: tx)
                : try drain(node, note, by: author, in: tx)
            try ceremonies.conclude(ceremony, on: moved, by: author, in: tx)
            return (moved, isOver ? LifecycleObservers.HierarchyEvent.retired : .retiring)
        }
        context.observers.hierarchyChanged(node.issuerID, event)
        return node
    }

    private static func requireReason(_ note: String?, isConfirmed: Bool) throws(ServiceError) {
        guard isConfirmed else {
            throw invalid("/force", "unexpected", "only the last step is forced; send confirm with it")
        }
        guard note?.trimmingBlanks.isEmpty == false else {
            throw invalid("/note", "required", "an end that is forced has a reason, for the audit trail")
        }
    }

    private func requireEndable(
        _ node: IntermediateCA, isConfirmed: Bool, isForced: Bool, in tx: any Transaction
    ) throws {
        let name = "the CA \(node.name) (\(node.id.text))"
        switch node.state {
        case .pending:
            throw ServiceError(.invalidState, "\(name) is pending and was never in service; delete it instead")
        case .staged, .active:
            guard isForced else { return }
            throw ServiceError(.invalidState, "\(name) is \(node.state.rawValue); retire it first, without force")
        case .retiring:
            if isForced { return try Self.requireForcible(node, try store.drain(of: node.id, in: tx)) }
            guard !isConfirmed else { return }
            throw ServiceError(
                .confirmationRequired,
                "\(name) is retiring; confirm to end it: its last revocation list is signed, and then its key is "
                    + "destroyed. " + Self.text(try store.drain(of: node.id, in: tx)))
        case .retired: throw ServiceError(.invalidState, "\(name) is retired already")
        case .revoked:
            throw ServiceError(
                .invalidState, "\(name) is revoked; its key goes by itself when nothing hangs on it any more")
        }
    }

    /// Takes a CA that is retiring back into service.
    package func cancelRetirement(
        _ id: AuthorityID, note: String?, by author: Authorship
    ) async throws -> IntermediateCA {
        try await context.write { tx in
            let node = try changing(id, author, in: tx)
            guard node.state == .retiring else {
                throw ServiceError(
                    .invalidState, "the CA \(node.name) (\(id.text)) is \(node.state.rawValue), not retiring")
            }
            if node.isRoot, !node.isUntried,
                let root = try store.all(of: node.issuerID, in: tx).first(where: { $0.isRoot && $0.state == .active })
            {
                throw ServiceError(.invalidState, "the tree has the active root \(root.name) (\(root.id.text)) by now")
            }
            return try move(
                node, to: node.isUntried ? .staged : .active, .nodeRetirementCancelled, [:], note, by: author, in: tx)
        }
    }

    private func drain(
        _ node: IntermediateCA, _ note: String?, by author: Authorship, in tx: any Transaction
    ) throws -> IntermediateCA {
        let open = try store.drain(of: node.id, in: tx)
        if node.isIssuing, node.state == .active {
            try ChosenAuthority.requireUnnamed(node, in: tx)
            let others = try store.issuing(for: node.issuerID, isLocking: true, in: tx).filter { $0.id != node.id }
            guard !others.isEmpty || open.leaves + open.orders == 0 else {
                throw ServiceError(
                    .invalidState,
                    "the CA \(node.name) (\(node.id.text)) is the only one of its tree that issues, and "
                        + "\(open.leaves) certificates would find nobody to renew them: create its successor first",
                    counts: Self.counts(open))
            }
        }
        let hurried = try store.hurryRenewals(of: node.id, in: tx)
        return try move(
            node, to: .retiring, .nodeRetiring, ["renewals": JSONValue(hurried)], note, by: author, in: tx)
    }

    /// What no force helps against: CAs that go on signing below it, and what it is just signing, which comes to an end by
    /// itself within minutes.
    private static func requireForcible(_ node: IntermediateCA, _ open: CADrain) throws(ServiceError) {
        guard open.activeChildren == 0, open.orders == 0 else {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) can't end while CAs below it are active or orders are open, not even by force: "
                    + text(open), counts: counts(open))
        }
    }

    private func end(
        _ node: IntermediateCA, isForced: Bool, _ note: String?, by author: Authorship, in tx: any Transaction
    ) throws -> IntermediateCA {
        let open = try store.drain(of: node.id, in: tx)
        if isForced {
            try Self.requireForcible(node, open)
            var details: JSONObject = [
                "forced": true, "children": JSONValue(open.children), "certificates": JSONValue(open.leaves),
            ]
            details["last_end"] = open.lastEnd.map { .string($0.rfc3339) }
            return try move(node, to: .retired, .nodeRetired, details, note, by: author, in: tx)
        }
        guard open.isEmpty else {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) can't end yet: " + Self.text(open), counts: Self.counts(open))
        }
        return try move(node, to: .retired, .nodeRetired, [:], note, by: author, in: tx)
    }

    func move(
        _ node: IntermediateCA, to state: CAState, _ action: RecordedAction, _ details: JSONObject, _ note: String?,
        by author: Authorship, in tx: any Transaction
    ) throws -> IntermediateCA {
        var details = details
        details["issuer_id"] = .string(node.issuerID.text)
        details["name"] = .string(node.name)
        if let note { details["note"] = .string(note) }
        let witness = try StateChange(of: .intermediateCAs, node.id.text, in: tx)
        let moved = try store.move(node.id, to: state, in: tx)
        try context.recorder.record(action, node.id.text, details: details, change: witness, by: author, in: tx)
        return moved
    }

    // MARK: Looking

    /// The CA; one whose issuer is out of reach is not there.
    func visible(_ id: AuthorityID, _ author: Authorship, in tx: any Transaction) throws -> IntermediateCA {
        let node = try store.get(id, in: tx)
        guard author.clearance.covers(ObjectScopes(issuer: node.issuerID, profile: nil)) else {
            throw StoreError.notFound(.authority, id: id.text)
        }
        return node
    }

    /// The same, about to change.
    func changing(
        _ id: AuthorityID, _ author: Authorship, in tx: any Transaction
    ) throws -> IntermediateCA {
        let node = try visible(id, author, in: tx)
        try store.beginChange(of: node.issuerID, in: tx)
        return try store.lock(id, in: tx)
    }

    private static func counts(_ drain: CADrain) -> [String: Int] {
        ["children": drain.children, "certificates": drain.leaves, "orders": drain.orders]
    }

    private static func text(_ drain: CADrain) -> String {
        guard !drain.isEmpty else { return "Nothing hangs on it any more." }
        let end = drain.lastEnd.map { "; the last certificate ends at \($0.rfc3339)" } ?? ""
        return "\(drain.children) CAs below it and \(drain.leaves) certificates are still good, "
            + "\(drain.orders) orders are open\(end)"
    }
}

extension HierarchyFlow {
    /// A CA with what hangs on it.
    package func look(_ id: AuthorityID, by author: Authorship) async throws -> (IntermediateCA, CADrain) {
        try await context.read { tx in (try visible(id, author, in: tx), try store.drain(of: id, in: tx)) }
    }

    /// A CA and those above it, the root last.
    package func chain(of id: AuthorityID, by author: Authorship) async throws -> [X509Certificate] {
        try await context.read { tx in
            _ = try visible(id, author, in: tx)
            return try AuthorityKeeper.chain(of: id, in: tx)
        }
    }
}

extension HierarchyFlow {
    /// The records of what was done to a CA, the oldest first.
    package func ceremonies(of id: AuthorityID, by author: Authorship) async throws -> [Ceremony] {
        try await context.read { tx in
            _ = try visible(id, author, in: tx)
            return try CeremonyStore().all(of: id, in: tx)
        }
    }
}
