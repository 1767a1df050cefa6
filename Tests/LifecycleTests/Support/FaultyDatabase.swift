import Domain
import Query
import Synchronization

/// A database whose chosen write never begins, as if the process had died before it.
final class FaultyDatabase: Database {
    struct Died: Error {}

    private let real: any Database
    private let fatal = Mutex<Int?>(nil)
    private let begun = Mutex(0)
    private let reads = Mutex((count: 0, areFailing: false))

    init(_ real: any Database) { self.real = real }

    /// The `number`-th write from now on fails; 1 is the next one.
    func dieAtWrite(_ number: Int) { fatal.withLock { $0 = number } }

    /// From now on no read begins, as if the database did not answer; `false` lets it answer again.
    func failReads(_ areFailing: Bool) { reads.withLock { $0.areFailing = areFailing } }

    /// Reading transactions that were asked for.
    var readCount: Int { reads.withLock { $0.count } }

    /// Transactions that were begun, reading and writing.
    var transactions: Int { begun.withLock { $0 } }

    var engine: Engine { real.engine }

    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        begun.withLock { $0 += 1 }
        let isFailing = reads.withLock { reads in
            reads.count += 1
            return reads.areFailing
        }
        guard !isFailing else { throw Died() }
        return try await real.read(body)
    }

    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try countWrite()
        return try await real.write(body)
    }

    func writeTogether<Result: Sendable>(
        about subject: String,
        durability: Durability,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try countWrite()
        return try await real.writeTogether(about: subject, durability: durability, body)
    }

    private func countWrite() throws(Died) {
        begun.withLock { $0 += 1 }
        let isFatal = fatal.withLock { fatal in
            guard let left = fatal else { return false }
            fatal = left == 1 ? nil : left - 1
            return left == 1
        }
        guard !isFatal else { throw Died() }
    }

    func signals(on channel: SignalChannel) -> AsyncStream<String> { real.signals(on: channel) }
    func ping() async throws { try await real.ping() }
    func close() async { await real.close() }
}
