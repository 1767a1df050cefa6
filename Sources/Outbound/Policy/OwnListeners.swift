import Domain
import NIOCore

/// Where this process itself listens. Whoever names such a place gets the server to talk to itself.
package struct OwnListeners: Sendable {
    /// Numeric addresses with their ports.
    private let endpoints: [(octets: [UInt8], port: Int)]
    private let interfaces: @Sendable () -> Set<[UInt8]>

    package static let none = OwnListeners([])

    /// - `endpoints`: What is no numeric address counts as every address of this host.
    /// - `interfaces`: The addresses of this host, for listeners on all of them.
    package init(
        _ endpoints: [(host: String, port: Int)], interfaces: @escaping @Sendable () -> Set<[UInt8]> = Self.ofHost
    ) {
        self.endpoints = endpoints.map { (AddressRange.octets($0.host).map(Self.plain) ?? [0, 0, 0, 0], $0.port) }
        self.interfaces = interfaces
    }

    /// The addresses of the interfaces of this host, as they are now.
    package static let ofHost: @Sendable () -> Set<[UInt8]> = {
        let devices = (try? System.enumerateDevices()) ?? []
        return Set(devices.compactMap { $0.address?.ipAddress.flatMap(AddressRange.octets).map(plain) })
    }

    func include(_ octets: [UInt8], port: Int) -> Bool {
        let address = Self.plain(octets)
        return endpoints.contains { endpoint in
            guard endpoint.port == port else { return false }
            if endpoint.octets == address { return true }
            guard endpoint.octets.allSatisfy({ $0 == 0 }) else { return false }
            return AddressReach(of: address) == .local || interfaces().contains(address)
        }
    }

    /// IPv4-mapped addresses as the IPv4 addresses that they are.
    private static func plain(_ octets: [UInt8]) -> [UInt8] {
        octets.count == 16 && octets.prefix(10).allSatisfy { $0 == 0 } && octets[10] == 0xFF && octets[11] == 0xFF
            ? Array(octets.suffix(4)) : octets
    }
}
