import ConnectorKit
import Domain
import EmbeddedCA
import Encoding
import PKI

extension GenericCAConfig {
    static let descriptor = IssuerDescriptor(
        type: .genericCA,
        title: "Local CA",
        schema: schema,
        capabilities: LocalCAConnector.capabilities,
        checkTogether: { checkPair($0) + checkDelta($0) + checkLists($0) }
    )

    /// A delta list has the scope of its base; the lists of shards have others (RFC 5280 §5.2.4).
    private static func checkDelta(_ config: JSONObject) -> [FieldProblem] {
        guard config["crl_delta"]?.boolValue == true, config["crl_partitions"]?.integerValue ?? 0 > 0 else { return [] }
        return [
            FieldProblem(
                pointer: "/config/crl_delta", code: "conflict",
                detail: "needs one list of all certificates; set crl_partitions to 0 or leave the delta lists out")
        ]
    }

    /// A list that ends before the next is made is none.
    private static func checkLists(_ config: JSONObject) -> [FieldProblem] {
        let validity = config["crl_validity_seconds"]?.integerValue ?? 0
        let interval = config["crl_interval_seconds"]?.integerValue ?? 0
        guard validity > 0, interval > 0, validity < 2 * interval else { return [] }
        return [
            FieldProblem(
                pointer: "/config/crl_validity_seconds", code: "conflict",
                detail: "is less than twice crl_interval_seconds: a list could end before the next is there")
        ]
    }

    private static let keySpecs = KeySpec.allCases

    private static let schema = ConfigSchema(authorityFields + leafFields)

    private static let authorityFields: [ConfigField] = [
        ConfigField(
            "ca_common_name",
            .string,
            title: "CA common name",
            description: "Subject of a generated root; without effect when a certificate is supplied.",
            defaultValue: .string(defaultCommonName),
            check: { value in
                (value.stringValue ?? "").unicodeScalars.count <= 64
                    ? nil : ConfigField.Refusal("too_long", "at most 64 characters (RFC 5280, appendix A.1)")
            }
        ),
        ConfigField(
            "key_algorithm",
            .choice(keySpecs.map(\.rawValue)),
            title: "CA key",
            description: "Key of a generated root.",
            defaultValue: .string(KeySpec.ecdsaP256.rawValue)
        ),
        ConfigField(
            "ca_validity_days",
            .integer(1...36_500),
            title: "CA validity",
            description: "Life time of a generated root, in days.",
            defaultValue: .integer(3650)
        ),
        ConfigField(
            "ca_cert_path",
            .string,
            title: "CA certificate file",
            description: "PEM on the server, the issuing certificate first, then its chain. Needs the key file.",
            check: absolutePath
        ),
        ConfigField(
            "ca_key_path",
            .string,
            title: "CA key file",
            description: "PEM on the server, readable by the server alone. Needs the certificate file.",
            check: absolutePath
        ),
        ConfigField(
            "key_driver",
            .choice(Driver.allCases.map(\.rawValue)),
            title: "CA key driver",
            description:
                "Where the key of the CA is: database, sealed; pkcs11, in a token that signs and never gives it away; "
                + "exec, in a signing process of this host; file, in a file of the server.",
            defaultValue: .string(Driver.database.rawValue)
        ),
        ConfigField(
            "key_ref",
            .string,
            title: "CA key reference",
            description:
                "The key in the token, as RFC 7512 writes it: pkcs11:token=LABEL;object=KEY; in the signing process: "
                + "signer:NAME; in a file: its path below the server's directory of CA keys. Without a CA certificate "
                + "file the key is made when there is none of this name.",
            check: keyReference
        ),
        ConfigField(
            "key_passphrase",
            .string,
            title: "Passphrase of the CA key",
            description:
                "Of a key in a file. A key that is made is encrypted under it. Without: that of the server's settings.",
            isSecret: true,
            check: { value in
                (value.stringValue ?? "").utf8.count <= 1024
                    ? nil : ConfigField.Refusal("too_long", "at most 1024 octets")
            }
        ),
    ]

