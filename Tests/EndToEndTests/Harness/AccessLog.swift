import Domain
import Foundation
import TestSupport

/// A request as the server under test logged it.
struct LoggedRequest {
    let endedAt: Timestamp
    let milliseconds: Double
    let status: Int
}

extension ControlPlane {
    /// The requests of one actor on one route so far, oldest first.
    func requests(of actor: String, on route: String) -> [LoggedRequest] {
        process.output.split(separator: "\n").compactMap { line in
            guard line.contains(actor),
                let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                fields["actor_id"] as? String == actor, fields["route"] as? String == route,
                let endedAt = (fields["time"] as? String).flatMap({ try? Timestamp(rfc3339: $0) }),
                let milliseconds = fields["duration_ms"] as? Double, let status = fields["status"] as? Int
            else { return nil }
            return LoggedRequest(endedAt: endedAt, milliseconds: milliseconds, status: status)
        }
    }
}
