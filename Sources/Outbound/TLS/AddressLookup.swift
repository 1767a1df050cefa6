import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `getaddrinfo(3)`, which blocks and is called on a thread pool.
enum AddressLookup {
    /// How many names of strangers are looked up at a time. The C library gives up on a name server after some 30 seconds, and
    /// nothing stops it before: as many threads as all validations can leave behind at their usual number.
    private static let strangerThreads = 48
    private static let strangers: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: strangerThreads)
        pool.start()
        return pool
    }()

    static let forStrangers: EgressGuard.Resolver = { host in
        try await look(up: host, on: strangers, by: { addresses(of: $0) })
    }

    /// Looks a name up on a thread of a pool. Whoever is cancelled waits no longer for it; what has not begun then never does.
    ///
    /// - Throws: `CancellationError`, also when the pool is shut down.
    static func look(
        up host: String, on pool: NIOThreadPool, by lookUp: @escaping @Sendable (String) -> [String]
    ) async throws -> [String] {
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: [String].self)
        let isWanted = Wanted()
        pool.submit { state in
            guard case .active = state, isWanted.value else { return promise.fail(CancellationError()) }
            promise.succeed(lookUp(host))
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            isWanted.end()
            promise.fail(CancellationError())
        }
    }

    private final class Wanted: Sendable {
        private let state = Mutex(true)

        var value: Bool { state.withLock { $0 } }
        func end() { state.withLock { $0 = false } }
    }

    /// Every stream address of the host, each once, in the resolver's order; empty when there is none.
    static func addresses(of host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = Int32(SOCK_STREAM)
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            if let address = numeric(entry.pointee), !addresses.contains(address) {
                addresses.append(address)
            }
        }
        return addresses
    }

    private static func numeric(_ entry: addrinfo) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress,
                getnameinfo(entry.ai_addr, entry.ai_addrlen, start, 128, nil, 0, NI_NUMERICHOST) == 0
            else { return nil }
            return String(cString: start)
        }
    }
}
