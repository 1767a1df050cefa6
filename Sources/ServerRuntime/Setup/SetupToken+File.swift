import Access
import Domain
import HostEffects
import Query
import Sealing

/// The one-time token with which the first administrator is made (specification, security §2.5).
///
/// It lies in the data directory, 0600, while there is no administrator; each start makes a new one.
struct SetupTokenFile: Sendable {
    /// How long a printed token works, counted from the start of the process.
    static let lifetime = Duration.minutes(60)

    let path: String
    let fileSystem: FileSystem
    let time: TimeSource
    let random: RandomSource

    /// Makes a token and writes it down when the installation waits for its first administrator; else removes a token
    /// that an earlier process left.
    func prepare(_ database: any Database) async throws -> SetupToken? {
        guard try await BootstrapFlow.isOpen(database) else {
            try remove()
            return nil
        }
        let token = SetupToken.generate(random: random)
        try token.text.withBytes { octets in
            try AtomicFile.replace(
                path, with: octets + [0x0A], stamp: time.now.microsecondsSinceEpoch, fileSystem: fileSystem
            )
        }
        return token
    }

    func remove() throws { try fileSystem.remove(path) }
}
