import Domain
import Synchronization

/// What was wrong a moment ago: probes come often, from anybody, and must not cost a look at every profile each.
final class ComplaintMemory: Sendable {
    private static let lifetime = Duration.seconds(10)

    private let kept = Mutex<(complaints: [String: String], at: Timestamp)?>(nil)

    /// `nil` when nothing is known of that time.
    func at(_ now: Timestamp) -> [String: String]? {
        kept.withLock { kept in
            guard let kept, kept.at <= now, now < kept.at + Self.lifetime else { return nil }
            return kept.complaints
        }
    }

    func keep(_ complaints: [String: String], at now: Timestamp) { kept.withLock { $0 = (complaints, now) } }
}
