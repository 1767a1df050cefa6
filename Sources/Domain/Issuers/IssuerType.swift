/// The kinds of certification authority that certctl can order from (specification, issuers §1.2).
package enum IssuerType: String, Sendable, CaseIterable {
    case acme = "ACME"
    case genericCA = "GenericCA"
    case stepCA = "StepCA"
    case openSSL = "OpenSSL"
    case vaultPKI = "VaultPKI"
    case digiCert = "DigiCert"
    case sectigo = "Sectigo"
    case googleCAS = "GoogleCAS"
    case awsACMPCA = "AWSACMPCA"
    case entrust = "Entrust"
    case globalSign = "GlobalSign"
    case ejbca = "EJBCA"

    /// Accepts the canonical spelling, its lower-case form, and the historical names of the local CA.
    package init?(accepting text: String) {
        if let exact = Self(rawValue: text) {
            self = exact
            return
        }
        switch text.lowercased() {
        case "local", "local_ca": self = .genericCA
        case let lower:
            guard let match = Self.allCases.first(where: { $0.rawValue.lowercased() == lower }) else { return nil }
            self = match
        }
    }
}

/// The result of the last connection test of an issuer or a target.
package enum ConnectionTestStatus: String, Sendable, CaseIterable {
    case untested, success, failed
}

/// Who owns the configuration of an issuer or target row.
package enum ConfigSource: String, Sendable, CaseIterable {
    case database, env
}
