/// What a finding of the linter leads to.
package enum LintSeverity: String, Sendable, CaseIterable {
    /// Not looked for.
    case off
    /// Kept with the certificate and shown.
    case warning
    /// Nothing is signed.
    case error
}

/// What the linter looks at, one case for each rule.
package enum LintRule: String, Sendable, CaseIterable {
    case encoding = "encoding"
    case serialNumber = "serial_number"
    case issuerName = "issuer_name"
    case signatureAlgorithm = "signature_algorithm"
    case validityEncoding = "validity_encoding"
    case validityOrder = "validity_order"
    case validityWithinIssuer = "validity_within_issuer"
    case validityLength = "validity_length"
    case basicConstraints = "basic_constraints"
    case pathLength = "path_length"
    case keyUsage = "key_usage"
    case keyUsageForKeyType = "key_usage_for_key_type"
    case digitalSignature = "digital_signature"
    case listSigning = "crl_signing"
    case extendedKeyUsage = "extended_key_usage"
    case extendedKeyUsageNesting = "extended_key_usage_nesting"
    case mixedPurposes = "mixed_purposes"
    case subjectAttributes = "subject_attributes"
    case repeatedSubjectAttribute = "repeated_subject_attribute"
    case subjectAltName = "subject_alt_name"
    case subjectAltNameCriticality = "subject_alt_name_criticality"
    case commonNameAmongNames = "common_name_among_names"
    case hostNameForm = "host_name_form"
    case subjectKeyIdentifier = "subject_key_identifier"
    case authorityKeyIdentifier = "authority_key_identifier"
    case criticality = "criticality"
    case unexpectedExtension = "unexpected_extension"
    case locations = "locations"
    case revocationInformation = "revocation_information"
    case nameConstraints = "name_constraints"
    case keyReuse = "key_reuse"
    case modulusSize = "rsa_modulus_size"
    case deniedAlgorithm = "denied_algorithm"
    case ocspResponder = "ocsp_responder"
    case mustStapleWithoutResponder = "must_staple_without_responder"
    case noRevocationAvailable = "no_rev_avail"

    /// What holds unless the operator says otherwise.
    package var defaultSeverity: LintSeverity {
        switch self {
        case .validityLength, .digitalSignature, .listSigning, .mixedPurposes, .repeatedSubjectAttribute, .hostNameForm,
            .modulusSize:
            .warning
        // Certificates of an authority without a public address have none.
        case .revocationInformation: .off
        default: .error
        }
    }

    /// Whether it stays an error: what breaks it would be refused by relying parties, or trusted for more than was meant.
    package var isFixed: Bool {
        switch self {
        case .encoding, .serialNumber, .issuerName, .signatureAlgorithm, .validityEncoding, .validityOrder,
            .basicConstraints, .pathLength, .keyUsage, .authorityKeyIdentifier, .nameConstraints, .keyReuse,
            .deniedAlgorithm, .unexpectedExtension, .ocspResponder, .noRevocationAvailable:
            true
        default: false
        }
    }

    /// The document that the rule is from.
    package var source: String {
        switch self {
        case .encoding: "RFC 5280 §4.1"
        case .serialNumber: "RFC 5280 §4.1.2.2, TLS BR §7.1"
        case .issuerName: "RFC 5280 §4.1.2.4"
        case .signatureAlgorithm: "RFC 5280 §4.1.1.2"
        case .validityEncoding, .validityOrder: "RFC 5280 §4.1.2.5"
        case .validityWithinIssuer: "RFC 5280 §6.1"
        case .validityLength: "Apple HT103769"
        case .basicConstraints, .pathLength: "RFC 5280 §4.2.1.9"
        case .keyUsage: "RFC 5280 §4.2.1.3"
        case .keyUsageForKeyType: "RFC 5480 §3, RFC 8410 §5, RFC 3279 §2.3.1, RFC 9881 §5"
        case .digitalSignature: "RFC 8446 §4.4.2.2"
        case .listSigning: "TLS BR §7.1.2.10.7"
        case .extendedKeyUsage: "RFC 5280 §4.2.1.12, RFC 3161 §2.3"
        case .extendedKeyUsageNesting: "TLS BR §7.1.2.10.6"
        case .mixedPurposes: "TLS BR §7.1.2.7.10"
        case .subjectAttributes: "RFC 5280 appendix A.1"
        case .repeatedSubjectAttribute: "TLS BR §7.1.4.2"
        case .subjectAltName, .subjectAltNameCriticality: "RFC 5280 §4.2.1.6"
        case .commonNameAmongNames: "TLS BR §7.1.4.3"
        case .hostNameForm: "RFC 5280 §4.2.1.6, RFC 1034 §3.5"
        case .subjectKeyIdentifier: "RFC 5280 §4.2.1.2"
        case .authorityKeyIdentifier: "RFC 5280 §4.2.1.1"
        case .criticality: "RFC 5280 §4.2.1, §4.2.2.1"
        case .unexpectedExtension: "RFC 5280 §4.2"
        case .locations: "RFC 5280 §4.2.1.13, §4.2.2.1"
        case .revocationInformation: "TLS BR §7.1.2.11.2"
        case .nameConstraints: "RFC 5280 §4.2.1.10"
        case .keyReuse: "RFC 5280 §4.2.1.2"
        case .modulusSize: "TLS BR §6.1.5"
        case .deniedAlgorithm: "CERTCTL_ALGORITHM_DENY_LIST"
        case .ocspResponder: "RFC 6960 §4.2.2.2"
        case .mustStapleWithoutResponder: "RFC 7633 §4"
        case .noRevocationAvailable: "RFC 9608 §3"
        }
    }

    /// What is looked for.
    package var summary: String {
        switch self {
        case .encoding: "is a certificate of version 3 in DER"
        case .serialNumber: "has a serial number of at least 64 bits, the one on record"
        case .issuerName: "names the subject of the issuing certificate"
        case .signatureAlgorithm: "is signed as the key of the issuing certificate signs"
        case .validityEncoding: "has UTCTime through 2049 and GeneralizedTime after"
        case .validityOrder: "ends after it begins"
        case .validityWithinIssuer: "ends with the issuing certificate at the latest"
        case .validityLength: "of a TLS server: is valid for 825 days at most, as Apple's clients want"
        case .basicConstraints: "has critical basic constraints, and a path length only in a CA"
        case .pathLength: "of a CA: there may be CAs below the issuing one"
        case .keyUsage: "has critical key usage that fits a CA or a leaf"
        case .keyUsageForKeyType: "has key usage that its kind of key can do"
        case .digitalSignature: "of a TLS server or client: its key may sign, as TLS 1.3 wants"
        case .listSigning: "of a CA: its key may sign revocation lists"
        case .extendedKeyUsage: "of a leaf: has purposes, each once, time stamping alone and critical"
        case .extendedKeyUsageNesting: "has no purpose that the issuing certificate lacks"
        case .mixedPurposes: "of a TLS server: is not for e-mail, code, documents or time stamps as well"
        case .subjectAttributes: "has no subject attribute that is empty or too long"
        case .repeatedSubjectAttribute: "has no subject attribute twice, except OU and DC"
        case .subjectAltName: "has names of known types, each once, where it needs one"
        case .subjectAltNameCriticality: "has critical names exactly when its subject is empty"
        case .commonNameAmongNames: "of a leaf: has its common name among the names when it looks like one"
        case .hostNameForm: "has host names without underscores, and no wildcard for a whole top-level domain"
        case .subjectKeyIdentifier: "has a subject key identifier of 8 to 32 octets"
        case .authorityKeyIdentifier: "has the key identifier of the issuing certificate"
        case .criticality: "has no critical extension that must not be critical"
        case .unexpectedExtension: "of this server: has no extension that certctl does not write"
        case .locations: "points to http addresses"
        case .revocationInformation: "of a leaf of more than 7 days: names a revocation list or an OCSP responder"
        case .nameConstraints: "has name constraints only in a CA, and critical"
        case .keyReuse: "has another key than the issuing certificate"
        case .modulusSize: "of an RSA key: has a modulus of a multiple of 8 bits"
        case .deniedAlgorithm: "has no key and no signature that the deny-list of the server names"
        case .ocspResponder: "of an OCSP responder: is that and nothing else, and has ocsp-nocheck"
        case .mustStapleWithoutResponder: "with must-staple: names an OCSP responder to ask for the staple"
        case .noRevocationAvailable: "with noRevAvail: is a leaf's, and names no list, no OCSP responder and no staple"
        }
    }
}

/// Something that the linter found.
package struct LintFinding: Hashable, Sendable, CustomStringConvertible {
    package let rule: LintRule
    package let severity: LintSeverity
    package let message: String

    package init(rule: LintRule, severity: LintSeverity, message: String) {
        self.rule = rule
        self.severity = severity
        self.message = message
    }

    package var description: String { "\(rule.rawValue): \(message)" }
}

/// How severe what the linter finds is.
package struct LintSeverities: Hashable, Sendable {
    /// Those that differ from ``LintRule/defaultSeverity``.
    package private(set) var chosen: [LintRule: LintSeverity] = [:]

    package init() {}

    /// - Returns: `nil` when a rule is chosen that always is an error.
    package init?(_ chosen: [LintRule: LintSeverity]) {
        guard chosen.allSatisfy({ !$0.key.isFixed || $0.value == .error }) else { return nil }
        self.chosen = chosen.filter { $0.value != $0.key.defaultSeverity }
    }

    package subscript(rule: LintRule) -> LintSeverity { chosen[rule] ?? rule.defaultSeverity }
}
