import Domain

/// Questions to the name servers of a zone itself, past what resolvers remember (protocol-servers §2.8).
extension DNSClient {
    /// Name servers of a zone that are asked at most.
    private static let mostAuthorities = 4

    /// The records of a name as the name servers of its zone hold them, after its aliases, each asked for in its own zone.
    ///
    /// Resolvers tell which servers those are; the servers are reached under the rules of validation, not under those of resolvers,
    /// for whoever holds a zone names them.
    ///
    /// - Throws: ``DNSFailure`` when none of them answers for the zone.
    package func recordsAtAuthorities(
        of name: String, _ type: DNSRecordType
    ) async throws(DNSFailure) -> [DNSRecord.Content] {
        try await inTime(name) { () async throws(DNSFailure) in
            try await follow(name, type) { target async throws(DNSFailure) in
                try await answer(of: try await authorities(of: target), about: target, type)
            }.records
        }
    }

    private func answer(
        of servers: [DNSServer], about target: DNSWireName, _ type: DNSRecordType
    ) async throws(DNSFailure) -> DNSAnswer {
        for server in servers {
            // Over a connection: these answers are validated by nobody, and a datagram is more easily forged.
            let answer = try await ask(
                server, target, type, overTCPAlone: true, recursively: false, for: .acmeValidation)
            if let answer, answer.isAuthoritative, [0, 3].contains(answer.responseCode) { return answer }
        }
        throw DNSFailure(kind: .serverFailure, description: "no name server of the zone of \(target) answers")
    }

    /// The addresses of the name servers of the zone that a name is in; never those of a top-level domain.
    private func authorities(of name: DNSWireName) async throws(DNSFailure) -> [DNSServer] {
        var labels = name.labels[...]
        while labels.count > 1 {
            let zone = labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
            let hosts = try await records(of: zone, .ns).compactMap { content -> String? in
                guard case .nameServer(let host) = content else { return nil }
                return host.description
            }
            guard hosts.isEmpty else { return try await addresses(ofServers: hosts) }
            labels = labels.dropFirst()
        }
        throw DNSFailure(kind: .serverFailure, description: "the zone of \(name) names no name servers")
    }

    private func addresses(ofServers hosts: [String]) async throws(DNSFailure) -> [DNSServer] {
        var servers: [DNSServer] = []
        for host in hosts.prefix(Self.mostAuthorities) where servers.count < Self.mostAuthorities {
            for address in try await addresses(of: host) {
                servers.append(DNSServer(address: address, port: authorityPort))
            }
        }
        return Array(servers.prefix(Self.mostAuthorities))
    }
}
