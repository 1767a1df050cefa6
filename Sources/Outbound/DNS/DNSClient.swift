package import Domain
import NIOCore
import NIOPosix

/// Why the DNS gave no answer that can be used.
package struct DNSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// No resolver answered in time.
        case timeout
        /// Every resolver failed or refused.
        case serverFailure
        /// More aliases than are followed.
        case tooManyAliases
        case badName
        case cancelled
    }

    package let kind: Kind
    /// Names what was asked for, and no resolver.
    package let description: String
}

/// A resolver: numeric address and port.
package struct DNSServer: Hashable, Sendable, CustomStringConvertible {
    package static let defaultPort = 53

    package let address: String
    package let port: Int

    package init(address: String, port: Int = Self.defaultPort) {
        self.address = address
        self.port = port
    }

    package var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

/// What was found about a name.
package struct DNSLookup: Hashable, Sendable {
    package let records: [DNSRecord.Content]
    /// Whether resolvers validated all of it by DNSSEC.
    package let isAuthenticated: Bool
}

/// Asks recursive resolvers for records: UDP with a fresh port, identifier and spelling for each question, TCP when an
/// answer does not fit (RFC 1035, RFC 5452, RFC 7766).
///
/// Nothing is kept: whoever validates must see what is there now.
package struct DNSClient: Sendable {
    /// Aliases that are followed from one name.
    static let aliasLimit = 8
    /// How long one resolver may take before the next is asked.
    static let patience = Duration.seconds(2)
    /// How often the list of resolvers is gone through.
    static let rounds = 2
    /// How long a look-up may take with all its aliases and servers, unless it is told otherwise.
    package static let longest = Duration.seconds(10)

    private let servers: @Sendable () -> [DNSServer]
    let egress: EgressGuard
    let authorityPort: Int
    private let random: RandomSource
    private let limit: Duration

    /// - `servers`: In the order of preference; asked for each time.
    /// - `authorityPort`: Where the name servers of zones listen.
    /// - `limit`: Of each look-up, whatever it takes.
    package init(
        servers: @escaping @Sendable () -> [DNSServer], egress: EgressGuard, random: RandomSource,
        authorityPort: Int = DNSServer.defaultPort, limit: Duration = Self.longest
    ) {
        self.servers = servers
        self.egress = egress
        self.random = random
        self.authorityPort = authorityPort
        self.limit = limit
    }

    /// Cancels a look-up that takes too long: whoever holds a zone can have any question stall, and many follow one another.
    func inTime<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () async throws(DNSFailure) -> Value
    ) async throws(DNSFailure) -> Value {
        try await TimeLimit.run(
            limit, orThrow: DNSFailure(kind: .timeout, description: "no answer from the DNS about \(name) in time"),
            body)
    }

    /// The records of a name, after its aliases; empty when the name or the type does not exist.
    package func records(of name: String, _ type: DNSRecordType) async throws(DNSFailure) -> [DNSRecord.Content] {
        try await lookUp(name, type).records
    }

    /// The records of a name as resolvers tell them, after its aliases.
    package func lookUp(_ name: String, _ type: DNSRecordType) async throws(DNSFailure) -> DNSLookup {
        try await inTime(name) { () async throws(DNSFailure) in
            try await follow(name, type) { target async throws(DNSFailure) in try await ask(target, type) }
        }
    }

    /// Goes from alias to alias until there are records, or none.
    func follow(
        _ name: String, _ type: DNSRecordType,
        _ ask: (DNSWireName) async throws(DNSFailure) -> DNSAnswer
    ) async throws(DNSFailure) -> DNSLookup {
        var target: DNSWireName
        do { target = try DNSWireName(name) } catch {
            throw DNSFailure(kind: .badName, description: "\(name) is \(error)")
        }
        var aliases = 0
        var isAuthenticated = true
        while true {
            let answer = try await ask(target)
            isAuthenticated = isAuthenticated && answer.isAuthenticated
            let asked = target
            // An answer most often brings the whole chain.
            while true {
                let own = answer.records.filter { $0.name == target }
                let found = own.filter { $0.type == type }
                guard found.isEmpty else {
                    return DNSLookup(records: found.map(\.content), isAuthenticated: isAuthenticated)
                }
                guard case .alias(let next)? = own.first(where: { $0.type == .cname })?.content else { break }
                aliases += 1
                guard aliases <= Self.aliasLimit else {
                    throw DNSFailure(kind: .tooManyAliases, description: "\(name) has too many aliases")
                }
                target = next
            }
            if target == asked { return DNSLookup(records: [], isAuthenticated: isAuthenticated) }
        }
    }

    /// Addresses of a host, IPv6 first; empty when it has none.
    ///
    /// - Throws: ``DNSFailure`` when the DNS can't tell.
    package func addresses(of host: String) async throws(DNSFailure) -> [String] {
        var found: [String] = []
        for type in [DNSRecordType.aaaa, .a] {
            for record in try await records(of: host, type) {
                guard case .address(let octets) = record, let text = Self.text(octets), !found.contains(text) else {
                    continue
                }
                found.append(text)
            }
        }
        return found
    }

    private static func text(_ octets: [UInt8]) -> String? {
        try? SocketAddress(packedIPAddress: ByteBuffer(bytes: octets), port: 0).ipAddress
    }

    // MARK: One question

    /// The first answer that says whether there are records.
    private func ask(_ name: DNSWireName, _ type: DNSRecordType) async throws(DNSFailure) -> DNSAnswer {
        let servers = servers()
        var hasAnswer = false
        for round in 0..<Self.rounds {
            for server in servers {
                let isLast = round == Self.rounds - 1
                guard let answer = try await ask(server, name, type, overTCPAlone: isLast) else { continue }
                switch answer.responseCode {
                case 0, 3: return answer
                default: hasAnswer = true
                }
            }
        }
        throw hasAnswer
            ? DNSFailure(kind: .serverFailure, description: "the name servers of \(name) fail")
            : DNSFailure(kind: .timeout, description: "no answer from the DNS about \(name)")
    }

    /// - `overTCPAlone`: After datagrams brought nothing: they may be lost on the way, or come back in another spelling.
    private func ask(
        _ server: DNSServer, _ name: DNSWireName, _ type: DNSRecordType, overTCPAlone: Bool
    ) async throws(DNSFailure) -> DNSAnswer? {
        try await ask(server, name, type, overTCPAlone: overTCPAlone, recursively: true, for: .resolver)
    }

    /// One question to one server; `nil` when it brought no answer.
    func ask(
        _ server: DNSServer, _ name: DNSWireName, _ type: DNSRecordType, overTCPAlone: Bool, recursively: Bool,
        for purpose: EgressPurpose
    ) async throws(DNSFailure) -> DNSAnswer? {
        let octets = random.bytes(2 + name.labels.reduce(0) { $0 + $1.count })
        let query = DNSQuery(
            id: UInt16(octets[0]) << 8 | UInt16(octets[1]), name: name.mixingCase(octets.dropFirst(2)), type: type,
            wantsRecursion: recursively)
        do {
            let permits = try await egress.permits(host: server.address, port: server.port, for: purpose)
            guard let permit = permits.first else { return nil }
            if !overTCPAlone {
                let answer = try await DNSExchange.datagram(query, to: permit, within: Self.patience)
                if let answer, !answer.isTruncated { return answer }
                if answer == nil { return nil }
            }
            return try await DNSExchange.stream(query, to: permit, within: Self.patience)
        } catch is CancellationError {
            throw DNSFailure(kind: .cancelled, description: "the look-up was cancelled")
        } catch {
            // Another resolver may answer.
            return nil
        }
    }
}
