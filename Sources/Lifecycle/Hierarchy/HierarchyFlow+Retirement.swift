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
    package func retire(
        _ id: AuthorityID, isConfirmed: Bool, note: String?, by author: Authorship
    ) async throws -> IntermediateCA {
        let found = try await context.read { tx in
            let node = try visible(id, author, in: tx)
            try requireEndable(node, isConfirmed: isConfirmed, in: tx)
            return node
        }
        let ceremony = try await ceremonies.admit(found.endingTerms, by: author)
        let (node, event) = try await context.write { tx in
            let node = try changing(id, author, in: tx)
            try requireEndable(node, isConfirmed: isConfirmed, in: tx)
            guard node.endingTerms == ceremony.terms else {
                throw ServiceError(
                    .invalidState, "the CA \(node.name) (\(id.text)) is \(node.state.rawValue) by now; look at it again"
                )
            }
            let isOver = node.state == .retiring
            let moved =
                isOver
                ? try end(node, note, by: author, in: tx) : try drain(node, note, by: author, in: tx)
            try ceremonies.conclude(ceremony, on: moved, by: author, in: tx)
            return (moved, isOver ? LifecycleObservers.HierarchyEvent.retired : .retiring)
        }
        context.observers.hierarchyChanged(node.issuerID, event)
        return node
    }

    private func requireEndable(_ node: IntermediateCA, isConfirmed: Bool, in tx: any Transaction) throws {
        let name = "the CA \(node.name) (\(node.id.text))"
        switch node.state {
        case .pending:
            throw ServiceError(.invalidState, "\(name) is pending and was never in service; delete it instead")
        case .staged, .active: return
        case .retiring:
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

    private func end(
        _ node: IntermediateCA, _ note: String?, by author: Authorship, in tx: any Transaction
    ) throws -> IntermediateCA {
        let open = try store.drain(of: node.id, in: tx)
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
