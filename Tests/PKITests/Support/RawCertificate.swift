import Domain
import Testing

@testable import PKI

/// A certificate with any extensions whatever, for rules that certctl's own templates cannot break or express.
struct RawCertificate {
    var subject: DistinguishedName
    var isCA = false
    var pathLength: Int?
    /// Values by identifier; critical.
    var extensions: [(oid: OID, value: [UInt8])] = []
    /// Of the extensions that are there anyway, those that are critical although they should not be.
    var critical: Set<OID> = []
    var names: [[UInt8]] = []
    var keyIdentifier: [UInt8]?

    init(_ commonName: String, isCA: Bool = false) throws {
        subject = try DistinguishedName([(.organizationName, "Test"), (.commonName, commonName)])
        self.isCA = isCA
    }

    /// Signed by `key` under the name of `issuer`.
    func signed(
        for own: PrivateKey, by key: PrivateKey, issuer: DistinguishedName, serial: UInt8 = 1,
        until notAfter: Timestamp = TestAuthority.now + .days(365)
    ) throws -> X509Certificate {
        var list = [ExtensionEncoding.basicConstraints(isCA: isCA, pathLenConstraint: pathLength)]
        list.append(ExtensionEncoding.keyUsage(isCA ? [.keyCertSign, .cRLSign] : [.digitalSignature]))
        list.append(ExtensionEncoding.subjectKeyIdentifier(keyIdentifier ?? own.publicKey.keyIdentifier))
        list.append(ExtensionEncoding.authorityKeyIdentifier(key.publicKey.keyIdentifier))
        if !names.isEmpty {
            list.append(
                CertificateExtension(oid: .subjectAltName, isCritical: false, value: DERWriter.sequence(of: names)))
        }
        list += extensions.map {
            CertificateExtension(oid: $0.oid, isCritical: $0.oid != .policyMappings, value: $0.value)
        }
        list = list.map {
            CertificateExtension(oid: $0.oid, isCritical: $0.isCritical || critical.contains($0.oid), value: $0.value)
        }
        let algorithm = key.publicKey.signatureAlgorithm
        let tbs = DERWriter.sequence(
            DERWriter.explicit(0, DERWriter.integer(2)), DERWriter.integer(magnitude: [0x10, serial]), algorithm.der,
            issuer.der, DERWriter.sequence(DERTime.encode(TestAuthority.now), DERTime.encode(notAfter)), subject.der,
            own.publicKey.spkiDER, DERWriter.explicit(3, DERWriter.sequence(of: list.map(\.der))))
        let signature = try key.sign(tbs)
        return try X509Certificate(der: DERWriter.sequence(tbs, algorithm.der, DERWriter.bitString(signature)))
    }

    // MARK: Extension values

    static func constraints(permitted: [[UInt8]], excluded: [[UInt8]]) -> [UInt8] {
        func trees(_ tag: UInt8, _ names: [[UInt8]]) -> [UInt8] {
            names.isEmpty ? [] : DERWriter.element(0xA0 | tag, parts: names.map { DERWriter.sequence($0) })
        }
        return DERWriter.sequence(trees(0, permitted), trees(1, excluded))
    }

    static func policies(_ policies: [OID]) -> [UInt8] {
        DERWriter.sequence(of: policies.map { DERWriter.sequence(DERWriter.oid($0)) })
    }

    static func mappings(_ mappings: [(OID, OID)]) -> [UInt8] {
        DERWriter.sequence(of: mappings.map { DERWriter.sequence(DERWriter.oid($0.0), DERWriter.oid($0.1)) })
    }

    static func policyConstraints(explicit: UInt8?, mapping: UInt8?) -> [UInt8] {
        DERWriter.sequence(
            explicit.map { DERWriter.implicit(0, [$0]) } ?? [], mapping.map { DERWriter.implicit(1, [$0]) } ?? [])
    }

    static func mail(_ text: String) -> [UInt8] { DERWriter.implicit(1, Array(text.utf8)) }
    static func dns(_ text: String) -> [UInt8] { DERWriter.implicit(2, Array(text.utf8)) }
    static func uri(_ text: String) -> [UInt8] { DERWriter.implicit(6, Array(text.utf8)) }
    static func ip(_ octets: [UInt8]) -> [UInt8] { DERWriter.implicit(7, octets) }
    static func directory(_ name: DistinguishedName) -> [UInt8] { DERWriter.explicit(4, name.der) }
    static func registeredID(_ oid: OID) -> [UInt8] { DERWriter.implicit(8, oid.content) }
}
