package import Domain
import Encoding
package import Query
package import Sealing
import Store

/// Nonces that authenticate themselves: a time and random octets under a code that every replica knows. Only their use is
/// written down (RFC 8555 §6.5, protocol-servers §2.4).
///
/// The time comes first, so that those that are used at about the same time lie side by side in the index.
package struct ACMENonces: Sendable {
    private static let timeLength = 8
    private static let randomLength = 16
    private static let codeLength = 16
    /// Clocks of replicas may differ by this much.
    private static let tolerance = Duration.minutes(1)

    private let database: any Database
    private let sealer: Sealer
    private let time: TimeSource
    private let random: RandomSource
    private let lifetime: @Sendable () -> Duration
    private let store = ACMENonceStore()

    package init(
        database: any Database, sealer: Sealer, time: TimeSource, random: RandomSource,
        lifetime: @escaping @Sendable () -> Duration
    ) {
        self.database = database
        self.sealer = sealer
        self.time = time
        self.random = random
        self.lifetime = lifetime
    }

    package func issue() -> String {
        let body = Self.octets(time.now.microsecondsSinceEpoch) + random.bytes(Self.randomLength)
        return Base64URL.encode(body + code(body))
    }

    /// Uses a nonce: false for one that is not ours, too old, or used before.
    package func redeem(_ nonce: String) async throws -> Bool {
        guard let expiry = expiry(of: nonce) else { return false }
        // It need not be on disk before the request goes on: what the request changes is written after it, and takes it along.
        return try await database.writeTogether(about: nonce, durability: .withTheNext) { tx in
            try store.redeem(nonce, until: expiry, in: tx)
        }
    }

    /// Uses a nonce for a request that an account has signed: one statement finds that account and profile are still as they
    /// were read, and uses it. False, and nothing is used, when they are not, or for a nonce that can't be used.
    package func redeem(_ nonce: String, while standing: ACMEStanding) async throws -> Bool {
        guard let expiry = expiry(of: nonce) else { return false }
        return try await database.writeTogether(about: nonce, durability: .withTheNext) { tx in
            try store.redeem(nonce, until: expiry, while: standing.account, beside: standing.mark, in: tx)
        }
    }

    /// Until when the use of a nonce is remembered; `nil` for one that is not ours, or too old.
    ///
    /// That is beyond its end, so that no clock that goes wrong gives it a second life.
    private func expiry(of nonce: String) -> Timestamp? {
        let bodyLength = Self.timeLength + Self.randomLength
        guard nonce.utf8.count <= 64, let octets = Base64URL.decode(nonce), octets.count == bodyLength + Self.codeLength
        else { return nil }
        let body = Array(octets[..<bodyLength])
        guard ConstantTime.equal(code(body), Array(octets[bodyLength...])) else { return nil }
        let micros = body[..<Self.timeLength].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let issued = Timestamp(microsecondsSinceEpoch: Int64(truncatingIfNeeded: micros))
        let now = time.now
        let expiry = issued + lifetime()
        guard issued <= now + Self.tolerance, now < expiry else { return nil }
        return expiry + Self.tolerance + Self.tolerance
    }

    private func code(_ body: [UInt8]) -> [UInt8] { Array(sealer.mac(.acmeNonce, body).prefix(Self.codeLength)) }

    private static func octets(_ number: Int64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * Int64($0))) }
    }
}
