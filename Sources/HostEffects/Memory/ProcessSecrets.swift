#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps the secrets that a process was started with away from whoever can look at the process (specification, security
/// §10.7).
package enum ProcessSecrets {
    /// Takes variables out of the environment, for this process, its children, and `/proc/<pid>/environ`, which shows the
    /// memory that the values began in.
    ///
    /// Called at start, before other threads read the environment.
    package static func conceal(variables names: Set<String>) {
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let end = text.firstIndex(of: "="), names.contains(String(text[..<end])) {
                let value = pointer + text[...end].utf8.count
                memset(value, 0x2A, strlen(value))
            }
            entry += 1
        }
        for name in names { unsetenv(name) }
    }

    /// No core file is written, and where a program of the host takes the dump instead, there is no memory in it.
    package static func preventCoreDumps() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(coreFileLimit, &none)
        // Linux alone has it.
        let descriptor = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, "0", 1)
        close(descriptor)
    }

    #if canImport(Glibc)
        private static let coreFileLimit = __rlimit_resource_t(RLIMIT_CORE.rawValue)
    #else
        private static let coreFileLimit = RLIMIT_CORE
    #endif
}
