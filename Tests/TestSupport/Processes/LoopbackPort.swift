import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// TCP ports of 127.0.0.1 that nothing listens on.
package enum LoopbackPort {
    /// Below the range from which the kernel serves outgoing connections (32768 on Linux), one of which could otherwise
    /// take the port before the program that it was meant for.
    private static let range = 20_000..<32_000
    private static let next = Mutex(Int.random(in: range))

    /// A port that is not used, and not given to another caller of this process.
    package static func unused() -> Int {
        next.withLock { next in
            for _ in range {
                next = next + 1 < range.upperBound ? next + 1 : range.lowerBound
                if canBeBound(next) { break }
            }
            return next
        }
    }

    private static func canBeBound(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                bind(descriptor, bound, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Repeats `condition` until it holds or the time is up.
package func eventually(
    within timeout: Duration = .seconds(10),
    every interval: Duration = .milliseconds(25),
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + timeout
    while true {
        if try await condition() { return true }
        if ContinuousClock.now >= deadline { return false }
        try? await Task.sleep(for: interval)
    }
}
