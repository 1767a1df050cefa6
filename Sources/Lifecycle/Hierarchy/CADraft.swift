package import Domain
import EmbeddedCA
package import Encoding
import PKI
import Store

/// What a client says about a new CA of a tree (specification, rest-api §7.6).
package struct CADraft: Sendable {
    package struct Subject: Hashable, Sendable {
        package var commonName = ""
        package var organization: [String] = []
        package var organizationalUnit: [String] = []
        package var country: [String] = []
        package var locality: [String] = []
        package var province: [String] = []

        package init() {}
    }

    package var issuerID: IssuerID
    /// `nil` for a root.
    package var parentID: AuthorityID?
    package var name = ""
    /// Of a CA that is made here.
    package var subject: Subject?
    /// A root that was made elsewhere.
    package var rootPEM: String?
    package var algorithm: String?
    /// Where the key is made: `database`, or `exec`, `file` or `pkcs11` with a reference.
    package var keyDriver: String?
    /// The key of a registered root, or the name of one to make in a token.
    package var keyReference: String?
    /// 0 for the usual life: ten years of a root, five of another CA.
    package var ttlDays = 0
    package var pathLength: Int?
    package var nameConstraints: JSONValue?
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []
    package var isIssuing: Bool?
    package var ocspURL: String?
    /// Of its revocation lists, in seconds; `nil` for what the issuer says.
    var listValiditySeconds: Int?
    var listIntervalSeconds: Int?
    package var metadata: [String: String] = [:]

    package init(issuerID: IssuerID) { self.issuerID = issuerID }
}

/// A draft that was found sound by itself.
struct CAPlan: Sendable {
    enum Making: Sendable {
        /// The certificate is made here.
        case made(DistinguishedName, KeySpec, in: KeyPlace)
        /// A root that is there already, with the reference of its key; without one the root is offline.
        case registered(X509Certificate, KeyReference?)
    }

    /// Where a key is made.
    enum KeyPlace: Sendable {
        case database
        /// With the driver of this name: a token, a signing process, a file.
        case held(KeyReference)

        var driver: String {
            switch self {
            case .database: AuthorityKeeper.ownDriver
            case .held(let reference): reference.driver
            }
        }
    }

    let draft: CADraft
    let name: String
    let making: Making
    let lifetime: Duration
    let constraints: NameConstraints?
    let extendedKeyUsages: [ExtendedKeyUsage]
    let policies: [OID]
    /// In whose place it will be.
    let succession: CASuccession?
    /// How long it is held at least, as it was asked for.
    var holdHours = 0

    private static let rootLifetime = Duration.days(3653)
    private static let childLifetime = Duration.days(1826)
    private static let longestLifetime = 36_500

    /// - `subject`: In place of the one in the draft.
    init(
        _ draft: CADraft, named subject: DistinguishedName? = nil, succession: CASuccession? = nil
    ) throws(ServiceError) {
        var problems = FieldProblems()
        self.draft = draft
        self.succession = succession
        name = problems.checkedName(draft.name)
        problems.checkRange(draft.ttlDays, at: "/ttl_days", 0...Self.longestLifetime)
        lifetime =
            draft.ttlDays > 0
            ? .days(Int64(draft.ttlDays)) : draft.parentID == nil ? Self.rootLifetime : Self.childLifetime
        if let length = draft.pathLength { problems.checkRange(length, at: "/path_len_constraint", 0...15) }
        constraints = Self.constraints(draft.nameConstraints, &problems)
        extendedKeyUsages = Self.usages(draft.allowedEKUs, &problems)
        policies = Self.policies(draft.policyOIDs, &problems)
        Self.check(url: draft.ocspURL, &problems)
        Self.check(draft.metadata, &problems)
        let making = draft.rootPEM == nil ? Self.made(draft, subject, &problems) : Self.registered(draft, &problems)
        try problems.throwIfAny()
        guard let making else { throw ServiceError(.internalError, "the checks of a CA are incomplete") }
        self.making = making
    }

    // MARK: What is made here

    private static func made(
        _ draft: CADraft, _ given: DistinguishedName?, _ problems: inout FieldProblems
    ) -> Making? {
        let subject = draft.subject
        guard given != nil || subject?.commonName.isEmpty == false else {
            let hint = draft.parentID == nil ? "; a root that exists is registered by its root_cert_pem" : ""
            problems.add("/subject/common_name", "required", "a CA has a common name" + hint)
            return nil
        }
        let spec = KeySpec(rawValue: draft.algorithm ?? KeySpec.ecdsaP256.rawValue)
        if spec == nil {
            let known = KeySpec.allCases.map(\.rawValue).joined(separator: ", ")
            problems.add("/algorithm", "unknown_algorithm", "must be one of \(known)")
        }
        let place = place(draft, spec, &problems)
        let name = given ?? subject.flatMap { distinguishedName($0, &problems) }
        guard let name, let spec, let place else { return nil }
        return .made(name, spec, in: place)
    }

