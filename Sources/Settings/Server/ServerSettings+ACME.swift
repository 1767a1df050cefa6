package import Domain

/// The ACME server (protocol-servers §2.2).
extension ServerSettings {
    package static let acmeEnabled = Setting<Bool>(
        "acme.server.enabled",
        .bool,
        fallback: false,
        help: "Serve ACME (RFC 8555) below /acme. Off: those paths do not exist."
    )
    package static let acmeDefaultProfile = Setting<String?>(
        "acme.server.default_profile_id",
        .identifier,
        derived: "none: clients name their profile in the path",
        reload: .hot,
        help: "Certificate profile behind the paths without one, such as /acme/directory."
    )
    package static let acmeDefaultMode = Setting<ACMEAuthMode>(
        "acme.server.default_auth_mode",
        .choice,
        fallback: .trustAuthenticated,
        reload: .hot,
        help:
            "How names are proved under a profile that is made without acme_auth_mode: trust_authenticated (accounts are "
            + "trusted) or challenge. Profiles that exist keep theirs."
    )
    package static let acmeNonceTTL = Setting<Duration>(
        "acme.server.nonce_ttl",
        .duration.within(.seconds(10) ... .hours(24)),
        fallback: .minutes(5),
        reload: .hot,
        help: "How long a nonce may be used."
    )
    package static let acmeOrderTTL = Setting<Duration>(
        "acme.server.order_ttl",
        .duration.within(.seconds(1) ... .days(90)),
        fallback: .hours(24),
        reload: .hot,
        help: "How long an order may stay unfinished."
    )
    package static let acmeAuthorizationTTL = Setting<Duration>(
        "acme.server.authz_ttl",
        .duration.within(.seconds(1) ... .days(90)),
        fallback: .hours(24),
        reload: .hot,
        help: "How long an authorization lasts."
    )
    package static let acmeAccountsPerHour = Setting<Int>(
        "acme.server.rate_limit_new_accounts_per_hour",
        .int.within(0...1_000_000),
        fallback: 20,
        reload: .hot,
        help: "Accounts that may be opened from an address in an hour; 0: no limit."
    )
    package static let acmeOrdersPerHour = Setting<Int>(
        "acme.server.rate_limit_orders_per_hour",
        .int.within(0...1_000_000),
        fallback: 100,
        reload: .hot,
        help: "New orders of an account in an hour; 0: no limit."
    )
    package static let acmeConcurrentOrders = Setting<Int>(
        "acme.server.rate_limit_concurrent_orders",
        .int.within(0...1_000_000),
        fallback: 100,
        reload: .hot,
        help: "Orders of an account that may be open at a time; 0: no limit."
    )
    package static let acmeKeyChangesPerHour = Setting<Int>(
        "acme.server.rate_limit_key_change_per_hour",
        .int.within(0...1_000_000),
        fallback: 5,
        reload: .hot,
        help: "Changes of an account's key in an hour; 0: no limit."
    )
    package static let acmeGCInterval = Setting<Duration>(
        "acme.server.gc_interval",
        .duration.within(.zero ... .days(1)),
        fallback: .minutes(1),
        reload: .hot,
        help: "How often used nonces, expired authorizations and orders are swept up; 0: never."
    )
    package static let acmeRetention = Setting<Duration>(
        "retention.acme",
        .duration.within(.hours(1) ... .days(3650)),
        fallback: .hours(720),
        reload: .hot,
        help:
            "How long ACME orders are kept after they ended and what was issued for them expired, and accounts after they were "
            + "deactivated or revoked."
    )
    package static let acmeTermsURL = Setting<String?>(
        "acme.server.tos_url",
        .webAddress,
        derived: "none: clients need not agree to anything",
        reload: .hot,
        help: "Terms of service that an ACME client has to agree to."
    )
    package static let acmeWebsite = Setting<String?>(
        "acme.server.website",
        .webAddress,
        reload: .hot,
        help: "Page about this CA, shown in the directory."
    )
    package static let acmeCAAIdentities = Setting<[String]>(
        "acme.server.caa_identities",
        .hostNames,
        fallback: [],
        derived: "none",
        reload: .hot,
        help: "Host names by which CAA records name this CA, shown in the directory."
    )
    package static let acmeBindingRequired = Setting<Bool>(
        "acme.server.eab_required",
        .bool,
        fallback: false,
        reload: .hot,
        help: "Every new account needs an external account binding, under profiles that demand challenges too."
    )
    package static let acmeOpenTrust = Setting<Bool>(
        "acme.server.allow_open_trust",
        .bool,
        fallback: false,
        reload: .hot,
        help:
            "Accounts without external account binding may order under profiles that trust accounts with names: whoever "
            + "reaches the port gets every name that the profile allows."
    )

