package import Domain
import NIOCore
import NIOPosix

/// An address that the policy lets a connection go to. Only ``EgressGuard`` makes one, and nothing here connects to
/// anything else: what was checked is what is connected to, whatever the name says a moment later.
package struct EgressPermit: Sendable, Hashable {
    let socketAddress: SocketAddress

    /// Numeric, without the port.
    package var address: String { socketAddress.ipAddress ?? "" }

    fileprivate init(_ socketAddress: SocketAddress) { self.socketAddress = socketAddress }
}

/// The way out of this process: resolves a name, judges every address of it, and hands out permits (specification,
/// security §13).
package struct EgressGuard: Sendable {
    /// Every address of a host name, numeric, in the order of preference.
    package typealias Resolver = @Sendable (String) async throws -> [String]

    /// At most this many addresses of one name are used.
    package static let addressLimit = 16
    /// At most this many of them are tried until one answers.
    static let attempts = 3

    private let policy: EgressPolicy
    private let own: OwnListeners
    private let resolve: Resolver

    /// - `own`: Listeners of this process, which are not connected to whatever is allowed.
    /// - `resolve`: The resolver of the system, unless a test has its own.
    package init(
        policy: EgressPolicy = EgressPolicy(), except own: OwnListeners = .none,
        resolve: @escaping Resolver = Self.system
    ) {
        self.policy = policy
        self.own = own
        self.resolve = resolve
    }

    /// `getaddrinfo(3)` on a thread that may block.
    package static let system: Resolver = { host in
        try await AddressLookup.look(up: host, on: .singleton, by: { AddressLookup.addresses(of: $0) })
    }

    /// The same for names that strangers choose, on threads of their own: a zone whose name servers stall keeps nobody but other
    /// strangers waiting.
    package static let systemForStrangers: Resolver = AddressLookup.forStrangers

    /// The addresses that a connection may go to.
    ///
    /// - Throws: ``OutboundError``: ``OutboundError/Kind/refused`` when the name, or any address of it, is refused.
    package func permits(
        host: String, port: Int, for purpose: EgressPurpose
    ) async throws(OutboundError) -> [EgressPermit] {
        let endpoint = "\(TLSEndpoint(host: host, port: port))"
        if let refusal = policy.refusal(ofName: host, for: purpose) {
            throw Self.refused(refusal.description, endpoint)
        }
        let addresses: [SocketAddress]
        if let literal = try? SocketAddress(ipAddress: host, port: port) {
            addresses = [literal]
        } else {
            addresses = try await lookUp(host, port, endpoint)
        }
        for address in addresses {
            guard let octets = AddressRange.octets(address.ipAddress ?? "") else {
                throw OutboundError(.refused, endpoint: endpoint, message: "\(host) has an address that cannot be read")
            }
            if let refusal = policy.refusal(of: octets, host: host, for: purpose) {
                throw Self.refused(refusal.description, endpoint)
            }
            guard !own.include(octets, port: port) else {
                throw Self.refused("\(host) is this server itself", endpoint)
            }
        }
        return addresses.prefix(Self.addressLimit).map { EgressPermit($0) }
    }

    /// The same, in time.
    ///
    /// - Throws: ``OutboundError``: ``OutboundError/Kind/timeout`` when the name was not resolved within `limit`.
    func permits(
        host: String, port: Int, for purpose: EgressPurpose, within limit: Duration
    ) async throws(OutboundError) -> [EgressPermit] {
        try await TimeLimit.run(
            limit,
            orThrow: OutboundError(
                .timeout, endpoint: "\(TLSEndpoint(host: host, port: port))",
                message: "the name \(host) was not resolved in time")
        ) { () async throws(OutboundError) in try await permits(host: host, port: port, for: purpose) }
    }

    /// For connections through a proxy, which resolves the name itself: judges the name, and the address when it is one.
    func admit(host: String, port: Int, for purpose: EgressPurpose) throws(OutboundError) {
        if let refusal = policy.staticRefusal(ofHost: host, for: purpose) {
            throw Self.refused(refusal.description, "\(TLSEndpoint(host: host, port: port))")
        }
    }

    private func lookUp(_ host: String, _ port: Int, _ endpoint: String) async throws(OutboundError) -> [SocketAddress]
    {
        let found: [String]
        do {
            found = try await resolve(host)
        } catch {
            throw OutboundError(.cancelled, endpoint: endpoint, message: "the name look-up was cancelled")
        }
        let addresses = found.compactMap { try? SocketAddress(ipAddress: $0, port: port) }
        guard !addresses.isEmpty, addresses.count == found.count else {
            throw OutboundError(
                .nameResolution, endpoint: endpoint, message: "the name \(host) cannot be resolved")
        }
        return addresses
    }

    private static func refused(_ refusal: String, _ endpoint: String) -> OutboundError {
        OutboundError(.refused, endpoint: endpoint, message: "not connected: \(refusal)")
    }
}
