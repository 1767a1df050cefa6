package import Domain

/// How the ACME server validates names (protocol-servers §2.2, §2.8).
extension ServerSettings {
    package static let http01Concurrency = Setting<Int>(
        "acme.server.http01_concurrency",
        .int.within(1...1000),
        fallback: 10,
        reload: .hot,
        help: "Validations by http-01 that one server makes at a time."
    )
    package static let dns01Resolver = Setting<[String]>(
        "acme.server.dns01_resolver",
        .resolvers,
        fallback: ["system"],
        reload: .hot,
        help:
            "Name servers for validation, address:port, or system: those of the host. Named, they answer for the addresses "
            + "of hosts too."
    )
    package static let dns01Concurrency = Setting<Int>(
        "acme.server.dns01_concurrency",
        .int.within(1...1000),
        fallback: 10,
        reload: .hot,
        help: "Validations by dns-01 that one server makes at a time."
    )
    package static let tlsALPN01Concurrency = Setting<Int>(
        "acme.server.tlsalpn01_concurrency",
        .int.within(1...1000),
        fallback: 10,
        reload: .hot,
        help: "Validations by tls-alpn-01 that one server makes at a time."
    )
    package static let validationTimeout = Setting<Duration>(
        "acme.server.validation_timeout",
        .duration.within(.seconds(1) ... .minutes(10)),
        fallback: .seconds(30),
        reload: .hot,
        help: "How long an answered challenge is tried again until it has failed."
    )
    package static let http01Port = Setting<Int>(
        "acme.server.http01_port",
        .int.within(1...65535),
        fallback: 80,
        reload: .hot,
        help: "Port of http-01. Anything but 80 is for tests."
    )
    package static let tlsALPN01Port = Setting<Int>(
        "acme.server.tlsalpn01_port",
        .int.within(1...65535),
        fallback: 443,
        reload: .hot,
        help: "Port of tls-alpn-01. Anything but 443 is for tests."
    )
    package static let acmeAnswersPerHour = Setting<Int>(
        "acme.server.rate_limit_challenge_responds_per_hour",
        .int.within(0...1_000_000),
        fallback: 60,
        reload: .hot,
        help: "Answers to one challenge in an hour; 0: no limit."
    )

    package static let acmeFailuresPerHour = Setting<Int>(
        "acme.server.rate_limit_failed_validations_per_hour",
        .int.within(0...1_000_000),
        fallback: 5,
        reload: .hot,
        help: "Failed validations of a name for one account in an hour, after which it may not order it; 0: no limit."
    )
    package static let acmeNameFailuresPerHour = Setting<Int>(
        "acme.server.rate_limit_failed_validations_per_name_per_hour",
        .int.within(0...1_000_000),
        fallback: 50,
        reload: .hot,
        help:
            "Failed validations of a name under a profile in an hour, by whichever accounts, after which those that never "
            + "proved it may not order it; 0: no limit."
    )
    package static let acmeAuthorizationReuse = Setting<Duration>(
        "acme.server.authz_reuse",
        .duration.within(.zero ... .days(90)),
        fallback: .zero,
        reload: .hot,
        help:
            "How long a proof of a name counts for further orders of its account, and no longer than its authorization "
            + "lasts; 0: never."
    )
    package static let acmeCAACheck = Setting<ACMECAAMode>(
        "acme.server.caa_check",
        .choice,
        fallback: .auto,
        reload: .hot,
        help:
            "Whether CAA records decide about names: off, auto (where names are proved, once caa_identities are set), or "
            + "enforce (everywhere)."
    )

    static let validationSettings: [SettingDeclaration] = [
        http01Concurrency.declaration, dns01Resolver.declaration, dns01Concurrency.declaration,
        tlsALPN01Concurrency.declaration, validationTimeout.declaration, http01Port.declaration,
        tlsALPN01Port.declaration, acmeAnswersPerHour.declaration,
        acmeFailuresPerHour.declaration, acmeNameFailuresPerHour.declaration, acmeAuthorizationReuse.declaration,
        acmeCAACheck.declaration,
    ]
}

/// How the ACME server validates names.
package struct ACMEValidationConfiguration: Sendable {
    package let http01Concurrency: Int
    /// Numeric addresses with their ports; empty for the resolvers of the host.
    package let resolvers: [(address: String, port: Int)]
    package let dns01Concurrency: Int
    package let tlsALPN01Concurrency: Int
    package let timeout: Duration
    package let http01Port: Int
    package let tlsALPN01Port: Int
    /// Of one challenge; 0 for no limit.
    package let answersPerHour: Int
    /// Of an account and a name; 0 for no limit.
    package let failuresPerHour: Int
    /// Of a name under a profile; 0 for no limit.
    package let nameFailuresPerHour: Int
    /// Zero: never.
    package let authorizationReuse: Duration
    package let caaMode: ACMECAAMode

    /// Whether validation looks elsewhere than RFC 8555 §8.3 and RFC 8737 §3 say.
    package var hasOtherPorts: Bool { http01Port != 80 || tlsALPN01Port != 443 }

    init(reading reader: inout SettingReader) {
        http01Concurrency = reader.read(ServerSettings.http01Concurrency)
        let named = reader.read(ServerSettings.dns01Resolver)
        if named.contains(AddressForm.systemResolvers), named.count > 1 {
            reader.reject(ServerSettings.dns01Resolver, because: "system stands alone, or addresses do")
        }
        if named.isEmpty { reader.reject(ServerSettings.dns01Resolver, because: "name at least one, or system") }
        resolvers = named.compactMap(AddressForm.resolver)
        dns01Concurrency = reader.read(ServerSettings.dns01Concurrency)
        tlsALPN01Concurrency = reader.read(ServerSettings.tlsALPN01Concurrency)
        timeout = reader.read(ServerSettings.validationTimeout)
        http01Port = reader.read(ServerSettings.http01Port)
        tlsALPN01Port = reader.read(ServerSettings.tlsALPN01Port)
        answersPerHour = reader.read(ServerSettings.acmeAnswersPerHour)
        failuresPerHour = reader.read(ServerSettings.acmeFailuresPerHour)
        nameFailuresPerHour = reader.read(ServerSettings.acmeNameFailuresPerHour)
        authorizationReuse = reader.read(ServerSettings.acmeAuthorizationReuse)
        caaMode = reader.read(ServerSettings.acmeCAACheck)
    }
}

extension AddressForm {
    static let systemResolvers = "system"

    /// `192.0.2.53`, `192.0.2.53:53`, `2001:db8::53`, `[2001:db8::53]:53`; `nil` for anything else.
    static func resolver(_ text: String) -> (address: String, port: Int)? {
        if octets(text) != nil { return (text, 53) }
        guard let colon = text.lastIndex(of: ":"),
            let port = DecimalText.integer(String(text[text.index(after: colon)...])), (1...65535).contains(port)
        else { return nil }
        var address = String(text[..<colon])
        if address.hasPrefix("["), address.hasSuffix("]") {
            address = String(address.dropFirst().dropLast())
            guard octets(address)?.count == 16 else { return nil }
        } else if octets(address)?.count != 4 {
            return nil
        }
        return (address, port)
    }
}

extension ValueGrammar where Value == [String] {
    /// Name servers.
    static let resolvers = Self.items(
        of: "system, or a comma-separated list of IP addresses with a port or without",
        where: { $0 == AddressForm.systemResolvers || AddressForm.resolver($0) != nil }
    )
}
