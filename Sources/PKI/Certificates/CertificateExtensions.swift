/// The extensions of a certificate or of an extension request, decoded where certctl understands them.
package struct CertificateExtensions: Hashable, Sendable {
    /// Most extensions accepted in one certificate or request.
    static let maximumCount = 64

    package private(set) var all: [CertificateExtension] = []
    /// The subjectAltName extension as received.
    private(set) var generalNames: [GeneralName] = []
    package private(set) var subjectAltNames: [SubjectAltName] = []
    /// Alternative names that are not of a kind or form that certctl issues, described.
    package var unsupportedNames: [String] { generalNames.compactMap(\.unsupported) }
    package private(set) var basicConstraints: BasicConstraints?
    package private(set) var keyUsage: KeyUsage?
    package private(set) var extendedKeyUsages: [OID] = []
    package private(set) var subjectKeyIdentifier: [UInt8]?
    package private(set) var authorityKeyIdentifier: [UInt8]?
    package private(set) var nameConstraints: NameConstraints?
    /// Addresses among ``distributionPoints``.
    package var crlDistributionPoints: [String] { distributionPoints.flatMap(\.urls) }
    private(set) var distributionPoints: [DistributionPoint] = []
    package private(set) var ocspURLs: [String] = []
    package private(set) var caIssuersURLs: [String] = []
    package private(set) var policies: [OID] = []
    package private(set) var policyMappings: [PolicyMapping] = []
    package private(set) var policyConstraints: PolicyConstraints?
    /// SkipCerts of the inhibitAnyPolicy extension (RFC 5280 §4.2.1.14).
    package private(set) var inhibitAnyPolicy: Int?
    /// TLS feature `status_request` (RFC 7633).
    package private(set) var mustStaple = false
    /// Critical extensions that certctl does not understand. A certificate with any must not be relied upon.
    package private(set) var unknownCritical: [OID] = []

    package static let none = CertificateExtensions()

    private init() {}

    /// Reads `Extensions`; a repeated extension is an error (RFC 5280 §4.2).
    init(_ node: DERNode, nameLimit: Int) throws(DERError) {
        let elements = try node.sequence("extensions", limit: Self.maximumCount).remaining
        guard !elements.isEmpty else { throw DERError("extensions is empty") }
        var seen: Set<OID> = []
        for element in elements {
            let parsed = try CertificateExtension(element)
            guard seen.insert(parsed.oid).inserted else { throw DERError("extension \(parsed.oid) occurs twice") }
            all.append(parsed)
            try decode(parsed, nameLimit: nameLimit)
        }
    }

    package func contains(_ oid: OID) -> Bool { all.contains { $0.oid == oid } }
    package subscript(oid: OID) -> CertificateExtension? { all.first { $0.oid == oid } }

    private mutating func decode(_ item: CertificateExtension, nameLimit: Int) throws(DERError) {
        let value = item.value[...]
        switch item.oid {
        case .subjectAltName:
            generalNames = try GeneralName.list(
                Self.sequence(value, "subjectAltName"), "subjectAltName", limit: nameLimit)
            subjectAltNames = generalNames.compactMap { if case .name(let name) = $0.value { name } else { nil } }
        case .basicConstraints: basicConstraints = try Self.basicConstraints(DERNode(parsing: value))
        case .keyUsage: keyUsage = try KeyUsage(DERNode(parsing: value))
        case .extendedKeyUsage:
            for node in try DERNode(parsing: value).sequence("extendedKeyUsage", limit: 64).remaining {
                extendedKeyUsages.append(try node.oid("key purpose"))
            }
        case .subjectKeyIdentifier:
            subjectKeyIdentifier = Array(try DERNode(parsing: value).octetString("subjectKeyIdentifier"))
        case .authorityKeyIdentifier:
            authorityKeyIdentifier = try AuthorityKeyIdentifier.keyIdentifier(DERNode(parsing: value))
        case .nameConstraints: nameConstraints = try NameConstraints(DERNode(parsing: value))
        case .crlDistributionPoints: distributionPoints = try DistributionPoint.list(DERNode(parsing: value))
        // Delta lists are found by their numbers, wherever they were published (RFC 5280 §5.2.4).
        case .freshestCRL: _ = try DistributionPoint.list(DERNode(parsing: value))
        case .authorityInfoAccess: try decodeInfoAccess(DERNode(parsing: value))
        case .certificatePolicies: policies = try CertificatePolicies.parse(DERNode(parsing: value))
        case .policyMappings: policyMappings = try PolicyMapping.list(DERNode(parsing: value))
        case .policyConstraints: policyConstraints = try PolicyConstraints(DERNode(parsing: value))
        case .inhibitAnyPolicy: inhibitAnyPolicy = try DERNode(parsing: value).smallInteger("inhibitAnyPolicy")
        case .tlsFeature:
            for node in try DERNode(parsing: value).sequence("TLS feature", limit: 16).remaining
            where try node.smallInteger("TLS feature") == 5 {
                mustStaple = true
            }
        default: if item.isCritical { unknownCritical.append(item.oid) }
        }
    }

    private static func sequence(_ value: ArraySlice<UInt8>, _ what: StaticString) throws(DERError) -> DERNode {
        let node = try DERNode(parsing: value)
        guard node.has(.sequence) else { throw DERError("\(what) must be a SEQUENCE") }
        return node
    }

    private static func basicConstraints(_ node: DERNode) throws(DERError) -> BasicConstraints {
        var fields = try node.sequence("basicConstraints", limit: 2)
        let isCA = try fields.next(if: .boolean)?.boolean("cA") ?? false
        let length = try fields.next(if: .integer)?.smallInteger("pathLenConstraint")
        try fields.end()
        return BasicConstraints(isCA: isCA, pathLenConstraint: length)
    }

    private mutating func decodeInfoAccess(_ node: DERNode) throws(DERError) {
        for description in try node.sequence("authorityInfoAccess", limit: 32).remaining {
            var fields = try description.sequence("access description", limit: 2)
            let method = try fields.next().oid("access method")
            let location = try fields.next()
            guard let url = try Self.url(location) else { continue }
            if method == .ocsp { ocspURLs.append(url) }
            if method == .caIssuers { caIssuersURLs.append(url) }
        }
    }

    /// The text of a URI general name.
    private static func url(_ node: DERNode) throws(DERError) -> String? {
        guard node.hasContextTag(6) else { return nil }
        return String(validating: try node.primitive("URI"), as: UTF8.self)
    }
}
