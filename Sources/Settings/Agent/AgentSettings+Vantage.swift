package import Domain

/// Where an agent looks at proofs of names for the ACME server of its control plane (protocol-servers §2.8).
extension AgentSettings {
    package static let vantage = Setting<String?>(
        "agent.vantage",
        ValueGrammar.string.refined("at most 32 of a-z 0-9 -") { ACMEPerspective.isName($0) },
        derived: "none: this host looks at no proofs",
        help:
            "Perspective at which this host stands, as CERTCTL_ACME_SERVER_PERSPECTIVES of the control plane names it: the agent "
            + "connects to names that ACME clients want to prove, and tells what it sees."
    )
    package static let vantageResolver = Setting<[String]>(
        "agent.vantage_resolver",
        .resolvers,
        fallback: ["system"],
        help:
            "Name servers for that, address:port, or system: those of the host. Named, they answer for the addresses of hosts "
            + "too."
    )
    package static let vantageHTTP01Port = Setting<Int>(
        "agent.vantage_http01_port",
        .int.within(1...65535),
        fallback: 80,
        help: "Port of http-01. Anything but 80 is for tests."
    )
    package static let vantageTLSALPN01Port = Setting<Int>(
        "agent.vantage_tlsalpn01_port",
        .int.within(1...65535),
        fallback: 443,
        help: "Port of tls-alpn-01. Anything but 443 is for tests."
    )
    package static let vantageBlocksPrivate = Setting<Bool>(
        "block_rfc1918_outbound",
        .bool,
        fallback: false,
        help: "Refuse to look at names with private addresses (RFC 1918, fc00::/7, 100.64.0.0/10)."
    )
    package static let vantageEgress = Setting<[String]>(
        "egress.allow_acme_validation",
        .egressTargets,
        fallback: [],
        derived: "none: public and private addresses only",
        help:
            "Networks, addresses and host names that may be looked at besides: a network opens what it names, loopback included; a "
            + "name opens private addresses."
    )

    static let vantageSettings: [SettingDeclaration] = [
        vantage.declaration, vantageResolver.declaration, vantageHTTP01Port.declaration,
        vantageTLSALPN01Port.declaration, vantageBlocksPrivate.declaration, vantageEgress.declaration,
    ]
}

/// Where and how an agent looks at proofs of names.
package struct AgentVantageConfiguration: Sendable {
    /// `nil`: it does not.
    package let perspective: String?
    /// Numeric addresses with their ports; empty for the resolvers of the host.
    package let resolvers: [(address: String, port: Int)]
    package let http01Port: Int
    package let tlsALPN01Port: Int
    package let policy: EgressPolicy

    init(reading reader: inout SettingReader) {
        perspective = reader.read(AgentSettings.vantage)
        let named = reader.read(AgentSettings.vantageResolver)
        if named.isEmpty { reader.reject(AgentSettings.vantageResolver, because: "name at least one, or system") }
        if named.contains(AddressForm.systemResolvers), named.count > 1 {
            reader.reject(AgentSettings.vantageResolver, because: "system stands alone, or addresses do")
        }
        resolvers = named.compactMap(AddressForm.resolver)
        http01Port = reader.read(AgentSettings.vantageHTTP01Port)
        tlsALPN01Port = reader.read(AgentSettings.vantageTLSALPN01Port)
        policy = EgressPolicy(
            blocksPrivate: reader.read(AgentSettings.vantageBlocksPrivate),
            allowances: [.acmeValidation: EgressAllowance(reader.read(AgentSettings.vantageEgress))])
    }
}
