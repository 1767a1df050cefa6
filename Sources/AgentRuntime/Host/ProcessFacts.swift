#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

enum ProcessFacts {
    static var processID: Int { Int(getpid()) }
}
