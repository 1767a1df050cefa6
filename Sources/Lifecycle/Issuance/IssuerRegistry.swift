package import ConnectorKit
package import Domain
package import Encoding
import Synchronization

/// The live connectors, one for each issuer and configuration revision.
///
/// A connector is made once and kept, so that CA certificates and keys are parsed and unsealed once and not for every
/// order. A changed configuration has another revision, so a stale connector is never used; replacing one issuer's
/// connector leaves those of the others alone.
package final class IssuerRegistry: Sendable {
    /// Makes the connector of an issuer; throws ``IssuerError`` or what the database says.
    package typealias Maker = @Sendable (IssuerID) async throws -> (revision: Int, connector: any IssuerConnector)

    /// Looks whether what a configuration names outside of the database is there; throws ``ServiceError`` when it is not.
    package typealias Examiner = @Sendable (IssuerType, JSONObject) async throws -> Void

    private struct Entry {
        let revision: Int
        let connector: any IssuerConnector
    }

    private let make: Maker
    private let entries = Mutex<[IssuerID: Entry]>([:])

    /// Asked before a configuration is stored.
    package let examine: Examiner

    package init(examine: @escaping Examiner = { _, _ in }, make: @escaping Maker) {
        self.examine = examine
        self.make = make
    }

    /// The connector of an issuer at a configuration revision.
    ///
    /// Two orders that arrive together at a cold registry may both make one; the later one is kept, and both work.
    package func connector(for issuer: IssuerID, revision: Int) async throws -> any IssuerConnector {
        if let entry = entries.withLock({ $0[issuer] }), entry.revision == revision { return entry.connector }
        let made = try await make(issuer)
        entries.withLock { entries in
            if let current = entries[issuer], current.revision > made.revision { return }
            entries[issuer] = Entry(revision: made.revision, connector: made.connector)
        }
        return made.connector
    }

    /// Forgets the connector of an issuer that was deleted.
    package func remove(_ issuer: IssuerID) { entries.withLock { $0[issuer] = nil } }
}
