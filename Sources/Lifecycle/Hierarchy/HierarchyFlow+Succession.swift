package import Domain
import Encoding
import PKI
import Query
package import Store

/// What a client says about a CA that is to take the place of another.
package struct SuccessionDraft: Sendable {
    /// `nil` for the name of the other with the number of its generation: `Issuing G2`.
    package var name: String?
    /// The same for the common name of its subject.
    package var commonName: String?
    /// `nil` for the kind of key that the other has.
    package var algorithm: String?
    package var keyDriver: String?
    package var keyReference: String?
    /// A root that was made elsewhere.
    package var rootPEM: String?
    /// 0 for the life that the certificate of the other was made for.
    package var ttlDays = 0
    /// How long clients that nobody knows of have at least.
    package var holdHours = 0
    package var isAutomatic = false

    package init() {}
}

// A CA is renewed with a new key by another CA, its successor: staged first, which is published and sent to whoever trusts the
// tree, and signs nothing; then active, when they have it (protocol-servers §6.2, ADR-0037).
extension HierarchyFlow {
    private static let longestHold = 24 * 366

    /// Makes the successor of a CA: of the same terms, with a key and a name of its own. It is staged; where the parent's key is
    /// elsewhere it is pending first, with a request.
    ///
    /// - Throws: 400 with what is wrong with the draft; 409 when the CA does not sign, has a successor that waits, or has
    ///   nobody above who could sign.
    package func succeed(
        _ id: AuthorityID, _ draft: SuccessionDraft, by author: Authorship
    ) async throws -> IntermediateCA {
        var problems = FieldProblems()
        problems.checkRange(draft.holdHours, at: "/hold_hours", 0...Self.longestHold)
        try problems.throwIfAny()
        let (node, parent, tree) = try await context.read { tx in
            let node = try visible(id, author, in: tx)
            try Self.requireSuccession(of: node, in: tx)
            return (node, try Self.parent(ofSuccessorTo: node, in: tx), try store.all(of: node.issuerID, in: tx))
        }
        let succession = CASuccession(
            of: id, notBefore: draft.holdHours > 0 ? context.time.now + .hours(Int64(draft.holdHours)) : nil,
            isAutomatic: draft.isAutomatic)
        var plan = try Self.plan(draft, for: node, below: parent, in: tree, succession)
        plan.holdHours = draft.holdHours
        if let parent, !parent.hasKey { return try await request(plan, by: author) }
        return try await create(plan, by: author)
    }

    /// Whether a CA can have a successor made now.
    static func requireSuccession(of node: IntermediateCA, in tx: any Transaction) throws {
        guard [.active, .retiring].contains(node.state) else {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) is \(node.state.rawValue); a successor is made for one in service"
            )
        }
        if let waiting = try IntermediateCAStore().waitingSuccessor(of: node.id, in: tx) {
            throw ServiceError(
                .invalidState,
                "the CA \(node.name) (\(node.id.text)) has the successor \(waiting.name) (\(waiting.id.text)), which is "
                    + "\(waiting.state.rawValue): activate it, or give it up first")
        }
    }

    /// The parent of the CA, or whoever has that one's place by now; `nil` for a root.
    private static func parent(
        ofSuccessorTo node: IntermediateCA, in tx: any Transaction
    ) throws -> IntermediateCA? {
        guard let parentID = node.parentID else { return nil }
        var parent = try IntermediateCAStore().get(parentID, in: tx)
        let all = try IntermediateCAStore().all(of: node.issuerID, in: tx)
        for _ in 0..<IntermediateCAStore.deepest where parent.state != .active {
            let successors = all.filter { $0.predecessorID == parent.id && $0.activatedAt != nil }
            guard let next = successors.last(where: { $0.state != .revoked }) else { break }
            parent = next
        }
        try requireStanding(parent, in: tx)
        return parent
    }

    private static func plan(
        _ draft: SuccessionDraft, for node: IntermediateCA, below parent: IntermediateCA?, in tree: [IntermediateCA],
        _ succession: CASuccession
    ) throws -> CAPlan {
        let own = try certificate(of: node)
        var new = CADraft(issuerID: node.issuerID)
        new.parentID = parent?.id
        new.name = draft.name ?? Generation.next(after: node.name, besides: Set(tree.map(\.name)))
        new.isIssuing = node.isIssuing
        new.ocspURL = node.ocspURL
        new.listValiditySeconds = node.listValiditySeconds
        new.listIntervalSeconds = node.listIntervalSeconds
        new.metadata = node.metadata
        new.keyReference = draft.keyReference
        if let root = draft.rootPEM {
            new.rootPEM = root
            return try CAPlan(new, succession: succession)
        }
        if draft.keyDriver == nil, draft.keyReference == nil, node.keyDriver != AuthorityKeeper.ownDriver {
            throw invalid(
                "/key_driver", "required",
                "the key of \(node.name) is not in the database: say where the new one is to be, database or elsewhere")
        }
        new.keyDriver = draft.keyDriver
        new.algorithm = draft.algorithm ?? node.keyAlgorithm
        let life = own.notAfter - own.notBefore
        new.ttlDays = draft.ttlDays > 0 ? draft.ttlDays : max(1, Int(life / .days(1)))
        new.pathLength = own.extensions.basicConstraints?.pathLenConstraint
        if node.nameConstraints.arrayValue?.isEmpty != true { new.nameConstraints = node.nameConstraints }
        new.allowedEKUs = node.allowedEKUs
        new.policyOIDs = node.policyOIDs
        let taken = tree.compactMap { try? DistinguishedName(rfc4514: $0.subject).commonName }
        let following = Generation.next(after: own.subject.commonName ?? node.name, besides: Set(taken))
        let subject = try subject(own.subject, draft.commonName ?? following)
        return try CAPlan(new, named: subject, succession: succession)
    }

    /// The name with another common name: clients tell CAs apart by their names, and lists go by them.
    private static func subject(
        _ own: DistinguishedName, _ commonName: String
    ) throws(ServiceError) -> DistinguishedName {
        var attributes = own.relativeNames.flatMap(\.self).filter { $0.type != .commonName }
            .compactMap { attribute in attribute.value.map { (type: attribute.type, value: $0) } }
        attributes.append((type: .commonName, value: commonName))
        let subject: DistinguishedName
        do throws(NameError) {
            subject = try DistinguishedName(attributes)
        } catch {
            throw invalid("/common_name", "invalid_name", error.description)
        }
        guard !subject.matches(own) else {
            throw invalid("/common_name", "taken", "is that of the CA before; give this one a name of its own")
        }
        return subject
    }
}

/// Names of CAs that follow each other: `Issuing`, `Issuing G2`, `Issuing G3`.
enum Generation {
    /// The next that is not taken.
    static func next(after name: String, besides taken: Set<String>) -> String {
        var next = next(after: name)
        while taken.contains(next) { next = Self.next(after: next) }
        return next
    }

    static func next(after name: String) -> String {
        let words = name.split(separator: " ", omittingEmptySubsequences: false)
        if let last = words.last, words.count > 1, last.first == "G", let number = Int(last.dropFirst()),
            (1..<1_000_000).contains(number)
        {
            return (words.dropLast() + ["G\(number + 1)"]).joined(separator: " ")
        }
        return name + " G2"
    }
}
