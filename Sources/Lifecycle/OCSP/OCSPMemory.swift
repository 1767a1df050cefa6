import Domain
import Store
import Synchronization

/// Signed answers in the memory of this process: bounded, what was not used for a while goes first.
final class OCSPMemory: Sendable {
    struct Key: Hashable, Sendable {
        let authority: AuthorityID
        let serial: String
    }

    private typealias Answers = [Key: [String: CachedOCSPResponse]]

    private struct State {
        var recent: Answers = [:]
        var older: Answers = [:]
        /// The newest change of each authority that is taken account of here.
        var known: [AuthorityID: Int] = [:]
    }

    private let half: Int
    private let state = Mutex(State())

    init(capacity: Int = 100_000) { half = max(1, capacity / 2) }

    var known: [AuthorityID: Int] { state.withLock { $0.known } }

    /// Forgets the answers about whatever changed.
    func take(_ changes: [AuthorityID: OCSPChanges]) {
        guard !changes.isEmpty else { return }
        state.withLock { state in
            for (authority, news) in changes {
                // A counter that went back is another database: a backup was restored.
                if let serials = news.serials, news.last > state.known[authority] ?? 0 {
                    for serial in serials {
                        let key = Key(authority: authority, serial: serial)
                        state.recent[key] = nil
                        state.older[key] = nil
                    }
                } else {
                    state.recent = state.recent.filter { $0.key.authority != authority }
                    state.older = state.older.filter { $0.key.authority != authority }
                }
                state.known[authority] = news.last
            }
        }
    }

    func find(_ key: Key, _ form: String) -> CachedOCSPResponse? {
        state.withLock { state in
            if let answer = state.recent[key]?[form] { return answer }
            guard let answers = state.older.removeValue(forKey: key) else { return nil }
            Self.insert(answers, key, half, &state)
            return answers[form]
        }
    }

    /// Keeps an answer whose status was read when `change` was the newest; not when a later one is known of, which may be
    /// about it.
    func put(_ answer: CachedOCSPResponse, _ key: Key, _ form: String, asOf change: Int) {
        state.withLock { state in
            guard change >= state.known[key.authority] ?? 0 else { return }
            Self.insert([form: answer], key, half, &state)
        }
    }

    private static func insert(
        _ answers: [String: CachedOCSPResponse], _ key: Key, _ half: Int, _ state: inout State
    ) {
        if state.recent.count >= half, state.recent[key] == nil {
            state.older = state.recent
            state.recent = [:]
        }
        state.recent[key, default: [:]].merge(answers) { _, new in new }
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
