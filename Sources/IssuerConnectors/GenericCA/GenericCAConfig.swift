package import Domain
package import EmbeddedCA
package import Encoding
package import PKI

/// The configuration of the built-in certification authority, validated (specification, issuers §4.1).
package struct GenericCAConfig: Sendable {
    /// Where the authority's certificate and key come from.
    package enum Material: Hashable, Sendable {
        /// Made at first use and kept in the database.
        case generated(commonName: String, keySpec: KeySpec, validity: Duration)
        /// Supplied files: the issuing certificate with its chain, and its key.
        case files(certificatePath: String, keyPath: String)
        /// A root whose key a driver holds. The key is made at first use unless the reference names one.
        case held(commonName: String, key: KeyReference, keySpec: KeySpec?, validity: Duration)
        /// A supplied issuing certificate with its chain, whose key a driver holds.
        case heldBelow(certificatePath: String, key: KeyReference)

        /// The key that a driver holds, and the kind that it must have.
        package var heldKey: (reference: KeyReference, spec: KeySpec?)? {
            switch self {
            case .generated, .files: nil
            case .held(_, let key, let spec, _): (key, spec)
            case .heldBelow(_, let key): (key, nil)
            }
        }
    }

    /// The drivers of keys that an issuer may name: in the database unless something else is said.
    package enum Driver: String, Sendable, CaseIterable {
        case database, pkcs11, exec, file

        /// How the references of its keys are written; `nil` for keys without.
        var referenceForm: String? {
            switch self {
            case .database: nil
            case .pkcs11: "pkcs11:token=LABEL;object=KEY"
            case .exec: "signer:NAME"
            case .file: "/DIRECTORY/FILE"
            }
        }

        /// Whose references begin like `text`.
        init?(ofReference text: String) {
            if text.lowercased().hasPrefix("pkcs11:") {
                self = .pkcs11
            } else if text.hasPrefix(SignerKeyName.scheme) {
                self = .exec
            } else if text.hasPrefix("/") {
                self = .file
            } else {
                return nil
            }
        }
    }

    package static let defaultCommonName = "CertCtl Local CA"

    package let material: Material
    /// Opens the key file of this authority; `nil` for what the settings of the server say.
    package let keyPassphrase: Secret?
    /// The longest life time of a leaf.
    package let leafValidity: Duration
    package let backdate: Duration
    package let commonNamePolicy: CommonNamePolicy
    package let crlDistributionPoints: [String]
    /// How many revocation lists the certificates are spread over; 0 for one list of all.
    package let crlPartitions: Int
    /// Whether there are delta lists to the complete one.
    package let hasDeltaCRL: Bool
    package let ocspURLs: [String]
    package let caIssuersURLs: [String]
    package let policyOIDs: [String]

    /// Reads a configuration that its descriptor found no problem with.
    package init(_ config: JSONObject) throws(ServiceError) {
        func text(_ name: String) -> String { config[name]?.stringValue ?? "" }
        func number(_ name: String, _ fallback: Int64) -> Int64 { config[name]?.integerValue ?? fallback }
        func texts(_ name: String) -> [String] { (config[name]?.arrayValue ?? []).compactMap(\.stringValue) }

        material = Self.material(text, validity: .days(number("ca_validity_days", 3650)))
        keyPassphrase = text("key_passphrase").isEmpty ? nil : Secret(text("key_passphrase"))
        leafValidity = .days(number("validity_days", 90))
        backdate = .seconds(number("backdate_seconds", 60))
        commonNamePolicy = CommonNamePolicy(rawValue: text("cn_policy")) ?? .keep
        crlDistributionPoints = texts("crl_distribution_point_urls")
        crlPartitions = Int(number("crl_partitions", 0))
        hasDeltaCRL = config["crl_delta"]?.boolValue ?? false
        ocspURLs = texts("ocsp_urls")
        caIssuersURLs = texts("ca_issuers_urls")
        policyOIDs = texts("policy_oids")
    }

    private static func material(_ text: (String) -> String, validity: Duration) -> Material {
        let certificatePath = text("ca_cert_path")
        let commonName = text("ca_common_name").isEmpty ? defaultCommonName : text("ca_common_name")
        let spec = KeySpec(rawValue: text("key_algorithm"))
        let driver = Driver(rawValue: text("key_driver")) ?? .database
        guard driver != .database else {
            return certificatePath.isEmpty
                ? .generated(commonName: commonName, keySpec: spec ?? .ecdsaP256, validity: validity)
                : .files(certificatePath: certificatePath, keyPath: text("ca_key_path"))
        }
        let key = KeyReference(driver: driver.rawValue, ref: text("key_ref"))
        return certificatePath.isEmpty
            ? .held(commonName: commonName, key: key, keySpec: spec, validity: validity)
            : .heldBelow(certificatePath: certificatePath, key: key)
    }

    /// How the authority signs, with what relying parties are pointed at (protocol-servers §5.6).
    ///
    /// - `publicURL`: Where this server answers them. A list of the configuration wins.
    package func settings(pointingAt authority: AuthorityID, under publicURL: String?) -> LocalCASettings {
        var settings = settings
        guard let publicURL else { return settings }
        let base = "\(publicURL)/.well-known/pki"
        if settings.crlDistributionPoints.isEmpty {
            let list = "\(base)/crl/\(authority.text)"
            settings.crlDistributionPoints = crlPartitions > 0 ? [] : [list]
            settings.freshestCRL = hasDeltaCRL ? ["\(list)/\(RevocationListScope.delta)"] : []
            settings.crlShards = crlPartitions > 0 ? CRLShards(below: list, count: crlPartitions) : nil
        }
        if settings.ocspURLs.isEmpty { settings.ocspURLs = ["\(base)/ocsp/\(authority.text)"] }
        if settings.caIssuersURLs.isEmpty { settings.caIssuersURLs = ["\(base)/ca/\(authority.text).cer"] }
        return settings
    }

    /// How the authority signs.
    package var settings: LocalCASettings {
        var settings = LocalCASettings()
        settings.validity = leafValidity
        settings.backdate = backdate
        settings.commonNamePolicy = commonNamePolicy
        settings.crlDistributionPoints = crlDistributionPoints
        settings.ocspURLs = ocspURLs
        settings.caIssuersURLs = caIssuersURLs
        settings.policies = policyOIDs.compactMap { OID(dotted: $0) }
        return settings
    }
}
