package import Domain
import Encoding
import Query
package import Store

extension HierarchyFlow {
    /// Says how long the revocation lists of a CA are good and how often they are made anew, in seconds; `nil` for what its
    /// issuer says. The next list follows it.
    ///
    /// - Throws: 400 for values out of bounds, or an interval of more than half the validity; 409 for a CA whose last list
    ///   stands; 422 for one whose key is elsewhere, and its lists with it; 412 when `version` is not that of the row.
    package func setListTerms(
        of id: AuthorityID, validity: FieldUpdate<Int?>, interval: FieldUpdate<Int?>, expecting version: Int?,
        by author: Authorship
    ) async throws -> IntermediateCA {
        try await context.write { tx in
            _ = try visible(id, author, in: tx)
            let node = try store.lock(id, in: tx)
            let name = "the CA \(node.name) (\(id.text))"
            guard node.keyReference != nil else {
                throw ServiceError(.unprocessable, "the key of \(name) is elsewhere, and so are its revocation lists")
            }
            guard node.state != .retired, node.keyReleasedAt == nil else {
                throw ServiceError(.invalidState, "\(name) has ended; its last revocation list stands")
            }
            let terms = (
                validity: validity.applied(to: node.listValiditySeconds),
                interval: interval.applied(to: node.listIntervalSeconds)
            )
            var problems = FieldProblems()
            RevocationListTerms.check(validity: terms.validity, interval: terms.interval, &problems)
            try problems.throwIfAny()
            let witness = try StateChange(of: .intermediateCAs, id.text, in: tx)
            let stored = try store.setListTerms(
                of: id, validity: terms.validity, interval: terms.interval, expecting: version, in: tx)
            try context.recorder.record(
                .nodeUpdated, id.text,
                details: ["issuer_id": .string(node.issuerID.text), "name": .string(node.name)], change: witness,
                by: author, in: tx)
            return stored
        }
    }
}
