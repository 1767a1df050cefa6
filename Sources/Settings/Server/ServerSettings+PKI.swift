import Domain

/// Revocation lists (specification, protocol-servers §5).
extension ServerSettings {
    package static let crlGenerationInterval = Setting<Duration>(
        "crl.generation_interval",
        .duration.within(.seconds(1) ... .days(7)),
        fallback: .hours(1),
        reload: .hot,
        help: "How often the revocation lists are made anew although nothing was revoked."
    )
    package static let crlValidity = Setting<Duration>(
        "crl.validity",
        .duration.within(.seconds(10) ... .days(365)),
        fallback: .hours(24),
        reload: .hot,
        help: "How long a revocation list is good, from its making to its next update."
    )

    static let pkiSettings: [SettingDeclaration] = [
        crlGenerationInterval.declaration, crlValidity.declaration,
    ]
}

/// How this server makes statements about certificates.
package struct PKIConfiguration: Sendable {
    package let crlGenerationInterval: Duration
    package let crlValidity: Duration

    init(reading reader: inout SettingReader) {
        crlGenerationInterval = reader.read(ServerSettings.crlGenerationInterval)
        crlValidity = reader.read(ServerSettings.crlValidity)
        if crlValidity < crlGenerationInterval + crlGenerationInterval {
            reader.reject(
                ServerSettings.crlValidity,
                because: "must be at least twice the generation interval, or a list ends before the next one is there")
        }
    }
}
