import Domain
import PKI
import Synchronization

/// The directory of all private keys of this host, one slot for each certificate.
///
/// Operations on slots exclude each other: two deployments of one certificate may meet in its slot.
final class KeyDirectory: Sendable {
    /// Generations kept behind the proven one (specification, targets §1.8: `key_history`).
    static let defaultHistory = 2

    private let root: DurableFolder
    private let history: Int
    private let turn = Mutex(())
    private let generate: @Sendable (KeySpec) throws -> PrivateKey

    init(
        root: DurableFolder,
        history: Int = KeyDirectory.defaultHistory,
        generate: @escaping @Sendable (KeySpec) throws -> PrivateKey
    ) {
        self.root = root
        self.history = history
        self.generate = generate
    }

    /// Creates the directory or tightens it to its owner.
    func prepare() throws { try root.prepare() }

    /// Removes what interrupted writes left behind. Only the process that holds the state lock may call this.
    func removeTemporaries() throws {
        for name in try root.names() { try root.folder(name).removeTemporaries() }
    }

    /// Runs `body` on the slot of `certificate` while no other operation runs.
    ///
    /// The identifier cannot leave the directory: its type admits neither `/` nor a leading dot.
    func withSlot<Result>(of certificate: CertificateID, _ body: (KeySlot) throws -> Result) throws -> Result {
        try turn.withLock { _ in
            try body(KeySlot(folder: root.folder(certificate.text), history: history, generate: generate))
        }
    }
}
