package import Domain
import Synchronization

/// The cells of a limiter in the memory of this process: bounded, and the key that was used longest ago goes first.
package final class LimitTable: Sendable {
    private let capacity: Int
    private let state = Mutex(LimitCells())
    /// How long the cell of a key that is not used is kept, as far as it matters; microseconds.
    private let idleLimit: Mutex<Int64>

    package init(capacity: Int = 100_000, idleLimit: Duration = .hours(24)) {
        self.capacity = max(1, capacity)
        self.idleLimit = Mutex(idleLimit.wholeMicroseconds)
    }

    /// Takes effect with the next request.
    package func setIdleLimit(_ limit: Duration) { idleLimit.withLock { $0 = limit.wholeMicroseconds } }

    package var count: Int { state.withLock { $0.cells.count } }

    /// Nine tenths of the room are taken.
    package var isCrowded: Bool { state.withLock { $0.cells.count * 10 >= capacity * 9 } }

    /// Counts one attempt.
    package func take(_ policy: LimitPolicy, _ key: String, at now: Timestamp) -> LimitVerdict {
        let now = now.microsecondsSinceEpoch
        let idleLimit = idleLimit.withLock { $0 }
        return state.withLock { state in
            let place = state.places[key]
            let stored = place.flatMap { now - state.cells[$0].touched < idleLimit ? state.cells[$0].paidUntil : nil }
            let (verdict, paidUntil) = policy.take(stored, at: now)
            state.store(key, at: place, paidUntil: paidUntil, touched: now, capacity: capacity)
            return verdict
        }
    }

    /// Keeps what another counter said of a key.
    func note(_ key: String, paidUntil: Int64, at now: Timestamp) {
        state.withLock { state in
            state.store(
                key, at: state.places[key], paidUntil: paidUntil, touched: now.microsecondsSinceEpoch,
                capacity: capacity)
        }
    }

    /// What was kept of a key, counting nothing.
    func paidUntil(_ key: String) -> Int64? {
        state.withLock { state in state.places[key].map { state.cells[$0].paidUntil } }
    }
}

/// Cells in a list by their last use, and where each key lies in it.
private struct LimitCells {
    struct Cell {
        var key: String
        var paidUntil: Int64
        var touched: Int64
        var older: Int
        var newer: Int
    }

    var places: [String: Int] = [:]
    var cells: [Cell] = []
    private var oldest = -1
    private var newest = -1

    mutating func store(_ key: String, at known: Int?, paidUntil: Int64, touched: Int64, capacity: Int) {
        let place: Int
        if let known {
            place = known
            unlink(place)
        } else if cells.count < capacity {
            place = cells.count
            cells.append(Cell(key: key, paidUntil: 0, touched: 0, older: -1, newer: -1))
            places[key] = place
        } else {
            place = oldest
            unlink(place)
            places[cells[place].key] = nil
            cells[place].key = key
            places[key] = place
        }
        cells[place].paidUntil = paidUntil
        cells[place].touched = touched
        cells[place].older = newest
        cells[place].newer = -1
        if newest >= 0 { cells[newest].newer = place }
        newest = place
        if oldest < 0 { oldest = place }
    }

    private mutating func unlink(_ place: Int) {
        let (older, newer) = (cells[place].older, cells[place].newer)
        if older >= 0 { cells[older].newer = newer } else { oldest = newer }
        if newer >= 0 { cells[newer].older = older } else { newest = older }
    }
}
