#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The result of a command.
enum StandardOutput {
    static func write(_ text: String) { writeAll("\(text)\n", to: STDOUT_FILENO) }
}

/// Lines for the person, apart from the result.
enum StandardError {
    static func write(_ text: String) { writeAll("\(text)\n", to: STDERR_FILENO) }
}

private func writeAll(_ text: String, to descriptor: Int32) {
    var octets = Array(text.utf8)[...]
    while !octets.isEmpty {
        let count = octets.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        octets = octets.dropFirst(count)
    }
}
