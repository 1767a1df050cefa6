package import Domain

/// Where the control plane may connect to (specification, security §13).
extension ServerSettings {
    package static let blockPrivateOutbound = Setting<Bool>(
        "block_rfc1918_outbound",
        .bool,
        fallback: false,
        help: "Refuse connections of the server to private addresses (RFC 1918, fc00::/7, 100.64.0.0/10)."
    )
    package static let egressAllowAudit = Setting<[String]>(
        "egress.allow_audit",
        .egressTargets,
        fallback: [],
        derived: "none: public and private addresses only",
        help:
            "Networks, addresses and host names that audit receivers may have besides: a network opens what it names, "
            + "loopback included; a name opens private addresses."
    )
    package static let egressAllowValidation = Setting<[String]>(
        "egress.allow_acme_validation",
        .egressTargets,
        fallback: [],
        derived: "none: public and private addresses only",
        help:
            "Networks, addresses and host names that may be validated for ACME besides: a network opens what it names, "
            + "loopback included; a name opens private addresses."
    )

    static let egressSettings: [SettingDeclaration] = [
        blockPrivateOutbound.declaration, egressAllowAudit.declaration, egressAllowValidation.declaration,
    ]
}

/// Where the control plane may connect to.
package struct EgressConfiguration: Sendable {
    package let policy: EgressPolicy
    /// Whether private addresses are refused.
    package let blocksPrivate: Bool
    /// Whether an entry opens a network that is closed otherwise.
    package let isOpened: Bool

    init(reading reader: inout SettingReader) {
        blocksPrivate = reader.read(ServerSettings.blockPrivateOutbound)
        let audit = EgressAllowance(reader.read(ServerSettings.egressAllowAudit))
        let validation = EgressAllowance(reader.read(ServerSettings.egressAllowValidation))
        isOpened = !audit.ranges.isEmpty || !validation.ranges.isEmpty
        policy = EgressPolicy(
            blocksPrivate: blocksPrivate, allowances: [.audit: audit, .acmeValidation: validation])
    }

    /// Refuses a configured receiver that the policy would refuse each time, as far as that shows without a look-up.
    func check<Value>(
        _ host: String, for purpose: EgressPurpose, of setting: Setting<Value>, _ reader: inout SettingReader
    ) {
        guard let refusal = policy.staticRefusal(ofHost: host, for: purpose) else { return }
        reader.reject(setting, because: refusal.description)
    }
}

extension ValueGrammar where Value == [String] {
    /// Entries of an allow-list.
    static let egressTargets = Self.items(
        of: "a comma-separated list of IP addresses, CIDR ranges and host names",
        where: { AddressForm.isRange($0) || (AddressForm.isHostName($0) && !$0.utf8.allSatisfy(AddressForm.isNumeric)) }
    )
}

extension AddressForm {
    /// Digits, dots and hexadecimal marks: a number, or a misspelt address.
    static func isNumeric(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) || octet == 0x2E }
}