    private static func place(
        _ draft: CADraft, _ spec: KeySpec?, _ problems: inout FieldProblems
    ) -> KeyPlace? {
        switch draft.keyDriver ?? AuthorityKeeper.ownDriver {
        case AuthorityKeeper.ownDriver:
            guard draft.keyReference == nil else {
                problems.add("/key_driver_id", "unexpected", "a key in the database gets its name there; leave it out")
                return nil
            }
            return .database
        case "pkcs11":
            if let spec, ![.ecdsa, .rsa].contains(spec.algorithm) {
                problems.add("/algorithm", "unsupported", "keys in tokens are ECDSA or RSA, not \(spec.rawValue)")
                return nil
            }
            do throws(PKCS11URIProblem) {
                let uri = try PKCS11URI(draft.keyReference ?? "")
                return .held(KeyReference(driver: "pkcs11", ref: uri.description))
            } catch {
                problems.add("/key_driver_id", "invalid_key_ref", error.description)
            }
        case "exec":
            do throws(SignerKeyNameProblem) {
                let name = try SignerKeyName(reference: draft.keyReference ?? "")
                return .held(KeyReference(driver: "exec", ref: name.reference))
            } catch {
                problems.add("/key_driver_id", "invalid_key_ref", error.description)
            }
        case "file":
            let path = draft.keyReference ?? ""
            if let problem = FileKeyPath.problem(path) {
                problems.add("/key_driver_id", "invalid_key_ref", problem)
                return nil
            }
            return .held(KeyReference(driver: "file", ref: path))
        case let other:
            problems.add(
                "/key_driver", "unknown_driver", "keys are made in database, exec, file or pkcs11, not in \(other)")
        }
        return nil
    }

    private static func distinguishedName(
        _ subject: CADraft.Subject, _ problems: inout FieldProblems
    ) -> DistinguishedName? {
        let groups: [(OID, [String])] = [
            (.countryName, subject.country), (.stateOrProvinceName, subject.province),
            (.localityName, subject.locality), (.organizationName, subject.organization),
            (.organizationalUnitName, subject.organizationalUnit), (.commonName, [subject.commonName]),
        ]
        let attributes = groups.flatMap { type, values in values.map { (type: type, value: $0) } }
        guard attributes.count <= 16 else {
            problems.add("/subject", "too_long", "at most 16 attributes")
            return nil
        }
        do throws(NameError) {
            return try DistinguishedName(attributes)
        } catch {
            problems.add("/subject", "invalid_name", error.description)
            return nil
        }
    }

    // MARK: A root from elsewhere

    private static func registered(_ draft: CADraft, _ problems: inout FieldProblems) -> Making? {
        guard draft.parentID == nil else {
            problems.add("/root_cert_pem", "unexpected", "is of a root, which has no parent_ca_id")
            return nil
        }
        let isRestated =
            draft.subject != nil || draft.algorithm != nil || draft.ttlDays != 0 || draft.pathLength != nil
            || draft.nameConstraints != nil || !draft.allowedEKUs.isEmpty || !draft.policyOIDs.isEmpty
        if isRestated {
            problems.add(
                "/root_cert_pem", "conflict",
                "the certificate says what the root is: leave subject, algorithm, ttl_days, path_len_constraint, "
                    + "name_constraints, allowed_ekus and policy_oids out")
        }
        do throws(CertificateError) {
            let bundle = try X509Certificate.bundle(pem: draft.rootPEM ?? "")
            guard bundle.count == 1 else {
                problems.add("/root_cert_pem", "invalid_certificate", "must be one certificate, not \(bundle.count)")
                return nil
            }
            return .registered(bundle[0], Self.reference(draft.keyReference, &problems))
        } catch {
            problems.add("/root_cert_pem", "invalid_certificate", error.description)
            return nil
        }
    }

    /// A file of the server or a key in a token; each form names its driver.
    static func reference(_ text: String?, _ problems: inout FieldProblems) -> KeyReference? {
        guard let text else { return nil }
        if text.hasPrefix("/"), !text.utf8.contains(0) { return KeyReference(driver: "file", ref: text) }
        do throws(PKCS11URIProblem) {
            return KeyReference(driver: "pkcs11", ref: try PKCS11URI(text).description)
        } catch {
            problems.add(
                "/key_driver_id", "invalid_key_ref",
                "is neither the absolute path of a key file nor a key in a token: \(error)")
            return nil
        }
    }

    // MARK: Parts

    static func constraints(_ json: JSONValue?, _ problems: inout FieldProblems) -> NameConstraints? {
        guard let json, !json.isNull else { return nil }
        do throws(NameConstraintProblem) {
            return try NameConstraints(json: json)
        } catch {
            problems.add("/name_constraints", "invalid_name_constraints", error.description)
            return nil
        }
    }

    static func usages(_ texts: [String], _ problems: inout FieldProblems) -> [ExtendedKeyUsage] {
        var usages: Set<ExtendedKeyUsage> = []
        for (index, text) in texts.enumerated() {
            if let usage = ExtendedKeyUsage(rawValue: text) {
                usages.insert(usage)
            } else {
                problems.add(
                    "/allowed_ekus/\(index)", "invalid_eku", "is neither a known purpose nor a dotted identifier")
            }
        }
        return ExtendedKeyUsage.ordered(usages)
    }

    static func policies(_ texts: [String], _ problems: inout FieldProblems) -> [OID] {
        texts.enumerated().compactMap { index, text in
            if let oid = OID(dotted: text) { return oid }
            problems.add("/policy_oids/\(index)", "invalid_oid", "is no dotted object identifier")
            return nil
        }
    }

    static func check(url: String?, _ problems: inout FieldProblems) {
        guard let url else { return }
        let parsed = try? URIName(url)
        guard let parsed, parsed.host != nil, ["http", "https"].contains(parsed.scheme), url.utf8.count <= 2048 else {
            problems.add("/ocsp_responder_url", "invalid_url", "must be an http or https address")
            return
        }
    }

    static func check(_ metadata: [String: String], _ problems: inout FieldProblems) {
        if metadata.count > 32 { problems.add("/metadata", "too_many", "at most 32 members") }
        for (key, value) in metadata where key.isEmpty || key.utf8.count > 64 || value.utf8.count > 1024 {
            problems.add("/metadata", "too_long", "keys have 1 to 64 octets and values at most 1024")
            return
        }
    }
}
