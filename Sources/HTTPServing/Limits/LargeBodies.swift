import Access
import Synchronization

/// How many large bodies are on their way to clients that nobody knows, at a time.
///
/// Anybody may ask for a revocation list, over as many streams as connections have. One that is being sent takes a piece
/// of it in memory, a stream and a part of the line; this keeps an address, or all together, from taking all of that.
/// A small list is never counted.
package final class LargeBodies: Sendable {
    /// Octets up to which a body is not counted.
    static let threshold = 256 * 1024

    private struct State {
        var total = 0
        var byAddress: [String: Int] = [:]
    }

    private let perAddress: Int
    private let total: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - perAddress: At most so many for one address, or for one network of IPv6.
    ///   - total: At most so many together.
    package init(perAddress: Int = 64, total: Int = 2048) {
        self.perAddress = perAddress
        self.total = total
    }

    /// `nil` when there are too many.
    func lease(for address: String) -> BodyLease? {
        let subject = LimitSubject.address(address)
        let isFree = state.withLock { state in
            guard state.total < total, state.byAddress[subject, default: 0] < perAddress else { return false }
            state.total += 1
            state.byAddress[subject, default: 0] += 1
            return true
        }
        return isFree ? BodyLease { [self] in giveBack(subject) } : nil
    }

    /// How many are on their way.
    var count: Int { state.withLock { $0.total } }

    private func giveBack(_ subject: String) {
        state.withLock { state in
            state.total -= 1
            let left = (state.byAddress[subject] ?? 1) - 1
            state.byAddress[subject] = left > 0 ? left : nil
        }
    }
}

/// The place of one body among the large ones; given back when nothing holds it any more, however the response ends.
final class BodyLease: Sendable {
    private let end: @Sendable () -> Void

    init(end: @escaping @Sendable () -> Void) { self.end = end }

    deinit { end() }
}
