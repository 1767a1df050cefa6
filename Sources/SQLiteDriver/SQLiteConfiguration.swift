/// How an SQLite database is opened.
package struct SQLiteConfiguration: Sendable {
    /// What a commit waits for.
    package enum Synchronous: String, Sendable, CaseIterable {
        /// A commit survives power loss.
        case full
        /// A commit survives a crash of the process; power loss may undo the newest ones.
        case normal
    }

    package var synchronous: Synchronous = .full
    /// Connections that read beside the writer.
    package var readerCount = 4
    /// How long to wait for another process that holds the database locked.
    package var busyTimeout: Duration = .seconds(5)
    /// Transactions of one commit at most.
    package var largestBatch = 128
    /// Called on the writer's thread after every commit with the number of transactions in it.
    package var onCommitBatch: (@Sendable (Int) -> Void)?

    package init() {}
}
