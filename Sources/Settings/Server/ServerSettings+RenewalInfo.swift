import Domain

/// When the ACME server tells clients to renew (RFC 9773, protocol-servers §2.2).
extension ServerSettings {
    package static let acmeRenewalInfo = Setting<Bool>(
        "acme.server.ari_enabled",
        .bool,
        fallback: true,
        reload: .hot,
        help: "Offer renewal information (RFC 9773), and take orders that name the certificate that they replace."
    )
    package static let acmeRenewalInfoInterval = Setting<Duration>(
        "acme.server.ari_poll_interval",
        .duration.within(.minutes(1) ... .days(30)),
        fallback: .hours(6),
        reload: .hot,
        help: "After how long clients are to ask again for renewal information."
    )

    static let renewalInfoSettings: [SettingDeclaration] = [
        acmeRenewalInfo.declaration, acmeRenewalInfoInterval.declaration,
    ]
}

/// What clients learn about renewals.
package struct ACMERenewalInfoConfiguration: Sendable {
    package let isOffered: Bool
    package let interval: Duration

    init(reading reader: inout SettingReader) {
        isOffered = reader.read(ServerSettings.acmeRenewalInfo)
        interval = reader.read(ServerSettings.acmeRenewalInfoInterval)
    }
}