    static let acmeSettings: [SettingDeclaration] =
        [
            acmeEnabled.declaration, acmeDefaultProfile.declaration, acmeDefaultMode.declaration,
            acmeNonceTTL.declaration, acmeOrderTTL.declaration,
            acmeAuthorizationTTL.declaration, acmeAccountsPerHour.declaration, acmeOrdersPerHour.declaration,
            acmeConcurrentOrders.declaration,
            acmeKeyChangesPerHour.declaration, acmeGCInterval.declaration, acmeRetention.declaration,
            acmeTermsURL.declaration,
            acmeWebsite.declaration, acmeCAAIdentities.declaration, acmeBindingRequired.declaration,
            acmeOpenTrust.declaration,
        ] + validationSettings + renewalInfoSettings + perspectiveSettings
}

/// The ACME server.
package struct ACMEConfiguration: Sendable {
    package let isEnabled: Bool
    /// `nil`: clients name their profile.
    package let defaultProfile: String?
    /// Of a profile that is made without one.
    package let defaultMode: ACMEAuthMode
    package let nonceTTL: Duration
    package let orderTTL: Duration
    package let authorizationTTL: Duration
    /// Of an address; 0 for no limit.
    package let accountsPerHour: Int
    /// Of an account; 0 for no limit.
    package let ordersPerHour: Int
    package let concurrentOrders: Int
    package let keyChangesPerHour: Int
    /// Zero: never.
    package let gcInterval: Duration
    /// Of orders and accounts that have ended.
    package let retention: Duration
    package let termsURL: String?
    package let website: String?
    package let caaIdentities: [String]
    package let requiresBinding: Bool
    package let allowsOpenTrust: Bool
    package let validation: ACMEValidationConfiguration
    package let renewalInfo: ACMERenewalInfoConfiguration
    package let perspectives: ACMEPerspectiveConfiguration

    init(reading reader: inout SettingReader) {
        isEnabled = reader.read(ServerSettings.acmeEnabled)
        defaultProfile = reader.read(ServerSettings.acmeDefaultProfile)
        defaultMode = reader.read(ServerSettings.acmeDefaultMode)
        nonceTTL = reader.read(ServerSettings.acmeNonceTTL)
        orderTTL = reader.read(ServerSettings.acmeOrderTTL)
        authorizationTTL = reader.read(ServerSettings.acmeAuthorizationTTL)
        accountsPerHour = reader.read(ServerSettings.acmeAccountsPerHour)
        ordersPerHour = reader.read(ServerSettings.acmeOrdersPerHour)
        concurrentOrders = reader.read(ServerSettings.acmeConcurrentOrders)
        keyChangesPerHour = reader.read(ServerSettings.acmeKeyChangesPerHour)
        gcInterval = reader.read(ServerSettings.acmeGCInterval)
        retention = reader.read(ServerSettings.acmeRetention)
        termsURL = reader.read(ServerSettings.acmeTermsURL)
        website = reader.read(ServerSettings.acmeWebsite)
        caaIdentities = reader.read(ServerSettings.acmeCAAIdentities)
        requiresBinding = reader.read(ServerSettings.acmeBindingRequired)
        allowsOpenTrust = reader.read(ServerSettings.acmeOpenTrust)
        validation = ACMEValidationConfiguration(reading: &reader)
        renewalInfo = ACMERenewalInfoConfiguration(reading: &reader)
        perspectives = ACMEPerspectiveConfiguration(reading: &reader)
    }
}

extension ValueGrammar where Value == String {
    /// The identifier of an object.
    static let identifier = ValueGrammar.string.refined("an identifier: letters, digits, dots, hyphens, underscores") {
        IdentifierForm.accepts($0)
    }

    /// The address of a page, which is put into a header field as it is.
    static let webAddress = ValueGrammar.string.refined("an http:// or https:// address without spaces") { text in
        (text.hasPrefix("https://") || text.hasPrefix("http://")) && text.utf8.count <= 1024
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3C && $0 != 0x3E && $0 != 0x22 }
    }
}