    private static func keyReference(_ value: JSONValue) -> ConfigField.Refusal? {
        let text = value.stringValue ?? ""
        guard !text.isEmpty else { return nil }
        do {
            switch Driver(ofReference: text) {
            case .exec: _ = try SignerKeyName(reference: text)
            case .pkcs11: _ = try PKCS11URI(text)
            case .file:
                return FileKeyPath.problem(text).map { ConfigField.Refusal("invalid_key_ref", $0) }
            case .database, nil:
                return ConfigField.Refusal("invalid_key_ref", "must begin with pkcs11:, signer: or /")
            }
            return nil
        } catch {
            return ConfigField.Refusal("invalid_key_ref", "\(error)")
        }
    }

    private static let leafFields: [ConfigField] = [
        ConfigField(
            "issuing_ca_id",
            .string,
            title: "Issuing CA",
            description:
                "The CA of a tree which signs certificates whose profile names none. Empty: the one that fits and lives "
                + "longest.",
            check: { value in
                let text = value.stringValue ?? ""
                return text.isEmpty || IdentifierForm.accepts(text)
                    ? nil : ConfigField.Refusal("invalid_id", "is not the identifier of a CA")
            }
        ),
        ConfigField(
            "preferred_roots",
            .list(of: .string),
            title: "Preferred roots",
            description:
                "SHA-256 of the certificates of roots, in hexadecimal. Of several chains of a tree the shortest one to one of "
                + "them is sent first; without, the one by the parents of the CA.",
            defaultValue: .array([]),
            check: { value in
                let isSound = (value.arrayValue ?? []).allSatisfy { element in
                    let digits = (element.stringValue ?? "").utf8.filter { $0 != 0x3A }
                    return digits.count == 64
                        && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) }
                }
                return isSound
                    ? nil : ConfigField.Refusal("invalid_digest", "must be SHA-256 digests: 64 hexadecimal digits")
            }
        ),
        ConfigField(
            "validity_days",
            .integer(1...3650),
            title: "Certificate validity",
            description: "Longest life time of an issued certificate, in days.",
            defaultValue: .integer(90)
        ),
        ConfigField(
            "backdate_seconds",
            .integer(0...3600),
            title: "Backdating",
            description: "How far the start of the validity lies in the past, for clocks that run late.",
            defaultValue: .integer(60)
        ),
        ConfigField(
            "cn_policy",
            .choice(CommonNamePolicy.allCases.map(\.rawValue)),
            title: "Common name",
            description: "Whether the common name is kept, dropped, or taken from the first alternative name.",
            defaultValue: .string(CommonNamePolicy.keep.rawValue)
        ),
        urls("crl_distribution_point_urls", "CRL addresses", "Written as CRL distribution points."),
        ConfigField(
            "crl_partitions",
            .integer(0...256),
            title: "CRL shards",
            description:
                "Spreads the certificates over that many revocation lists, each named in its certificates. Needs "
                + "the server's public address for relying parties. 0: one list of all.",
            defaultValue: .integer(0)
        ),
        ConfigField(
            "crl_delta",
            .boolean,
            title: "Delta CRLs",
            description:
                "Publishes what changed since an earlier list beside the complete one, and names it in list and "
                + "certificates. Needs the server's public address for relying parties, and one list of all.",
            defaultValue: .bool(false)
        ),
        ConfigField(
            "crl_validity_seconds",
            .integer(0...Int64(RevocationListBounds.validities.upperBound)),
            title: "CRL validity",
            description:
                "How long a revocation list is good, at least a minute; CAs of a tree may say otherwise. 0: what "
                + "CERTCTL_CRL_VALIDITY says.",
            defaultValue: .integer(0),
            check: { value in
                (1..<Int64(RevocationListBounds.validities.lowerBound)).contains(value.integerValue ?? 0)
                    ? ConfigField.Refusal("out_of_range", "must be 0 or at least 60") : nil
            }
        ),
        ConfigField(
            "crl_interval_seconds",
            .integer(0...Int64(RevocationListBounds.intervals.upperBound)),
            title: "CRL interval",
            description:
                "How often a revocation list is made although nothing was revoked, at most half of its validity. 0: what "
                + "CERTCTL_CRL_GENERATION_INTERVAL says.",
            defaultValue: .integer(0)
        ),
        urls("ocsp_urls", "OCSP addresses", "Written into the authority information access."),
        ConfigField(
            "ocsp_unknown_as_revoked",
            .boolean,
            title: "Unknown numbers are revoked",
            description:
                "Answers OCSP requests for numbers that were never given as revoked since 1970 (RFC 6960 §2.2), for "
                + "clients that take unknown for good. Leave it off while an earlier CA with this key has certificates "
                + "that are not in the inventory.",
            defaultValue: .bool(false)
        ),
        urls("ca_issuers_urls", "CA certificate addresses", "Written into the authority information access."),
        ConfigField(
            "policy_oids",
            .list(of: .string),
            title: "Certificate policies",
            description: "Dotted object identifiers.",
            defaultValue: .array([]),
            check: { value in
                let isSound = (value.arrayValue ?? []).allSatisfy { OID(dotted: $0.stringValue ?? "") != nil }
                return isSound ? nil : ConfigField.Refusal("invalid_oid", "must be dotted object identifiers")
            }
        ),
    ]

    private static func urls(_ name: String, _ title: String, _ description: String) -> ConfigField {
        ConfigField(
            name,
            .list(of: .string),
            title: title,
            description: description,
            defaultValue: .array([]),
            check: { value in
                let isSound = (value.arrayValue ?? []).allSatisfy { element in
                    let text = element.stringValue ?? ""
                    return (text.hasPrefix("http://") || text.hasPrefix("https://")) && text.utf8.count <= 2048
                        && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
                }
                return isSound ? nil : ConfigField.Refusal("invalid_url", "must be http or https addresses")
            }
        )
    }

    private static func absolutePath(_ value: JSONValue) -> ConfigField.Refusal? {
        let path = value.stringValue ?? ""
        guard !path.isEmpty else { return nil }
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            return ConfigField.Refusal("invalid_path", "must be an absolute path on the server")
        }
        return nil
    }

    /// Certificate and key are supplied both or neither, and a key is in one place.
    private static func checkPair(_ config: JSONObject) -> [FieldProblem] {
        func has(_ name: String) -> Bool { config[name]?.stringValue?.isEmpty == false }
        let hasCertificate = has("ca_cert_path")
        let hasKey = has("ca_key_path")
        let driver = Driver(rawValue: config["key_driver"]?.stringValue ?? "") ?? .database
        let named = Driver(ofReference: config["key_ref"]?.stringValue ?? "")
        if let named, named != driver {
            return [
                FieldProblem(
                    pointer: "/config/key_ref", code: "unexpected",
                    detail: "names a key of another driver; set key_driver to \(named.rawValue)")
            ]
        }
        if has("key_passphrase"), driver != .file, !hasKey {
            return [
                FieldProblem(
                    pointer: "/config/key_passphrase", code: "unexpected",
                    detail: "only a key in a file has a passphrase; set key_driver to file, or ca_key_path")
            ]
        }
        if let form = driver.referenceForm { return checkHeld(config, driver, form, has) }
        guard hasCertificate != hasKey else { return [] }
        let missing = hasCertificate ? "ca_key_path" : "ca_cert_path"
        return [
            FieldProblem(
                pointer: "/config/\(missing)",
                code: "required",
                detail: "certificate and key of the CA are supplied both or neither"
            )
        ]
    }

    private static func checkHeld(
        _ config: JSONObject, _ driver: Driver, _ form: String, _ has: (String) -> Bool
    ) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        if !has("key_ref") {
            problems.append(
                FieldProblem(
                    pointer: "/config/key_ref", code: "required",
                    detail: "the key is named by its reference: \(form)"))
        }
        if has("ca_key_path") {
            problems.append(
                FieldProblem(
                    pointer: "/config/ca_key_path", code: "unexpected",
                    detail: "the key is either a file or with the driver \(driver.rawValue)"))
        }
        if driver == .pkcs11, let text = config["key_algorithm"]?.stringValue, let spec = KeySpec(rawValue: text),
            ![.ecdsa, .rsa].contains(spec.algorithm)
        {
            problems.append(
                FieldProblem(
                    pointer: "/config/key_algorithm", code: "unsupported",
                    detail: "keys in tokens are ECDSA or RSA, not \(text)"))
        }
        return problems
    }
}
