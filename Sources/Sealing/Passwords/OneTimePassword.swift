import Crypto
package import Domain

/// Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, as authenticator apps expect.
package struct OneTimePassword: Sendable {
    package static let secretLength = 20
    private static let stepSeconds: Int64 = 30
    private static let base32 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    private let secret: Secret

    package init(secret: Secret) { self.secret = secret }

    package static func generate(random: RandomSource) -> OneTimePassword {
        OneTimePassword(secret: Secret(random.bytes(secretLength)))
    }

    /// The secret itself, to be sealed.
    package var stored: Secret { secret }

    /// The secret as a person types it into an authenticator app.
    package var base32: Secret {
        secret.withBytes { octets in
            var text: [UInt8] = []
            var (buffer, bits) = (UInt32(0), 0)
            for octet in octets {
                buffer = buffer << 8 | UInt32(octet)
                bits += 8
                while bits >= 5 {
                    bits -= 5
                    text.append(Self.base32[Int(buffer >> UInt32(bits) & 31)])
                }
            }
            if bits > 0 { text.append(Self.base32[Int(buffer << UInt32(5 - bits) & 31)]) }
            return Secret(text)
        }
    }

    /// The step that `code` belongs to, within one step of now and after `last`: no code works twice.
    package func step(of code: Secret, at now: Timestamp, after last: Int64) -> Int64? {
        let current = now.secondsSinceEpoch / Self.stepSeconds
        var found: Int64?
        for step in [current - 1, current, current + 1] where self.code(at: step).matches(code) && step > last {
            found = step
        }
        return found
    }

    /// The six digits of a step (RFC 4226 §5.3).
    package func code(at step: Int64) -> Secret {
        let message = (0..<8).reversed().map { UInt8(truncatingIfNeeded: step >> ($0 * 8)) }
        let key = secret.withBytes { SymmetricKey(data: $0) }
        let mac = Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: key))
        let offset = Int(mac[19] & 15)
        let word = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let digits = String(word % 1_000_000)
        return Secret(String(repeating: "0", count: 6 - digits.utf8.count) + digits)
    }
}
