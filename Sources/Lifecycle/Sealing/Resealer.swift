import Domain
import Encoding
import Query
package import Sealing
import Store

/// Brings every sealed value under the key that seals now, in small transactions beside everybody else's.
///
/// It keeps no position: what is left to do shows in the values themselves. Killed anywhere, the next pass does the
/// rest; two at once do no harm, because each value is replaced only where it is still the one that was read.
package struct Resealer: Sendable {
    package struct Outcome: Hashable, Sendable {
        /// Values that were sealed again.
        package var resealed = 0
        /// Where a value does not open, and why; never the value.
        package var failures: [String] = []
    }

    /// Rows that are locked at a time.
    private static let batch = 50
    private static let pause = Duration.milliseconds(5)
    private static let mostMarks = 10_000

    private let context: LifecycleContext
    private let sealer: Sealer

    package init(_ context: LifecycleContext, sealer: Sealer) {
        self.context = context
        self.sealer = sealer
    }

    /// One pass over every sealed column.
    ///
    /// - `observe`: Told of the values that each batch sealed again.
    package func run(observe: @Sendable (Int) -> Void = { _ in }) async throws -> Outcome {
        var outcome = try await sealLegacy()
        if outcome.resealed > 0 { observe(outcome.resealed) }
        for column in SealedColumn.all {
            var behind = ""
            var isAtEnd = false
            while !isAtEnd {
                try Task.checkCancellation()
                let step = try await advance(column, behind: behind)
                outcome.resealed += step.outcome.resealed
                outcome.failures += step.outcome.failures
                if step.outcome.resealed > 0 { observe(step.outcome.resealed) }
                isAtEnd = step.last == nil
                behind = step.last ?? behind
                if !isAtEnd { try await context.time.sleep(Self.pause) }
            }
        }
        return outcome
    }

    private func advance(
        _ column: SealedColumn,
        behind key: String
    ) async throws -> (outcome: Outcome, last: String?) {
        try await context.write { [sealer] tx in
            var outcome = Outcome()
            let active = Hex.decode(sealer.keyID) ?? []
            let rows = try column.stale(behind: key, activeID: active, limit: Self.batch, in: tx)
            for row in rows {
                let place = SealedPlace(table: column.table, column: column.column, rowID: row.key)
                do {
                    guard let octets = try sealer.resealed(row.octets, for: place) else { continue }
                    if try column.replace(row, with: octets, in: tx) { outcome.resealed += 1 }
                } catch let error as SealingError {
                    outcome.failures.append(error.description)
                }
            }
            return (outcome, rows.count < Self.batch ? nil : rows.last?.key)
        }
    }

    // MARK: Values of before

    /// Seals what another program wrote in its own formats or in the clear, where a mark says so.
    package func sealLegacy() async throws -> Outcome {
        var outcome = Outcome()
        for mark in try await context.read({ try LegacySealStore().marks(limit: Self.mostMarks, in: $0) }) {
            do {
                if try await seal(mark) { outcome.resealed += 1 }
            } catch let error as SealingError {
                outcome.failures.append(error.description)
            }
        }
        return outcome
    }

    private func seal(_ mark: LegacyMark) async throws -> Bool {
        let place = SealedPlace(table: mark.table, column: mark.column, rowID: mark.rowID)
        guard let column = SealedColumn.all.first(where: { $0.table == mark.table && $0.column == mark.column }) else {
            throw SealingError.unknownFormat(place)
        }
        let stored = try await context.read { try column.value(of: mark.rowID, in: $0) }
        let replacement = try stored.map { try octets($0, mark, place) }
        return try await context.write { tx in
            guard let stored, let replacement else {
                try LegacySealStore().remove(mark, in: tx)
                return false
            }
            let row = SealedRow(key: mark.rowID, octets: stored)
            guard try column.replace(row, with: replacement, in: tx) else { return false }
            try LegacySealStore().remove(mark, in: tx)
            try context.recorder.record(
                .legacyValueSealed, mark.rowID,
                details: ["place": .string("\(mark.table).\(mark.column)"), "was_clear": .bool(mark.isClear)],
                by: .system, in: tx
            )
            return true
        }
    }

    /// Derives keys, so it is no part of a transaction.
    private func octets(_ stored: [UInt8], _ mark: LegacyMark, _ place: SealedPlace) throws -> [UInt8] {
        if mark.isClear { return sealer.seal(stored, for: place) }
        let value = try LegacySeal.open(stored, passphrases: sealer.ring.passphrases, for: place)
        return sealer.seal(value, for: place)
    }
}
