package import Domain
package import Encoding
package import PKI

/// What an issuer can express (specification, issuers §2.2). A demand beyond it is refused before any call.
package struct IssuerCapabilities: Hashable, Sendable {
    /// Whether an order is answered in the same call.
    package enum Flow: String, Sendable, CaseIterable {
        case synchronous, asynchronous
    }

    /// Who chooses the serial number.
    package enum SerialAllocation: String, Sendable, CaseIterable {
        /// The caller records a fresh number before the issuer signs.
        case caller
        case issuer
    }

    package let flow: Flow
    package let serialAllocation: SerialAllocation
    package let nameKinds: Set<SubjectAltName.Kind>
    package let keyAlgorithms: Set<KeyAlgorithm>
    package let honoursMaxTTL: Bool
    package let honoursExtendedKeyUsages: Bool
    package let honoursMustStaple: Bool
    /// Whether the subject, the policies, the begin of the period and the criticality of the purposes are written as the
    /// order says.
    package let honoursTemplates: Bool
    /// The reasons for which it revokes; none when it can't be told of revocations. Another is refused before anything is
    /// revoked (specification, issuers §2.9).
    package let revocationReasons: Set<RevocationReason>

    package init(
        flow: Flow,
        serialAllocation: SerialAllocation,
        nameKinds: Set<SubjectAltName.Kind>,
        keyAlgorithms: Set<KeyAlgorithm>,
        honoursMaxTTL: Bool,
        honoursExtendedKeyUsages: Bool,
        honoursMustStaple: Bool,
        honoursTemplates: Bool = false,
        revocationReasons: Set<RevocationReason> = []
    ) {
        self.flow = flow
        self.serialAllocation = serialAllocation
        self.nameKinds = nameKinds
        self.keyAlgorithms = keyAlgorithms
        self.honoursMaxTTL = honoursMaxTTL
        self.honoursExtendedKeyUsages = honoursExtendedKeyUsages
        self.honoursMustStaple = honoursMustStaple
        self.honoursTemplates = honoursTemplates
        self.revocationReasons = revocationReasons
    }

    /// The record as the API shows it.
    package var json: JSONObject {
        [
            "flow": .string(flow.rawValue),
            "serial_allocation": .string(serialAllocation.rawValue),
            "name_kinds": JSONValue(nameKinds.map(\.rawValue).sorted()),
            "key_algorithms": JSONValue(keyAlgorithms.map(\.rawValue).sorted()),
            "max_ttl": .bool(honoursMaxTTL),
            "ekus": .bool(honoursExtendedKeyUsages),
            "must_staple": .bool(honoursMustStaple),
            "templates": .bool(honoursTemplates),
            "revocation_reasons": JSONValue(revocationReasons.map(\.rawValue).sorted()),
        ]
    }
}
