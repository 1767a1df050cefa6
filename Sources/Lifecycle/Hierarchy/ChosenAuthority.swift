import Domain
import Query
import Store

/// The CA of a tree that a profile, or the configuration of the issuer, names as the one that signs (protocol-servers §6.1,
/// issuers §4.1).
enum ChosenAuthority {
    /// What names it, for messages.
    enum Source {
        case profile(name: String)
        case issuer(IssuerID)

        var text: String {
            switch self {
            case .profile(let name): "the profile \(name)"
            case .issuer(let id): "the issuer \(id.text)"
            }
        }
    }

    // MARK: When it is saved

    /// Throws unless the CA that a profile names belongs to its issuer; one that is newly named must also sign at present.
    ///
    /// - `stored`: The profile as it is; `nil` for a new one. A CA that has ended since does not stand in the way of other
    ///   changes.
    static func check(_ fields: ProfileFields, replacing stored: ProfileFields?, in tx: any Transaction) throws {
        guard let chosen = fields.issuingCAID else { return }
        guard let issuer = fields.issuerID else {
            throw problem("/issuing_ca_id", "conflicting_rules", "needs issuer_id, the issuer that the CA belongs to")
        }
        try check(
            chosen, of: issuer, isNew: stored?.issuingCAID != chosen || stored?.enabled == false && fields.enabled,
            at: "/issuing_ca_id", in: tx)
    }

    /// The same for what the configuration of an issuer names.
    ///
    /// - `isNew`: Whether it did not name the CA before.
    static func check(
        _ id: AuthorityID, of issuer: IssuerID, isNew: Bool, at pointer: String, in tx: any Transaction
    ) throws {
        let store = IntermediateCAStore()
        guard var node = try store.find(id, in: tx), node.issuerID == issuer else {
            throw problem(
                pointer, "unknown_reference", "there is no CA \(id.text) in the tree of the issuer \(issuer.text)")
        }
        guard isNew else { return }
        // Whoever retires it at the same time sees this, or is seen.
        node = try store.lock(id, in: tx)
        guard let obstacle = try obstacle(of: node, in: tx) else { return }
        throw problem(pointer, "not_issuing", "the CA \(node.name) (\(id.text)) \(obstacle)")
    }

    private static func problem(_ pointer: String, _ code: String, _ detail: String) -> ServiceError {
        ServiceError(
            .unprocessable, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: code, detail: detail)])
    }

    // MARK: When it signs

    /// The CA that signs where `id` is named: that one, or whoever took its place.
    ///
    /// - `candidates`: Those of the tree that may sign now.
    /// - Throws: 503 when none of them may sign: nobody else does in their stead.
    static func incumbent(
        _ id: AuthorityID, by source: Source, of issuer: IssuerID, among candidates: [IntermediateCA],
        in tx: any Transaction
    ) throws -> IntermediateCA {
        if let found = candidates.first(where: { $0.id == id }) { return found }
        let all = try IntermediateCAStore().all(of: issuer, in: tx)
        var last = id
        for _ in 0..<IntermediateCAStore.deepest {
            let successors = all.filter { $0.predecessorID == last && $0.activatedAt != nil }
            guard let next = successors.last(where: { $0.state != .revoked }) else { break }
            if let found = candidates.first(where: { $0.id == next.id }) { return found }
            last = next.id
        }
        guard let node = all.first(where: { $0.id == last }) else {
            throw unavailable("\(source.text) names the CA \(id.text), which the tree \(issuer.text) does not have")
        }
        let obstacle = try obstacle(of: node, in: tx) ?? "can't sign now"
        throw unavailable(
            "\(source.text) has its certificates signed by the CA \(node.name) (\(node.id.text)) alone, which \(obstacle): "
                + "name another with issuing_ca_id, or none")
    }

    private static func unavailable(_ detail: String) -> ServiceError {
        ServiceError(.unavailable, detail, retryAfter: .seconds(60))
    }

    /// Why a CA signs no certificate now, to follow its name.
    private static func obstacle(of node: IntermediateCA, in tx: any Transaction) throws -> String? {
        guard node.isIssuing else { return "signs CAs and no certificates" }
        guard node.state == .active else { return "is \(node.state.rawValue)" }
        guard node.hasKey else { return "has its key elsewhere" }
        if let end = node.notAfter, end <= tx.now { return "ended at \(end.rfc3339)" }
        if let start = node.notBefore, start > tx.now { return "is valid from \(start.rfc3339) on" }
        return try IntermediateCAStore().revokedAbove(node.id, in: tx).map {
            "is below the revoked CA \($0.name) (\($0.id.text))"
        }
    }

    // MARK: When it ends

    /// Throws 409 while a profile in use, or the issuer, has certificates signed by this CA and by no other: their renewals
    /// would find nobody.
    static func requireUnnamed(_ node: IntermediateCA, in tx: any Transaction) throws {
        let profiles = try ProfileStore().pinned(to: node.id, in: tx)
        var users = profiles.map { Source.profile(name: $0).text }
        let issuer = try IssuerStore().get(node.issuerID, in: tx)
        if Issuer.usualCAID(issuer.hierarchyMode, issuer.config) == node.id {
            users.append(Source.issuer(issuer.id).text)
        }
        guard !users.isEmpty else { return }
        throw ServiceError(
            .invalidState,
            "the CA \(node.name) (\(node.id.text)) is the only one that signs for \(users.joined(separator: ", ")): "
                + "change their issuing_ca_id first, or activate its successor, which takes its place there",
            counts: ["profiles": profiles.count])
    }
}
