package import Domain

/// Bits of the keyUsage extension (RFC 5280 §4.2.1.3), most significant first as in the BIT STRING.
package struct KeyUsage: OptionSet, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let digitalSignature = KeyUsage(rawValue: 1 << 15)
    package static let contentCommitment = KeyUsage(rawValue: 1 << 14)
    package static let keyEncipherment = KeyUsage(rawValue: 1 << 13)
    package static let dataEncipherment = KeyUsage(rawValue: 1 << 12)
    package static let keyAgreement = KeyUsage(rawValue: 1 << 11)
    package static let keyCertSign = KeyUsage(rawValue: 1 << 10)
    package static let cRLSign = KeyUsage(rawValue: 1 << 9)
    package static let encipherOnly = KeyUsage(rawValue: 1 << 8)
    package static let decipherOnly = KeyUsage(rawValue: 1 << 7)

    private static let names: [(KeyUsage, String)] = [
        (.digitalSignature, "digitalSignature"), (.contentCommitment, "contentCommitment"),
        (.keyEncipherment, "keyEncipherment"), (.dataEncipherment, "dataEncipherment"),
        (.keyAgreement, "keyAgreement"), (.keyCertSign, "keyCertSign"), (.cRLSign, "cRLSign"),
        (.encipherOnly, "encipherOnly"), (.decipherOnly, "decipherOnly"),
    ]

    package var description: String { names.joined(separator: ", ") }

    /// The names of RFC 5280, in the order of the bits.
    package var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }

    /// The bit with that name of RFC 5280; `nil` for another.
    package init?(name: String) {
        guard let known = Self.names.first(where: { $0.1 == name }) else { return nil }
        self = known.0
    }

    /// What only authorities do.
    package static let ofAuthorities: KeyUsage = [.keyCertSign, .cRLSign]

    /// What the key of a leaf can do by its family (RFC 3279 §2.3.1, RFC 5480 §3, RFC 8410 §5, RFC 9881 §5).
    package static func possible(for algorithm: KeyAlgorithm) -> KeyUsage {
        switch algorithm {
        case .rsa: [.digitalSignature, .contentCommitment, .keyEncipherment, .dataEncipherment]
        case .ecdsa: [.digitalSignature, .contentCommitment, .keyAgreement, .encipherOnly, .decipherOnly]
        case .ed25519, .mlDSA65, .mlDSA87: [.digitalSignature, .contentCommitment]
        }
    }

    init(_ node: DERNode) throws(DERError) {
        let (_, octets) = try node.namedBits("keyUsage")
        guard octets.count <= 2 else { throw DERError("keyUsage has more bits than are defined") }
        let first = UInt16(octets.first ?? 0) << 8
        rawValue = first | UInt16(octets.dropFirst().first ?? 0)
    }

    var der: [UInt8] { DERWriter.namedBits(rawValue) }
}

extension ExtendedKeyUsage {
    package var oid: OID {
        guard let oid = OID(dotted: dotted) else { preconditionFailure("the type holds identifiers alone") }
        return oid
    }

    /// `nil` for identifiers of a length that no purpose has.
    package init?(oid: OID) { self.init(rawValue: oid.description) }
}
