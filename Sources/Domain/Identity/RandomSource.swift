/// Cryptographically secure octets, injected so that tests can seed them.
package struct RandomSource: Sendable {
    private let fill: @Sendable (Int) -> [UInt8]

    package init(_ fill: @escaping @Sendable (Int) -> [UInt8]) { self.fill = fill }

    /// `count` fresh octets.
    package func bytes(_ count: Int) -> [UInt8] { fill(count) }

    /// A uniform value in `[0, 1)`, for jitter.
    package func unitInterval() -> Double {
        let octets = fill(8)
        let word = octets.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Double(word >> 11) * 0x1p-53
    }

    /// The operating system's generator (`getrandom(2)` through the standard library).
    package static let system = RandomSource { count in
        var generator = SystemRandomNumberGenerator()
        var octets: [UInt8] = []
        octets.reserveCapacity(count + 7)
        while octets.count < count {
            withUnsafeBytes(of: generator.next()) { octets.append(contentsOf: $0) }
        }
        octets.removeLast(octets.count - count)
        return octets
    }
}
