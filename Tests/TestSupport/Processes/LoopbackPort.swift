#if canImport(Glibc)
    import Glibc
#endif

/// TCP ports of 127.0.0.1 that were free a moment ago.
package enum LoopbackPort {
    /// Asks the kernel for an unused port. Another program could take it first; a test that fails to
    /// bind says so by itself.
    package static func unused() -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                _ = bind(descriptor, bound, length)
                return getsockname(descriptor, bound, &length)
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
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
