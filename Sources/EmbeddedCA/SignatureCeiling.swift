import PKI
import Synchronization

/// Counts the signatures of the last minute. Seconds are those of a clock that nobody sets.
package struct SignatureCeiling: Sendable {
    private var counts = [Int](repeating: 0, count: 60)
    private var last: Int64 = 0

    package init() {}

    /// Whether one more is within `limit` in any sixty seconds.
    package mutating func admit(at second: Int64, limit: Int) -> Bool {
        if second > last {
            for passed in 0..<min(60, second - last) { counts[Int((second - passed) % 60)] = 0 }
            last = second
        }
        guard counts.reduce(0, +) < limit else { return false }
        counts[Int(last % 60)] += 1
        return true
    }
}

/// How many certificates each key of an authority may sign in any sixty seconds, whichever driver holds it
/// (issuers §5.3): what somebody who can order certificates gets before anybody looks.
///
/// A key counts as one however often its authority is read anew. Lists of revoked certificates are outside of it: they
/// are what ends the damage.
package final class SignatureCeilings: Sendable {
    private let limit: Int
    private let second: @Sendable () -> Int64
    private let ceilings = Mutex<[String: SignatureCeiling]>([:])

    /// - Parameters:
    ///   - limit: Signatures of a key in sixty seconds; 1 or more.
    ///   - second: Of a clock that only goes forward; without, that of the system.
    package init(perMinute limit: Int, second: (@Sendable () -> Int64)? = nil) {
        self.limit = limit
        let start = ContinuousClock.now
        self.second = second ?? { start.duration(to: .now).components.seconds }
    }

    /// Counts a signature. False when the key has made as many as it may.
    func admit(_ key: SubjectPublicKey, for purpose: SigningPurpose) -> Bool {
        guard purpose == .leaf || purpose == .ca else { return true }
        let now = second()
        return ceilings.withLock { $0[key.spkiSHA256, default: SignatureCeiling()].admit(at: now, limit: limit) }
    }

    /// Worth a retry: the oldest of the signatures is a minute old some time.
    var refusal: SignerError {
        .transient("the key has signed the \(limit) certificates that CERTCTL_CA_MAX_SIGNATURES_PER_MINUTE allows")
    }
}
