import Domain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the agent tells about its host.
struct HostFacts: Hashable, Sendable {
    let name: String
    let os: String
    let architecture: String
    /// The source address of the route toward the control plane; `nil` when there is no route.
    let address: String?
    let softwareVersion: String
    /// Target types that this agent can deploy to.
    let capabilities: [String]

    /// `certctl-agent/1.0.0 (linux; amd64)`.
    var userAgent: String { "certctl-agent/\(softwareVersion) (\(os); \(architecture))" }
}

extension HostFacts {
    /// Looks at this host. Blocks while the name of the control plane is resolved.
    static func current(
        server: (host: String, port: Int),
        softwareVersion: String,
        capabilities: [String]
    ) -> HostFacts {
        HostFacts(
            name: hostName(),
            os: operatingSystem,
            architecture: processorArchitecture,
            address: RouteProbe.sourceAddress(toward: server.host, port: server.port),
            softwareVersion: softwareVersion,
            capabilities: capabilities
        )
    }

    private static var operatingSystem: String {
        #if os(Linux)
            "linux"
        #else
            "darwin"
        #endif
    }

    private static var processorArchitecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #else
            "unknown"
        #endif
    }

    static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? "localhost" : name
    }
}

/// Asks the kernel for a route without sending anything.
enum RouteProbe {
    /// The address that packets to `host` would come from; `nil` without a name or a route.
    static func sourceAddress(toward host: String, port: Int) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = datagram
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let list else { return nil }
        defer { freeaddrinfo(list) }
        var entry: UnsafeMutablePointer<addrinfo>? = list
        while let current = entry?.pointee {
            if let address = sourceAddress(toward: current) { return address }
            entry = current.ai_next
        }
        return nil
    }

    private static func sourceAddress(toward destination: addrinfo) -> String? {
        let descriptor = socket(destination.ai_family, datagram, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard connect(descriptor, destination.ai_addr, destination.ai_addrlen) == 0 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isKnown = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0
                    && getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            }
        }
        guard isKnown else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static var datagram: Int32 {
        #if canImport(Darwin)
            SOCK_DGRAM
        #elseif canImport(Musl)
            SOCK_DGRAM
        #else
            Int32(SOCK_DGRAM.rawValue)
        #endif
    }
}
