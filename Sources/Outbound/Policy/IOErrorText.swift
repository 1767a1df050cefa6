#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Words for the error numbers that connecting can give.
enum IOErrorText {
    static func text(of number: Int32) -> String {
        switch number {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET: "connection reset by peer"
        case EHOSTUNREACH: "no route to host"
        case ENETUNREACH: "network is unreachable"
        case ETIMEDOUT: "connecting timed out"
        case EADDRNOTAVAIL: "address not available"
        case EACCES, EPERM: "permission denied"
        default: "system error \(number)"
        }
    }
}
