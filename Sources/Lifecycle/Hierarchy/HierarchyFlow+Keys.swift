import Domain
import EmbeddedCA
import Encoding
import Query
package import Store

extension HierarchyFlow {
    /// Ends the use of the key of a CA that has ended and whose last revocation lists stand: a key that certctl made is destroyed,
    /// one that somebody else made is left where it is.
    package func release(_ node: IntermediateCA) async throws {
        guard let driver = node.keyDriver, let ref = node.keyReference else { return }
        let reference = KeyReference(driver: driver, ref: ref)
        let isSealed = driver == AuthorityKeeper.ownDriver
        var isGone = node.isKeyOwn
        if node.isKeyOwn, !isSealed { isGone = try await keys.destroy(reference) }
        let action: RecordedAction = isGone ? .nodeKeyDestroyed : .nodeKeyLeft
        try await context.write { [context, store] tx in
            try store.beginChange(of: node.issuerID, in: tx)
            guard try store.recordRelease(of: node.id, in: tx) else { return }
            if isSealed { try SealedKeyStore().delete(CAKeyID(stored: ref), in: tx) }
            try context.recorder.record(
                action, node.id.text,
                details: [
                    "issuer_id": .string(node.issuerID.text), "algorithm": .string(node.keyAlgorithm),
                    "key_driver": .string(driver), "key_ref": .string(ref), "spki_sha256": .string(node.spkiSHA256),
                ],
                by: .system, in: tx)
        }
    }
}
