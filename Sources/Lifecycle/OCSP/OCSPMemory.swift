import Domain
import Store
import Synchronization

/// Signed answers in the memory of this process: bounded, what was not used for a while goes first.
final class OCSPMemory: Sendable {
    struct Key: Hashable, Sendable {
        let authority: String
        let serial: String
        let form: String
    }

    struct Entry: Sendable {
        let answer: CachedOCSPResponse
        /// The epoch under which the status was last seen to be that of the answer.
        let epoch: Int
    }

    private struct State {
        var recent: [Key: Entry] = [:]
        var older: [Key: Entry] = [:]
    }

    private let half: Int
    private let state = Mutex(State())

    init(capacity: Int = 100_000) { half = max(1, capacity / 2) }

    func find(_ key: Key) -> Entry? {
        state.withLock { state in
            if let entry = state.recent[key] { return entry }
            guard let entry = state.older.removeValue(forKey: key) else { return nil }
            Self.insert(entry, key, half, &state)
            return entry
        }
    }

    func put(_ entry: Entry, _ key: Key) { state.withLock { Self.insert(entry, key, half, &$0) } }

    private static func insert(_ entry: Entry, _ key: Key, _ half: Int, _ state: inout State) {
        if state.recent.count >= half, state.recent[key] == nil {
            state.older = state.recent
            state.recent = [:]
        }
        state.recent[key] = entry
    }
}

/// How many requests may be signed for at once.
final class OCSPSlots: Sendable {
    private let free: Mutex<Int>

    init(_ count: Int) { free = Mutex(max(1, count)) }

    func take() -> Bool {
        free.withLock { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }

    func giveBack() { free.withLock { $0 += 1 } }
}
