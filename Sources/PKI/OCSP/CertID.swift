import Crypto

/// The hashes by which a CertID names its issuer (RFC 6960 §4.1.1).
package enum CertIDHash: String, Hashable, Sendable, CaseIterable {
    /// Names an issuer, and protects nothing: most clients know no other.
    case sha1
    case sha256, sha384, sha512

    fileprivate var oid: OID {
        switch self {
        case .sha1: .sha1
        case .sha256: .sha256
        case .sha384: .sha384
        case .sha512: .sha512
        }
    }

    func digest(_ octets: [UInt8]) -> [UInt8] {
        switch self {
        case .sha1: Array(Insecure.SHA1.hash(data: octets))
        case .sha256: Array(SHA256.hash(data: octets))
        case .sha384: Array(SHA384.hash(data: octets))
        case .sha512: Array(SHA512.hash(data: octets))
        }
    }
}

/// A certificate as a client of OCSP names it: its issuer by hashes, and its serial number (RFC 6960 §4.1.1).
package struct CertID: Hashable, Sendable {
    /// `nil` for a hash that certctl does not compute: then it matches no issuer.
    package let hash: CertIDHash?
    package let issuerNameHash: [UInt8]
    package let issuerKeyHash: [UInt8]
    /// `nil` for a number that certctl never gives: negative, zero, or too long.
    package let serialNumber: SerialNumber?
    /// The hash, and whether its parameters are left out: with issuer and serial number it decides every octet.
    package let form: String
    /// As received: answers repeat it octet by octet.
    package let der: [UInt8]

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("certID", limit: 4)
        var algorithm = try fields.next().sequence("hashAlgorithm", limit: 2)
        let oid = try algorithm.next().oid("hashAlgorithm")
        let isBare = algorithm.isEmpty
        if !isBare, try !algorithm.next().isNull { throw DERError("hashAlgorithm has parameters") }
        try algorithm.end()
        let hash = CertIDHash.allCases.first { $0.oid == oid }
        self.hash = hash
        form = (hash?.rawValue ?? "?") + (isBare ? "-bare" : "")
        issuerNameHash = Array(try fields.next().octetString("issuerNameHash"))
        issuerKeyHash = Array(try fields.next().octetString("issuerKeyHash"))
        let serial = try fields.next().integer("serialNumber")
        try fields.end()
        serialNumber = (serial.first ?? 0x80) < 0x80 ? try? SerialNumber(serial) : nil
        der = Array(node.encoded)
    }

    /// Names the certificate of an issuer.
    package init(_ hash: CertIDHash, of serialNumber: SerialNumber, issuer: IssuerIdentity) {
        self.hash = hash
        self.serialNumber = serialNumber
        form = hash.rawValue
        (issuerNameHash, issuerKeyHash) = issuer.hashes(hash)
        der = DERWriter.sequence(
            DERWriter.sequence(DERWriter.oid(hash.oid), DERWriter.null), DERWriter.octetString(issuerNameHash),
            DERWriter.octetString(issuerKeyHash), DERWriter.integer(magnitude: serialNumber.magnitude))
    }

    /// Whether the certificate that is named is one of `issuer`.
    package func matches(_ issuer: IssuerIdentity) -> Bool {
        guard let hash else { return false }
        return issuer.hashes(hash) == (issuerNameHash, issuerKeyHash)
    }
}

/// What identifies an issuer to clients of OCSP: its name and its key.
package struct IssuerIdentity: Hashable, Sendable {
    private let name: [UInt8]
    private let keyBits: [UInt8]
    /// By ``CertIDHash``, computed once: every request asks for them.
    private let names: [CertIDHash: [UInt8]]
    private let keys: [CertIDHash: [UInt8]]

    package init(_ certificate: X509Certificate) {
        let (name, keyBits) = (certificate.subject.der, certificate.subjectPublicKey.keyBits)
        self.name = name
        self.keyBits = keyBits
        names = Dictionary(uniqueKeysWithValues: CertIDHash.allCases.map { ($0, $0.digest(name)) })
        keys = Dictionary(uniqueKeysWithValues: CertIDHash.allCases.map { ($0, $0.digest(keyBits)) })
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.name == right.name && left.keyBits == right.keyBits
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(keyBits)
    }

    fileprivate func hashes(_ hash: CertIDHash) -> (name: [UInt8], key: [UInt8]) {
        (names[hash] ?? [], keys[hash] ?? [])
    }
}
