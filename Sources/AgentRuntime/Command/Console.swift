import Domain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a command of the agent program talks to a person.
struct Console: Sendable {
    let output: @Sendable (String) -> Void
    let error: @Sendable (String) -> Void

    /// The standard streams of the process.
    static let live = Console(
        output: { write($0, to: STDOUT_FILENO) },
        error: { write($0, to: STDERR_FILENO) }
    )

    private static func write(_ line: String, to descriptor: Int32) {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}

private func systemWrite(_ descriptor: Int32, _ octets: UnsafeRawBufferPointer) -> Int {
    write(descriptor, octets.baseAddress, octets.count)
}
