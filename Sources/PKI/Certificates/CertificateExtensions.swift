/// One extension as received.
package struct CertificateExtension: Hashable, Sendable {
    package let oid: OID
    package let isCritical: Bool
    /// Content of the OCTET STRING.
    package let value: [UInt8]

    package init(oid: OID, isCritical: Bool, value: [UInt8]) {
        self.oid = oid
        self.isCritical = isCritical
        self.value = value
    }

    var der: [UInt8] {
        DERWriter.sequence(
            DERWriter.oid(oid), isCritical ? DERWriter.boolean(true) : [], DERWriter.octetString(value))
    }
}

/// The basicConstraints extension (RFC 5280 §4.2.1.9).
package struct BasicConstraints: Hashable, Sendable {
    package let isCA: Bool
    package let pathLenConstraint: Int?
}

/// The extensions of a certificate or of an extension request, decoded where certctl understands them.
package struct CertificateExtensions: Hashable, Sendable {
    /// Most extensions accepted in one certificate or request.
    static let maximumCount = 64

    package private(set) var all: [CertificateExtension] = []
    package private(set) var subjectAltNames: [SubjectAltName] = []
    /// Alternative names that are not of a kind or form that certctl issues, described.
    package private(set) var unsupportedNames: [String] = []
    package private(set) var basicConstraints: BasicConstraints?
    package private(set) var keyUsage: KeyUsage?
    package private(set) var extendedKeyUsages: [OID] = []
    package private(set) var subjectKeyIdentifier: [UInt8]?
    package private(set) var authorityKeyIdentifier: [UInt8]?
    package private(set) var nameConstraints: NameConstraints?
    package private(set) var crlDistributionPoints: [String] = []
    package private(set) var ocspURLs: [String] = []
    package private(set) var caIssuersURLs: [String] = []
    package private(set) var policies: [OID] = []
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
            let parsed = try Self.parse(element)
            guard seen.insert(parsed.oid).inserted else { throw DERError("extension \(parsed.oid) occurs twice") }
            all.append(parsed)
            try decode(parsed, nameLimit: nameLimit)
        }
    }

    package func contains(_ oid: OID) -> Bool { all.contains { $0.oid == oid } }
    package subscript(oid: OID) -> CertificateExtension? { all.first { $0.oid == oid } }

    private static func parse(_ node: DERNode) throws(DERError) -> CertificateExtension {
        var fields = try node.sequence("extension", limit: 3)
        let oid = try fields.next().oid("extension identifier")
        let critical = try fields.next(if: .boolean)?.boolean("critical") ?? false
        let value = try fields.next().octetString("extension value")
        try fields.end()
        return CertificateExtension(oid: oid, isCritical: critical, value: Array(value))
    }

    private mutating func decode(_ item: CertificateExtension, nameLimit: Int) throws(DERError) {
        let value = item.value[...]
        switch item.oid {
        case .subjectAltName:
            for name in try GeneralName.list(value, limit: nameLimit) {
                switch name {
                case .name(let name): subjectAltNames.append(name)
                case .unsupported(let description): unsupportedNames.append(description)
                }
            }
        case .basicConstraints: basicConstraints = try Self.basicConstraints(DERNode(parsing: value))
        case .keyUsage: keyUsage = try KeyUsage(DERNode(parsing: value))
        case .extendedKeyUsage:
            for node in try DERNode(parsing: value).sequence("extendedKeyUsage", limit: 64).remaining {
                extendedKeyUsages.append(try node.oid("key purpose"))
            }
        case .subjectKeyIdentifier:
            subjectKeyIdentifier = Array(try DERNode(parsing: value).octetString("subjectKeyIdentifier"))
        case .authorityKeyIdentifier:
            var fields = try DERNode(parsing: value).sequence("authorityKeyIdentifier", limit: 3)
            authorityKeyIdentifier = try fields.next(ifContextTag: 0).map { node throws(DERError) in
                Array(try node.primitive("keyIdentifier"))
            }
        case .nameConstraints: nameConstraints = try NameConstraints(DERNode(parsing: value))
        case .crlDistributionPoints: crlDistributionPoints = try Self.distributionPoints(DERNode(parsing: value))
        case .authorityInfoAccess: try decodeInfoAccess(DERNode(parsing: value))
        case .certificatePolicies:
            for node in try DERNode(parsing: value).sequence("certificatePolicies", limit: 64).remaining {
                var fields = try node.sequence("policy", limit: 2)
                policies.append(try fields.next().oid("policy identifier"))
            }
        case .tlsFeature:
            for node in try DERNode(parsing: value).sequence("TLS feature", limit: 16).remaining
            where try node.smallInteger("TLS feature") == 5 {
                mustStaple = true
            }
        default: if item.isCritical { unknownCritical.append(item.oid) }
        }
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

    private static func distributionPoints(_ node: DERNode) throws(DERError) -> [String] {
        var urls: [String] = []
        for point in try node.sequence("cRLDistributionPoints", limit: 32).remaining {
            var fields = try point.sequence("distribution point", limit: 3)
            guard let name = fields.next(ifContextTag: 0) else { continue }
            let choice = try name.explicit("distribution point name")
            guard choice.hasContextTag(0) else { continue }
            for general in try choice.elements("full name", limit: 32) {
                if let url = try url(general) { urls.append(url) }
            }
        }
        return urls
    }

    /// The text of a URI general name.
    private static func url(_ node: DERNode) throws(DERError) -> String? {
        guard node.hasContextTag(6) else { return nil }
        return String(validating: try node.primitive("URI"), as: UTF8.self)
    }
}
