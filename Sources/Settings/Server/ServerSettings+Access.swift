package import Domain

/// What the roles of a shared agent key of an earlier fleet are worth.
package enum SharedAgentKeys: String, Sendable, CaseIterable {
    /// The first agent that a key is used for is the only one.
    case bind
    /// Any agent, as before.
    case allow
    case deny
}

/// When something needs a second person.
package enum SecondPersonSetting: String, Sendable, CaseIterable {
    /// As soon as two administrators exist who may approve.
    case auto
    case `true`
    case `false`
}

/// Who may do what: keys that the environment declares, and limits of all keys (specification, security §2.2, §15.2).
extension ServerSettings {
    package static let namedKeys = Setting<Secret?>(
        "api_keys_named",
        .secret,
        derived: "none",
        help: "API keys as name:key[:admin|:role-id], separated by commas; a key may be given as sha256-<64 hex>. "
            + "The same name twice is a rotation: both keys work."
    )
    package static let legacyKeys = Setting<Secret?>(
        "auth.secret",
        .secret,
        derived: "none",
        help: "Deprecated: keys without names, separated by commas; they may read. Ignored beside named keys."
    )
    package static let longestKeyLifetime = Setting<Duration>(
        "api_key.max_lifetime",
        .duration.within(.zero ... .days(3650)),
        fallback: .zero,
        help: "Longest life of an API key made over the API, and the default of keys without an end; 0 means no limit."
    )
    package static let unusedKeys = Setting<Duration>(
        "api_key.unused_disable",
        .duration.within(.zero ... .days(3650)),
        fallback: .days(90),
        help: "An API key that nobody has used for so long is spoken of in log, audit and events, or switched off; "
            + "0 means never, else at least 1h."
    )
    package static let unusedKeysEnforced = Setting<Bool>(
        "api_key.unused_disable_enforce",
        .bool,
        fallback: false,
        help: "Switch such keys off, except the last administrator's and those that the environment declares."
    )
    package static let sharedAgentKeys = Setting<SharedAgentKeys>(
        "agent.shared_key_mode",
        .choice,
        fallback: .bind,
        help: "API keys that act as agents: bind to the first agent, allow any agent, or deny."
    )
    package static let auditorOverlap = Setting<Bool>(
        "rbac.allow_auditor_overlap",
        .bool,
        fallback: false,
        help: "Let an actor hold the auditor role beside roles that change things."
    )
    package static let adminGrantApproval = Setting<SecondPersonSetting>(
        "approval.admin_grants",
        .choice,
        fallback: .auto,
        help: "Grants of great power wait for a second person: true, false, or auto as soon as two administrators "
            + "exist whose keys may approve."
    )
    package static let bulkRevocationApproval = Setting<SecondPersonSetting>(
        "approval.bulk_revocation",
        .choice,
        fallback: .auto,
        help: "Bulk revocations wait for a second person: true, false, or auto as soon as two administrators exist "
            + "whose keys may approve."
    )
    package static let ceremonyApproval = Setting<SecondPersonSetting>(
        "approval.ca_ceremony",
        .choice,
        fallback: .auto,
        help:
            "Making, taking in and ending CAs of a tree waits for a second person: true, false, or auto as soon as two "
            + "administrators exist whose keys may approve."
    )
    package static let approvalBypass = Setting<Bool>(
        "approval.bypass",
        .bool,
        fallback: false,
        help: "Approve every request at once, as system-bypass. Refused without CERTCTL_DEMO_MODE_ACK."
    )

    static let accessSettings: [SettingDeclaration] = [
        namedKeys.declaration, legacyKeys.declaration, longestKeyLifetime.declaration, unusedKeys.declaration,
        unusedKeysEnforced.declaration, sharedAgentKeys.declaration,
        auditorOverlap.declaration, adminGrantApproval.declaration,
        bulkRevocationApproval.declaration, ceremonyApproval.declaration, approvalBypass.declaration,
    ]
}
